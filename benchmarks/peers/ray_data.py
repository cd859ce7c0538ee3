"""Ray Data as its documentation classifies images: read_images, map, map_batches with a class in two actors.

Asked for `bfloat16`, the actors compute in bfloat16 on channels_last, which the documentation does not do.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import ray
import torch
from networks import answer_requests, arguments, load, read_files, transform
from PIL import Image
from ray.data import ActorPoolStrategy, DataContext

BATCH_SIZE = 32
N_ACTORS = 2
_STORE_BYTES = 1_000_000_000


class Classifier:
    """A network in an actor."""

    def __init__(self, architecture: str, weights: str, n_classes: int, *, bfloat16: bool) -> None:
        self._model = load(architecture, weights, n_classes)
        self._bfloat16 = bfloat16
        if bfloat16:
            self._model = self._model.to(memory_format=torch.channels_last)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Classify a batch."""
        images = torch.from_numpy(np.stack(batch["transformed"]))
        if self._bfloat16:
            images = images.to(memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._bfloat16):
            return {"label": self._model(images).argmax(dim=1).numpy()}


def main() -> None:
    """Answer the benchmark."""
    options = arguments()
    # Actors find the module `networks` by this. One more place than actors: with two cores and two actors there would
    # be none for reading, and the documentation's program waits for ever.
    os.environ["PYTHONPATH"] = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    ray.init(
        num_cpus=max(N_ACTORS + 1, os.cpu_count() or 1),
        include_dashboard=False,
        log_to_driver=False,
        logging_level="error",
        object_store_memory=_STORE_BYTES,
    )
    context = DataContext.get_current()
    context.enable_progress_bars = False
    to_tensor = transform(options.size)

    def prepare(row: dict[str, Any]) -> dict[str, Any]:
        return {"transformed": to_tensor(Image.fromarray(row["image"])).numpy()}

    def classify(files: Sequence[str], how: str = "float32") -> Iterator[list[int]]:
        images = ray.data.read_images(list(files), mode="RGB").map(prepare)
        answers = images.map_batches(
            Classifier,
            fn_constructor_args=(options.architecture, options.weights, options.classes),
            fn_constructor_kwargs={"bfloat16": how == "bfloat16"},
            compute=ActorPoolStrategy(size=N_ACTORS),
            batch_size=BATCH_SIZE,
        )
        for batch in answers.iter_batches(batch_size=None, prefetch_batches=0):
            yield batch["label"].tolist()

    answer_requests(read_files(options.files), classify)
    ray.shutdown()


if __name__ == "__main__":
    main()
