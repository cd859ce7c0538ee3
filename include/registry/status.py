"""How a pipeline is: its champion, what waits, and how its latest runs ended."""

from datetime import datetime
from typing import NamedTuple

from include.catalog.plan import pending_images
from include.config import PipelineConfig
from include.registry.ledger import Champion, read_champion
from include.registry.publishing.publishing import Publication, read_publication
from include.warehouse.session import Warehouse

LATE_S = 3600
"""From when on an alert that was not delivered is shown."""


class Counts(NamedTuple):
    """A pipeline in numbers."""

    n_training_images: int
    n_incoming_images: int
    n_answered: int
    n_quarantined: int
    n_predictions: int
    n_versions: int


class LatestRun(NamedTuple):
    """The latest run of a kind."""

    run_id: str
    kind: str
    started_at: datetime
    finished_at: datetime | None
    outcome: str | None


class LateAlert(NamedTuple):
    """Something that people should have been told by now."""

    kind: str
    run_id: str
    due_at: datetime
    n_tries: int
    error: str | None
    """Why the last try failed."""


class PipelineStatus(NamedTuple):
    """How a pipeline is."""

    name: str
    champion: Champion | None
    published: Publication | None
    """What SQL can call; None: nothing."""
    counts: Counts
    n_pending: int
    latest_runs: tuple[LatestRun, ...]
    late_alerts: tuple[LateAlert, ...]
    """Undelivered for more than `LATE_S`, the oldest first."""


def read_status(warehouse: Warehouse, config: PipelineConfig) -> PipelineStatus:
    """Return how the pipeline is."""
    counts = warehouse.fetch(
        "registry/select_counts",
        Counts,
        training_stage=config.stages.training.name,
        incoming_stage=config.stages.incoming.name,
    )[0]
    return PipelineStatus(
        name=config.name,
        champion=read_champion(warehouse),
        published=read_publication(warehouse, function=config.registry.function),
        counts=counts,
        n_pending=len(pending_images(warehouse, config)),
        latest_runs=tuple(warehouse.fetch("runs/select_latest_runs", LatestRun)),
        late_alerts=tuple(warehouse.fetch("alerts/select_late_alerts", LateAlert, seconds=LATE_S)),
    )
