"""What a rollback changes for those who read the answers: which labels stay, which change, what has none for now."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from include.handover import Handover
from include.warehouse.session import Warehouse

MAX_CHANGES = 5
"""So many changes from one label to another are told; RECALLS has them all."""


@dataclass(frozen=True, kw_only=True)
class LabelChange:
    """Images that had one label and have another."""

    type_before: str
    type_after: str
    n_images: int

    def __str__(self) -> str:
        return f"{self.n_images:,} from {self.type_before} to {self.type_after}"


@dataclass(frozen=True, kw_only=True)
class Recall(Handover):
    """The live, readable images whose answer is of another version since a rollback, or is none for now."""

    n_kept: int = 0
    """The restored version, or one before it, says the same."""
    n_changed: int = 0
    """It says something else."""
    n_pending: int = 0
    """Only recalled versions had answered: they wait for an answer."""
    n_brought_back: int = 0
    """They waited, and the restored version's answer counts again."""
    changes: tuple[LabelChange, ...] = ()
    """From which label to which other one, the most frequent first, at most `MAX_CHANGES`."""
    n_changes: int = 0
    """How many there are in all."""

    @property
    def n_images(self) -> int:
        """How many images are affected."""
        return self.n_kept + self.n_changed + self.n_pending + self.n_brought_back

    @property
    def sentence(self) -> str:
        """What becomes of how many images, without a full stop."""
        if not self.n_images:
            return "every image that had an answer still has one"
        told = (
            (self.n_kept, "the label stays"),
            (self.n_changed, f"it changes ({self._changes_told})"),
            (self.n_brought_back, "there is one again"),
            (self.n_pending, "there is none until an inference run has answered"),
        )
        parts = [f"for {n:,} {what}" for n, what in told if n]
        affected = "1 image is affected" if self.n_images == 1 else f"{self.n_images:,} images are affected"
        return f"{affected}: {', '.join(parts)}"

    @property
    def _changes_told(self) -> str:
        told = [str(change) for change in self.changes]
        n_more = self.n_changes - len(told)
        return ", ".join([*told, f"and {n_more:,} more"] if n_more else told)


NOTHING_RECALLED = Recall()
"""No image is affected."""


class _VersionNumber(NamedTuple):
    version: int


class _Counts(NamedTuple):
    n_kept: int
    n_changed: int
    n_pending: int
    n_brought_back: int


class _Change(NamedTuple):
    type_before: str
    type_after: str
    n_images: int
    n_changes: int


def serving_versions(warehouse: Warehouse) -> tuple[int, ...]:
    """Return the versions whose answers count, best first."""
    return tuple(row.version for row in warehouse.fetch("registry/select_serving_versions", _VersionNumber))


def record_recall(warehouse: Warehouse, *, event_seq: int, served_before: Sequence[int]) -> None:
    """Store what a rollback changes, to be called in its transaction, after its event.

    Args:
        warehouse: A session, in an `alone` transaction.
        event_seq: The rollback's event.
        served_before: What `serving_versions` returned before it.
    """
    warehouse.run("recalls/insert_recalls", event_seq=event_seq, served_before=json.dumps(served_before))


def read_recall(warehouse: Warehouse, *, event_seq: int) -> Recall:
    """Return what a rollback has changed, as it was when it was made.

    Args:
        warehouse: A session.
        event_seq: The rollback's event; of one that an older release made nothing is known.
    """
    counts = warehouse.fetch("recalls/count_recalled", _Counts, event_seq=event_seq)[0]
    changes = warehouse.fetch("recalls/select_changes", _Change, event_seq=event_seq, max_changes=MAX_CHANGES)
    return Recall(
        **{name: int(count) for name, count in counts._asdict().items()},
        changes=tuple(
            LabelChange(type_before=row.type_before, type_after=row.type_after, n_images=int(row.n_images))
            for row in changes
        ),
        n_changes=changes[0].n_changes if changes else 0,
    )
