"""What all peers share: the network from its file, and the loop that answers the benchmark."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import nn
from torchvision import transforms
from torchvision.models import get_model

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def arguments() -> argparse.Namespace:
    """Return what each peer is told."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--architecture", required=True)
    parser.add_argument("--weights", required=True, help="a state dict, as torch saves it")
    parser.add_argument("--classes", type=int, required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--files", required=True, help="a file with the path of an image in each line")
    return parser.parse_args()


def read_files(list_file: str) -> list[str]:
    """Return the images' paths."""
    with open(list_file, encoding="utf-8") as lines:  # noqa: PTH123 - as a script that needs nothing else
        return lines.read().splitlines()


def load(architecture: str, weights: str, n_classes: int) -> nn.Module:
    """Return the network, as torchvision builds it."""
    model: nn.Module = get_model(architecture, num_classes=n_classes)
    model.load_state_dict(torch.load(weights, weights_only=True))
    return model.eval()


def transform(size: int) -> transforms.Compose:
    """Return the transform: the whole image as a square, as Driftgate's networks see it."""
    return transforms.Compose(
        [transforms.Resize((size, size)), transforms.ToTensor(), transforms.Normalize(mean=MEAN, std=STD)]
    )


def answer_requests(files: Sequence[str], classify: Callable[..., Iterator[Sequence[int]]]) -> None:
    """Read lines, a number of images and perhaps how, until the input ends; classify so many, and write JSON.

    Args:
        files: The images, of which the first are taken.
        classify: From images to the places of their classes, as they come: a batch after the other.
    """
    for line in sys.stdin:
        number, *how = line.split()
        started = time.monotonic()
        labels: list[int] = []
        first = None
        for batch in classify(files[: int(number)], *how):
            labels += batch
            first = first or {"n": len(labels), "seconds": time.monotonic() - started}
        seconds = time.monotonic() - started
        print(json.dumps({"n": len(labels), "seconds": seconds, "first": first, "labels": labels}), flush=True)
