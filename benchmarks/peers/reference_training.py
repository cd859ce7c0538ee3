"""torchvision's reference training loop (references/classification/train.py), with its defaults, on one machine.

As there: RandomResizedCrop and mirroring from JPEG files in the workers of a DataLoader, SGD with momentum 0.9 and
weight decay 0.0001, a learning rate that falls to a tenth each 30 of 90 epochs, batches of 32, the loss and the
accuracy read after each step, an evaluation after each epoch. Scaled to this size: the crop, what is resized before
the centre is cropped, the learning rate of 0.1, which is for eight processes of 32 images, and the workers.

It trains until it reaches the target, and prints what each epoch came to as a line of JSON.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, RandomSampler, SequentialSampler
from torchvision import transforms

from include.models.architectures import build

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
N_EPOCHS = 90
BATCH_SIZE = 32
LEARNING_RATE = 0.1 * BATCH_SIZE / 256
MOMENTUM = 0.9
WEIGHT_DECAY = 1e-4
STEP_EPOCHS, GAMMA = 30, 0.1

_Batch = tuple[torch.Tensor, torch.Tensor]


class Images(Dataset[tuple[torch.Tensor, int]]):
    """Image files with their labels, as ImageFolder reads them."""

    def __init__(self, samples: Sequence[tuple[str, int]], transform: transforms.Compose) -> None:
        self._samples = samples
        self._transform = transform

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        path, label = self._samples[index]
        with Image.open(path) as image:
            tensor: torch.Tensor = self._transform(image.convert("RGB"))
        return tensor, label


def main() -> None:
    """Train."""
    options = _options()
    torch.manual_seed(options.seed)
    training, test = _read(options.train), _read(options.test)
    n_classes = max(label for _, label in training) + 1
    started = time.monotonic()
    normalised = [
        transforms.PILToTensor(),
        transforms.ConvertImageDtype(torch.float),
        transforms.Normalize(mean=MEAN, std=STD),
    ]
    cropped = [transforms.RandomResizedCrop(options.size), transforms.RandomHorizontalFlip(0.5)]
    centred = [transforms.Resize(round(options.size * 256 / 224)), transforms.CenterCrop(options.size)]
    n_workers = len(os.sched_getaffinity(0))
    dataset, dataset_test = (
        Images(training, transforms.Compose([*cropped, *normalised])),
        Images(test, transforms.Compose([*centred, *normalised])),
    )
    loader = DataLoader(dataset, batch_size=BATCH_SIZE, sampler=RandomSampler(dataset), num_workers=n_workers)
    loader_test = DataLoader(
        dataset_test, batch_size=BATCH_SIZE, sampler=SequentialSampler(dataset_test), num_workers=n_workers
    )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = build(options.architecture, n_classes=n_classes).to(device)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=STEP_EPOCHS, gamma=GAMMA)
    for epoch in range(N_EPOCHS):
        _train_one_epoch(model, criterion, optimizer, loader, device)
        schedule.step()
        accuracy = _evaluate(model, criterion, loader_test, device)
        seconds = time.monotonic() - started
        print(json.dumps({"epoch": epoch + 1, "seconds": seconds, "accuracy": accuracy}), flush=True)
        if accuracy >= options.target or seconds > options.at_most:
            break


def _train_one_epoch(
    model: nn.Module,
    criterion: nn.Module,
    optimizer: torch.optim.Optimizer,
    loader: DataLoader[_Batch],
    device: torch.device,
) -> None:
    model.train()
    for images, targets in loader:
        image, target = images.to(device), targets.to(device)
        output = model(image)
        loss = criterion(output, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        _accuracy(output, target)
        loss.item()


def _evaluate(model: nn.Module, criterion: nn.Module, loader: DataLoader[_Batch], device: torch.device) -> float:
    model.eval()
    n_right = n_images = 0.0
    with torch.inference_mode():
        for images, targets in loader:
            image, target = images.to(device, non_blocking=True), targets.to(device, non_blocking=True)
            output = model(image)
            criterion(output, target).item()
            n_right += _accuracy(output, target) * len(targets)
            n_images += len(targets)
    return n_right / n_images


def _accuracy(output: torch.Tensor, target: torch.Tensor) -> float:
    return float((output.argmax(dim=1) == target).float().mean().item())


def _read(path: Path) -> list[tuple[str, int]]:
    """Return the files and the places of their classes from lines of both, with a tab between."""
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    return [(file, int(label)) for file, label in lines]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.reference_training", description=__doc__)
    parser.add_argument("--architecture", required=True)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--target", type=float, required=True, help="the accuracy that ends it")
    parser.add_argument("--at-most", type=float, required=True, help="the seconds after which it gives up")
    parser.add_argument("--seed", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main()
