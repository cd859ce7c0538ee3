"""The rule that others alarm by: Evidently's distances of confidences and of predicted classes, 0.1 or more.

Evidently 0.7 takes the Wasserstein distance in standard deviations of the reference for numbers, and the Jensen-Shannon
distance for categories, with 0.1 as the threshold of both, where the reference has more than 1,000 rows; a unit test
holds these functions against its own.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from benchmarks.drift.versions import Sample

THRESHOLD = 0.1
_MIN_SPREAD = 0.001


def wasserstein(reference: NDArray[np.floating], current: NDArray[np.floating]) -> float:
    """Return the Wasserstein-1 distance of two samples of confidences, in standard deviations of the reference."""
    return float(wasserstein_distance(reference, current)) / max(float(np.std(reference)), _MIN_SPREAD)


def jensen_shannon(reference: NDArray[np.int64], current: NDArray[np.int64]) -> float:
    """Return the Jensen-Shannon distance, with natural logarithms, of two samples of classes."""
    n_classes = int(max(reference.max(), current.max())) + 1
    shares = (np.bincount(sample, minlength=n_classes) / len(sample) for sample in (reference, current))
    return float(jensenshannon(*shares))


def alarms(reference: Sample, current: Sample) -> bool:
    """Whether one of the two distances reaches the threshold.

    Args:
        reference: The answers to the held-out images.
        current: Those to a window.
    """
    return (
        wasserstein(reference.confidences, current.confidences) >= THRESHOLD
        or jensen_shannon(reference.classes, current.classes) >= THRESHOLD
    )
