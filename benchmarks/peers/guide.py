"""The guide's way: open each URL, PIL, torchvision's transform, batches of 80, eager float32."""

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from urllib.request import urlopen

import torch
from networks import answer_requests, arguments, load, read_files, transform
from PIL import Image

BATCH_SIZE = 80


def main() -> None:
    """Answer the benchmark."""
    options = arguments()
    model, to_tensor = load(options.architecture, options.weights, options.classes), transform(options.size)

    def classify(files: Sequence[str]) -> Iterator[list[int]]:
        for start in range(0, len(files), BATCH_SIZE):
            images = []
            for file in files[start : start + BATCH_SIZE]:
                with urlopen(Path(file).as_uri()) as response:  # noqa: S310 - our own files
                    images.append(to_tensor(Image.open(BytesIO(response.read())).convert("RGB")))
            with torch.no_grad():
                labels = model(torch.stack(images)).argmax(dim=1)
            yield labels.tolist()

    answer_requests(read_files(options.files), classify)


if __name__ == "__main__":
    main()
