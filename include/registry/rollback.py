"""Going back to a version that was champion: one more row of the ledger, and everything else follows from it.

Which answers count, which images wait, and what a drift check compares with are views over the ledger or belong to the
version, so they switch with that row.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from include.errors import ChampionChangedError, RollbackRefusedError
from include.handover import Handover
from include.registry.alerts import enqueue
from include.registry.ledger import NO_CHAMPION_SEQ, Champion, append_event, champion_event_seq, read_champion
from include.registry.recalls import NOTHING_RECALLED, Recall, read_recall, record_recall, serving_versions
from include.warehouse.session import Warehouse


@dataclass(frozen=True, kw_only=True)
class Rollback(Handover):
    """A rollback that was made."""

    version: int
    """The version restored."""
    from_version: int
    """The champion until then."""
    event_seq: int
    recall: Recall = NOTHING_RECALLED
    """What it changed for those who read the answers."""

    @property
    def n_pending(self) -> int:
        """Live images that only recalled versions have answered."""
        return self.recall.n_pending

    @property
    def sentence(self) -> str:
        """The rollback in a sentence."""
        return (
            f"version {self.version} is champion again, in place of version {self.from_version}; {self.recall.sentence}"
        )


class _Made(NamedTuple):
    event_seq: int
    version: int
    from_version: int


class _VersionNumber(NamedTuple):
    version: int


class _EventSeq(NamedTuple):
    event_seq: int


class _Promoted(NamedTuple):
    version: int
    is_promoted: bool


def previous_version(warehouse: Warehouse) -> int | None:
    """Return the last champion before this one that was not recalled, or None if there is none."""
    row = warehouse.fetch_one("registry/select_previous_version", _VersionNumber)
    return row.version if row else None


def event_seq_at(warehouse: Warehouse, at: datetime) -> int:
    """Return the number of the event that had made the champion of a moment, `NO_CHAMPION_SEQ` if there was none.

    Args:
        warehouse: A session.
        at: The moment, aware.
    """
    row = warehouse.fetch_one(
        "registry/select_champion_event_at", _EventSeq, at=at.astimezone(UTC).replace(tzinfo=None)
    )
    return row.event_seq if row else NO_CHAMPION_SEQ


def roll_back(
    warehouse: Warehouse, *, to: int | None, expected_event_seq: int, reason: str, actor: str, run_id: str
) -> Rollback:
    """Make a former champion champion again; every version promoted since its own promotion is recalled.

    Only a rollback that names a recalled version brings it back. People, drift checks and a champion's probation all
    come here. What changes for those who read the answers is stored with it, in RECALLS.

    Args:
        warehouse: A session, not in a transaction.
        to: The version to restore; None: the previous version.
        expected_event_seq: The champion's event when the rollback was asked for. Of two that were asked for at once
            one wins: the other would go back from a champion that nobody complained of.
        reason: Why, in a sentence.
        actor: Who decided.
        run_id: The run that rolls back; once it did, its rollback stands, and is returned again.

    Raises:
        ChampionChangedError: The champion has changed since. Nothing is written.
        RollbackRefusedError: `to` is unknown, was never champion or is the champion, or there is nothing to go back to.
            Nothing is written.
    """

    def compare_and_set() -> _Made:
        known = warehouse.fetch_one("registry/select_rollback", _Made, run_id=run_id)
        if known is not None:
            return known
        champion = read_champion(warehouse)
        _refuse_other_champion(warehouse, champion, expected_event_seq)
        if champion is None:
            raise RollbackRefusedError(
                "there is no champion to roll back from: ./driftgate train makes the first version"
            )
        target = _previous(warehouse, champion) if to is None else _former_champion(warehouse, champion, to)
        served_before = serving_versions(warehouse)
        append_event(
            warehouse,
            "ROLLED_BACK",
            version=target,
            from_version=champion.version,
            actor=actor,
            reason=reason,
            run_id=run_id,
        )
        enqueue(warehouse, "rolled_back", run_id=run_id, about={"version": target})
        made = _Made(champion_event_seq(warehouse), target, champion.version)
        record_recall(warehouse, event_seq=made.event_seq, served_before=served_before)
        return made

    made = warehouse.alone(compare_and_set)
    return Rollback(**made._asdict(), recall=read_recall(warehouse, event_seq=made.event_seq))


def _refuse_other_champion(warehouse: Warehouse, champion: Champion | None, expected_event_seq: int) -> None:
    """Refuse a rollback from a champion that is not the one in mind."""
    current = champion.event_seq if champion else NO_CHAMPION_SEQ
    if current == expected_event_seq:
        return
    expected = warehouse.fetch_one("registry/select_champion_of_event", _VersionNumber, event_seq=expected_event_seq)
    before = str(expected.version) if expected else "none"
    now = str(champion.version) if champion else "none"
    changed = f"version {before} → {now}" if before != now else f"version {now}, made champion again by event {current}"
    raise ChampionChangedError(
        f"the champion has changed since this rollback was asked for ({changed}): look at ./driftgate status, and ask "
        "again if it is still wanted"
    )


def _previous(warehouse: Warehouse, champion: Champion) -> int:
    previous = previous_version(warehouse)
    if previous is None:
        raise RollbackRefusedError(
            f"there is nothing to go back to: no champion before version {champion.version} is left that was not "
            "recalled. Name a recalled version to bring it back, or train another with ./driftgate train"
        )
    return previous


def _former_champion(warehouse: Warehouse, champion: Champion, to: int) -> int:
    """Return the version asked for if it can be restored."""
    versions = {row.version: row.is_promoted for row in warehouse.fetch("registry/select_versions_promoted", _Promoted)}
    others = [str(number) for number, is_promoted in versions.items() if is_promoted and number != champion.version]
    choice = f"name one that was champion ({', '.join(others)})" if others else "no other version was champion yet"
    if to == champion.version:
        raise RollbackRefusedError(f"version {to} is the champion already: {choice}")
    if to not in versions:
        raise RollbackRefusedError(f"there is no version {to}: {choice}")
    if not versions[to]:
        raise RollbackRefusedError(f"version {to} was never champion: {choice}")
    return to
