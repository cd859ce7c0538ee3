"""What a verdict depends on, as far as the warehouse knows it: counts, whatever the number of answers."""

import json
import logging
from typing import NamedTuple

from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.drift.verdict import Episode, Requests
from include.errors import CatalogShrunkError, StageError
from include.models.baseline import Baseline
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)


class Standing(NamedTuple):
    """What earlier checks have consumed, asked for and done."""

    commit_seq: int
    """The last answer that a check has consumed; 0: none was."""
    retraining_check_id: str | None
    rolled_back_check_id: str | None
    labels_check_id: str | None
    """The check that found drift of this champion, and too few labels."""
    seconds_since_request: int | None
    n_requests_last_week: int

    @property
    def episode(self) -> Episode:
        """What was done since the last stable window."""
        return Episode(
            retraining_check_id=self.retraining_check_id,
            rolled_back_check_id=self.rolled_back_check_id,
        )

    @property
    def requests(self) -> Requests:
        """The requests for retraining."""
        seconds = self.seconds_since_request
        return Requests(
            hours_since_last=None if seconds is None else seconds / 3600,
            n_last_week=self.n_requests_last_week,
        )

    def is_still(self, other: "Standing") -> bool:
        """Whether no check has consumed, asked for or done anything between this and another reading."""
        return self[:4] == other[:4]


class Window(NamedTuple):
    """The answers of a version that no check has consumed."""

    n_images: int
    first_commit_seq: int | None
    """None: there are no answers."""
    last_commit_seq: int | None


class _BinCount(NamedTuple):
    label: str
    bin: int
    n_images: int


class _Count(NamedTuple):
    n: int


def read_standing(warehouse: Warehouse, *, champion_event_seq: int) -> Standing:
    """Return what earlier checks have consumed, asked for and done."""
    return warehouse.fetch("drift/select_standing", Standing, champion_event_seq=champion_event_seq)[0]


def read_window(warehouse: Warehouse, *, version: int, after_commit_seq: int) -> Window:
    """Return the answers of a version since the last one consumed, to images that no version had answered before."""
    return warehouse.fetch("drift/select_window", Window, version=version, after_commit_seq=after_commit_seq)[0]


def count_window(
    warehouse: Warehouse, *, version: int, window: Window, baseline: Baseline
) -> dict[str, tuple[int, ...]]:
    """Count the answers of a window in the bins of a baseline.

    Returns:
        For every class of the baseline, and every other one that was predicted, the images in each bin.
    """
    rows = warehouse.fetch(
        "drift/count_window",
        _BinCount,
        version=version,
        first_commit_seq=window.first_commit_seq,
        last_commit_seq=window.last_commit_seq,
        edges=json.dumps(baseline.edges),
    )
    n_bins = len(baseline.edges) - 1
    counts = {label: [0] * n_bins for label in (*baseline.counts_by_class, *sorted({row.label for row in rows}))}
    for row in rows:
        counts[row.label][row.bin] = row.n_images
    return {label: tuple(of_bins) for label, of_bins in counts.items()}


def count_new_labels(warehouse: Warehouse, config: PipelineConfig, *, version: int) -> int:
    """Return how many labelled images there are that are not in a version's snapshot with that label.

    The training stage is listed first, so that files that a person has just put there are seen. Where that fails, what
    is known already is counted: the check is not about that stage.
    """
    training, incoming = config.stages.training, config.stages.incoming
    try:
        sync_stage(warehouse, training, labels=config.labels, accept_removals=False)
    except (StageError, CatalogShrunkError) as error:
        log.warning("new labels are counted without a new look at stage %s: %s", training.name, error)
    return warehouse.fetch(
        "drift/count_new_labels", _Count, version=version, training_stage=training.name, incoming_stage=incoming.name
    )[0].n
