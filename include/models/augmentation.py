"""Changes to training images that leave their class as it is."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

MAX_SHIFT = 0.1
"""How far an image is moved, in both directions, as a share of its side."""
MAX_ZOOM = 0.1
"""By what share an image is made larger or smaller."""
MAX_GAIN = 0.2
"""By what share the distance from the mean colour is stretched or shrunk."""
MAX_BRIGHTENING = 0.2
"""By how many standard deviations of a channel an image is made brighter or darker."""


class Changes(NamedTuple):
    """What is done to each image of a batch: drawn before the images are there, so that others can be made ready."""

    transform: Tensor
    """[b, 2, 3], where each pixel comes from (`torch.nn.functional.affine_grid`)."""
    gain: Tensor
    """[b]."""
    brightening: Tensor
    """[b]."""

    def part(self, of: slice) -> "Changes":
        """Return those of some of the images."""
        return Changes(*(tensor[of] for tensor in self))


def draw_changes(n_images: int, generator: torch.Generator, *, horizontal_flip: bool) -> Changes:
    """Draw for each image its own shift, zoom, brightness and, if asked, whether it is mirrored.

    Args:
        n_images: The images of a batch.
        generator: On the CPU, the only source of randomness.
        horizontal_flip: Mirror half of the images; wrong where left and right matter, as for digits.
    """

    def uniform(limit: float) -> Tensor:
        return (torch.rand(n_images, generator=generator) * 2 - 1) * limit

    zoom = 1 + uniform(MAX_ZOOM)
    mirrored = torch.rand(n_images, generator=generator) < 0.5
    transform = torch.zeros(n_images, 2, 3)
    transform[:, 0, 0] = torch.where(mirrored, -zoom, zoom) if horizontal_flip else zoom
    transform[:, 1, 1] = zoom
    transform[:, :, 2] = 2 * torch.stack([uniform(MAX_SHIFT), uniform(MAX_SHIFT)], dim=1)  # the grid is 2 wide
    return Changes(transform, 1 + uniform(MAX_GAIN), uniform(MAX_BRIGHTENING))


def change(batch: Tensor, changes: Changes) -> Tensor:
    """Change the images of a batch. What is moved in from outside repeats the edge.

    One resampling does all that moves pixels, for the whole batch.

    Args:
        batch: Normalised images [b, 3, s, s].
        changes: One for each of them.
    """
    grid = functional.affine_grid(changes.transform, list(batch.shape), align_corners=False).to(batch.device)
    moved = functional.grid_sample(batch, grid, padding_mode="border", align_corners=False)
    gain, brightening = (tensor.view(-1, 1, 1, 1).to(batch.device) for tensor in (changes.gain, changes.brightening))
    return moved.mul_(gain).add_(brightening)
