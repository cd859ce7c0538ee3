"""What a network sees in an image, in a few numbers: its penultimate layer, projected.

Two samples of images are compared by these numbers. The layer itself has hundreds of outputs, most of which say the
same: on a few hundred images a two-sample test finds far less in all of them than in their main directions
(docs/adr/016-what-an-answer-holds.md).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from include.errors import ModelError
from include.models.baseline import evenly_spread
from include.models.compute import Compute

N_FEATURES = 16
"""The most numbers that an image is projected to."""
MAX_FITTED = 1024
"""The most training images that a projection is fitted on."""

_MIN_SPREAD = 1e-4
"""Directions in which images differ less than this, beside the main one, are rounding errors and would be blown up."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FeatureProjection:
    """From the penultimate layer's outputs to a few numbers with mean 0, variance 1, and nothing in common."""

    mean: NDArray[np.float32]
    """[n_outputs], of the images it was fitted on."""
    components: NDArray[np.float32]
    """[n_outputs, n_features]: principal components, each divided by the standard deviation in its direction."""

    @classmethod
    def fit(cls, outputs: NDArray[np.float32]) -> "FeatureProjection":
        """Find the directions in which images differ most (principal component analysis, whitened).

        The same outputs give the same projection: the largest loading of each component is positive.

        Args:
            outputs: The penultimate layer's outputs for images that neither the baseline nor any window holds,
                [n_images, n_outputs], at least one image.

        Returns:
            A projection to `N_FEATURES` numbers, or to fewer where images differ in fewer directions.

        Raises:
            ModelError: An output is not a number.
        """
        if not np.isfinite(outputs).all():
            raise ModelError("what the network's penultimate layer says is not a number: train it anew")
        with Compute().threads():  # one: several wait for each other longer than they compute
            return _fitted(torch.from_numpy(outputs).double())

    def project(self, outputs: NDArray[np.float32] | NDArray[np.float16]) -> NDArray[np.float32]:
        """Project the penultimate layer's outputs [n, n_outputs] to features [n, n_features].

        In double precision, so that an image gets the same features in whatever company it is projected.
        """
        # torch's threads are as many as a task may use; numpy's would be as many as there are cores
        centred = torch.from_numpy(outputs).double() - torch.from_numpy(self.mean).double()
        features: NDArray[np.float32] = (centred @ torch.from_numpy(self.components).double()).float().numpy()
        return features


def _fitted(outputs: Tensor) -> FeatureProjection:
    mean = outputs.mean(dim=0)
    directions, spreads = _main_directions(outputs - mean)
    largest = directions.gather(0, directions.abs().argmax(dim=0, keepdim=True))
    components = directions * largest.sign() / spreads
    return FeatureProjection(mean=mean.float().numpy(), components=components.float().contiguous().numpy())


def _main_directions(centred: Tensor) -> tuple[Tensor, Tensor]:
    """Return unit vectors [n_outputs, n_features] and the standard deviation in each, the largest first.

    They are eigenvectors of the smaller one of the two products of the outputs with themselves, whose eigenvalues are
    the same: of 1,024 images or of 2,048 outputs that takes half a second, the singular values of both ten.
    """
    n_images, n_outputs = centred.shape
    is_wide = n_outputs > n_images
    squares, vectors = torch.linalg.eigh(centred @ centred.T if is_wide else centred.T @ centred)
    lengths = squares.clamp(min=0).sqrt().flip(0)[:N_FEATURES]
    vectors = vectors.flip(1)[:, :N_FEATURES]
    kept = (lengths > 0) & (lengths > _MIN_SPREAD * lengths[0])
    lengths, vectors = lengths[kept], vectors[:, kept]
    directions = centred.T @ vectors / lengths if is_wide else vectors
    return directions, lengths / max(1, n_images - 1) ** 0.5


def fitting_places(n_images: int) -> NDArray[np.int64]:
    """Return the places of the images that a projection is fitted on: at most `MAX_FITTED`, evenly spread."""
    return evenly_spread(n_images, at_most=MAX_FITTED)
