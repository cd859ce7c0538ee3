"""Changes to training images that leave their class as it is."""

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


def augment(batch: Tensor, generator: torch.Generator, *, horizontal_flip: bool) -> Tensor:
    """Shift, zoom, brighten and, if asked, mirror each image of a batch by its own random amounts.

    What is moved in from outside repeats the edge. One resampling does all that moves pixels, for the whole batch.

    Args:
        batch: Normalised images [b, 3, s, s].
        generator: On the CPU, the only source of randomness.
        horizontal_flip: Mirror half of the images; wrong where left and right matter, as for digits.
    """
    n_images = len(batch)

    def uniform(limit: float) -> Tensor:
        return (torch.rand(n_images, generator=generator) * 2 - 1) * limit

    zoom = 1 + uniform(MAX_ZOOM)
    mirrored = torch.rand(n_images, generator=generator) < 0.5
    transform = torch.zeros(n_images, 2, 3)
    transform[:, 0, 0] = torch.where(mirrored, -zoom, zoom) if horizontal_flip else zoom
    transform[:, 1, 1] = zoom
    transform[:, :, 2] = 2 * torch.stack([uniform(MAX_SHIFT), uniform(MAX_SHIFT)], dim=1)  # the grid is 2 wide
    gain = (1 + uniform(MAX_GAIN)).view(-1, 1, 1, 1).to(batch.device)
    brightening = uniform(MAX_BRIGHTENING).view(-1, 1, 1, 1).to(batch.device)

    grid = functional.affine_grid(transform, list(batch.shape), align_corners=False).to(batch.device)
    moved = functional.grid_sample(batch, grid, padding_mode="border", align_corners=False)
    return moved.mul_(gain).add_(brightening)
