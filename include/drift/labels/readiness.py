"""How many labels there are to retrain with, and what follows once there are enough."""

from dataclasses import dataclass
from typing import Literal

from include.config import PipelineConfig
from include.drift.evidence import count_new_labels
from include.drift.standing import read_standing
from include.registry.ledger import read_champion
from include.warehouse.session import Warehouse


@dataclass(frozen=True, kw_only=True)
class LabelReadiness:
    """Labels that the champion has not seen, beside what a retraining needs."""

    pipeline: str
    version: int | None
    """The champion; None: there is none."""
    n_new: int
    n_needed: int
    open_check_id: str | None
    """The check whose drift waits for labels; None: none does."""
    mode: Literal["automatic", "approval", "alert_only"]

    @property
    def n_missing(self) -> int:
        """How many labels a retraining still needs."""
        return max(0, self.n_needed - self.n_new)

    @property
    def state(self) -> str:
        """How many labels there are, in a sentence."""
        if self.version is None:
            return "no version is champion yet, so every label is new"
        missing = f"{self.n_missing:,} more are needed" if self.n_missing else "that is enough"
        return (
            f"{self.n_new:,} of {self.n_needed:,} labels that version {self.version} has not seen are there for a "
            f"retraining: {missing}"
        )

    @property
    def follows(self) -> str:
        """What happens next, in a sentence."""
        train = f"./driftgate train {self.pipeline}"
        if self.version is None:
            return f"{train} trains the first one"
        if self.open_check_id is None:
            return f"no drift waits for labels: the next training takes them, and {train} starts one"
        if self.n_missing:
            return f"the drift of check {self.open_check_id} waits for them; until then nothing is trained"
        if self.mode == "alert_only":
            return f"retraining.mode is alert_only, so nothing starts by itself: {train} trains a new version"
        asks = "asks a person whether to retrain" if self.mode == "approval" else "starts the retraining"
        return (
            f"the next inference run {asks}, because of the drift of check {self.open_check_id}, unless cool-down or "
            f"budget forbid it: ./driftgate infer {self.pipeline} starts one now"
        )


def read_readiness(warehouse: Warehouse, config: PipelineConfig) -> LabelReadiness:
    """Return how many labels there are that the champion has not seen; the training stage is listed anew."""
    champion = read_champion(warehouse)
    open_check_id, n_new = None, 0
    if champion is not None:
        standing = read_standing(warehouse, champion_event_seq=champion.event_seq, n_windows=1)
        open_check_id = standing.open_check_id
        n_new = count_new_labels(warehouse, config, version=champion.version)
    return LabelReadiness(
        pipeline=config.name,
        version=champion.version if champion else None,
        n_new=n_new,
        n_needed=config.retraining.min_new_labels,
        open_check_id=open_check_id,
        mode=config.retraining.mode,
    )
