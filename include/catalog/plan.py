"""What there is to do: the images that wait for an answer, packed into batches."""

import logging
import math
import os
from collections.abc import Sequence
from itertools import pairwise

from include.catalog.keys import ImageKey
from include.config import PipelineConfig
from include.errors import ConfigError
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

MAX_BATCHES = 128
"""Thousands of mapped tasks slow Airflow's scheduler; this many do not."""

MAX_TASKS_VARIABLE = "DRIFTGATE_MAX_TASKS"
"""The most batches of a run where the pipeline file says nothing: set where tasks run on other machines, too."""


def pending_images(warehouse: Warehouse, config: PipelineConfig) -> list[ImageKey]:
    """Return the live, readable incoming images that wait for an answer, sorted.

    Those without an answer that counts, and those that the champion is to answer though an earlier version has
    (`inference.rescore_on_promotion`).
    """
    return warehouse.fetch(
        "catalog/select_pending_images",
        ImageKey,
        stage_name=config.stages.incoming.name,
        rescore=config.inference.rescore_on_promotion,
    )


def into_batches(keys: Sequence[ImageKey], *, batch_size: int, max_batches: int | None = None) -> list[list[ImageKey]]:
    """Split images, sorted, into batches whose sizes differ by at most one.

    Args:
        keys: The images.
        batch_size: How many images a batch should hold at most, as long as that makes no more than `max_batches`.
        max_batches: The most batches; by default DRIFTGATE_MAX_TASKS, else the cores of this machine. Never over 128.

    Raises:
        ConfigError: DRIFTGATE_MAX_TASKS is no number.
    """
    if not keys:
        return []
    most = min(max_batches or _most_by_default(), MAX_BATCHES)
    n_batches = min(math.ceil(len(keys) / batch_size), most)
    ordered = sorted(keys)
    bounds = [round(i * len(ordered) / n_batches) for i in range(n_batches + 1)]
    return [ordered[start:end] for start, end in pairwise(bounds)]


def _most_by_default() -> int:
    text = os.environ.get(MAX_TASKS_VARIABLE)
    if not text:
        return len(os.sched_getaffinity(0))
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ConfigError(f"{MAX_TASKS_VARIABLE}: should be a number from 1 to {MAX_BATCHES}, is {text!r}")
    return int(text)
