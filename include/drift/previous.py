"""What the previous version says of the window that the champion is not at home with."""

import logging
from typing import NamedTuple

from include.catalog.keys import ImageKey
from include.config import PipelineConfig
from include.drift.arbiter.verdict import PreviousOnWindow
from include.drift.asking import MAX_IMAGES, ask_version
from include.drift.statistics.measuring import measure_window
from include.drift.statistics.window import WindowCounts
from include.models.baseline import CONFIDENCE_EDGES
from include.registry.baselines import read_baseline
from include.registry.rollback import previous_version
from include.store.files import FileStore
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

_LEAST_SHARE_ANSWERED = 0.5
"""Of the window's images: by fewer answers any version would look at home, as so few can show no drift."""


class WindowRange(NamedTuple):
    """The answers that a check looks at."""

    version: int
    """The champion that gave them."""
    first_commit_seq: int
    last_commit_seq: int


def compare_previous(
    warehouse: Warehouse,
    store: FileStore,
    config: PipelineConfig,
    *,
    window: WindowRange,
    n_images: int,
    seed: int,
    run_id: str,
    work_path: str,
) -> PreviousOnWindow | None:
    """Hold the previous version's answers to a window against its own baseline.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        config: The run's config.
        window: The images, by the champion's answers to them.
        n_images: How many they are.
        seed: Of the draws.
        run_id: The run that asks.
        work_path: Where this try of the task may put files below the work stage.

    Returns:
        None: there is no previous version, or it cannot be asked, or has answered too few images to go by.
    """
    version = previous_version(warehouse)
    if version is None:
        return None
    baseline = read_baseline(warehouse, version)
    if baseline is None or not baseline.n_images or baseline.edges != CONFIDENCE_EDGES:
        log.warning("version %d has no baseline that its answers can be compared with, so it is not asked", version)
        return None
    answers = previous_on_window(
        warehouse, store, config, version=version, window=window, run_id=run_id, work_path=work_path
    )
    n_answered, n_asked = answers.n_images if answers else 0, min(n_images, MAX_IMAGES)
    if answers is None or n_answered < _LEAST_SHARE_ANSWERED * n_asked:
        log.warning("version %d answered %d of %d images, which is too few to go by", version, n_answered, n_asked)
        return None
    measured = measure_window(baseline, answers, drift=config.drift, seed=seed)
    confidences = next((signal.comparison for signal in measured.signals if signal.name == "confidences"), None)
    return PreviousOnWindow(version=version, accuracy=measured.accuracy, comparison=confidences)


def previous_on_window(
    warehouse: Warehouse,
    store: FileStore,
    config: PipelineConfig,
    *,
    version: int,
    window: WindowRange,
    run_id: str,
    work_path: str,
) -> WindowCounts | None:
    """Return how another version answers the images of a window, as counts; its answers are not kept.

    The images are prepared as that version's card says, as far as they are not. What cannot be fetched or decoded is
    left out. Of a large window a sample is taken, the same one in each try.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        config: The run's config.
        version: The version that is asked.
        window: The images, by the champion's answers to them.
        run_id: The run that asks.
        work_path: Where this try of the task may put files below the work stage.

    Returns:
        None: none of the images can be read any more, or the version cannot answer (the log says why); it is then no
        version to go back to.

    Raises:
        ArtefactError: There is no such version.
    """
    answers = ask_version(
        warehouse,
        store,
        config,
        _window_keys(warehouse, window),
        version=version,
        run_id=run_id,
        work_path=work_path,
    )
    return answers.counts if answers else None


def _window_keys(warehouse: Warehouse, window: WindowRange) -> list[ImageKey]:
    keys = warehouse.fetch("drift/select_window_keys", ImageKey, n_images=MAX_IMAGES, **window._asdict())
    return sorted(keys)
