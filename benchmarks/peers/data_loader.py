"""A plain DataLoader: torchvision's transforms in two workers, eager float32."""

from collections.abc import Iterator, Sequence

import torch
from networks import answer_requests, arguments, load, read_files, transform
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

BATCH_SIZE = 64
N_WORKERS = 2


class Images(Dataset[torch.Tensor]):
    """Image files, transformed."""

    def __init__(self, files: Sequence[str], to_tensor: transforms.Compose) -> None:
        self._files = files
        self._to_tensor = to_tensor

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self._files[index]) as image:
            tensor: torch.Tensor = self._to_tensor(image.convert("RGB"))
        return tensor


def main() -> None:
    """Answer the benchmark."""
    options = arguments()
    model, to_tensor = load(options.architecture, options.weights, options.classes), transform(options.size)

    def classify(files: Sequence[str]) -> Iterator[list[int]]:
        loader = DataLoader(Images(files, to_tensor), batch_size=BATCH_SIZE, num_workers=N_WORKERS)
        for batch in loader:
            with torch.inference_mode():
                labels = model(batch).argmax(dim=1)
            yield labels.tolist()

    answer_requests(read_files(options.files), classify)


if __name__ == "__main__":
    main()
