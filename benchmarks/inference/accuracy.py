"""What speed costs in accuracy: the engine's answers against float32 on plainly decoded pixels."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.inference.networks import InMemoryImages, MadeNetwork, Network, plain_pixels
from benchmarks.photos import Photo
from include.models.artefact import load
from include.models.compute import Compute
from include.models.prediction import predict_logits

_HELD_OUT_EVERY = 3


class GivenUp(NamedTuple):
    """The accuracy of both on the same held-out photos."""

    plain: float
    engine: float
    n_photos: int
    n_other_answers: int
    """Photos that get another class."""

    @property
    def points(self) -> float:
        """What is given up, in percentage points; negative: the engine is right more often."""
        return 100 * (self.plain - self.engine)


def training_half(photos: Sequence[Photo]) -> list[Photo]:
    """Return the photos that the small CNN is trained on: two of three."""
    return [photo for place, photo in enumerate(photos) if place % _HELD_OUT_EVERY]


def accuracy_given_up(
    network: Network, made: MadeNetwork, photos: Sequence[Photo], answers: Mapping[str, str]
) -> GivenUp:
    """Compare the engine's answers with what the network says in float32, eager, to pixels that were decoded in full.

    Args:
        network: The network.
        made: Its files.
        photos: All photos, in the order in which they were staged.
        answers: The committed answers, by the paths that `stage_photos` gives.
    """
    torch.set_num_threads(1)
    answered = {int(PurePosixPath(path).stem): label for path, label in answers.items() if path.startswith("00/")}
    places = [place for place in sorted(answered) if not place % _HELD_OUT_EVERY]
    held_out = [photos[place] for place in places]
    loaded = load(made.artefact, sha256=made.card_sha256)
    images = InMemoryImages(plain_pixels(held_out, network.size))
    logits = predict_logits(loaded.model, images, compute=Compute())
    plain = np.array([loaded.card.classes[place] for place in logits.argmax(axis=1)])
    truth, engine = np.array([photo.label for photo in held_out]), np.array([answered[place] for place in places])
    return GivenUp(
        plain=float((plain == truth).mean()),
        engine=float((engine == truth).mean()),
        n_photos=len(places),
        n_other_answers=int((plain != engine).sum()),
    )
