"""How a pipeline is: its champion, what waits, and how its latest runs ended."""

from datetime import datetime
from typing import NamedTuple

from include.catalog.plan import pending_images
from include.config import PipelineConfig
from include.registry.ledger import Champion, read_champion
from include.warehouse.session import Warehouse


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


class PipelineStatus(NamedTuple):
    """How a pipeline is."""

    name: str
    champion: Champion | None
    counts: Counts
    n_pending: int
    latest_runs: tuple[LatestRun, ...]


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
        counts=counts,
        n_pending=len(pending_images(warehouse, config)),
        latest_runs=tuple(warehouse.fetch("runs/select_latest_runs", LatestRun)),
    )
