"""The ledger: which versions there are, what was decided about each, and which one is champion.

Every fact is an appended row. The champion is what the latest promotion or rollback points to, so both are the same
move of one pointer.
"""

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, NamedTuple

from include.config import PipelineConfig
from include.errors import ArtefactError, PromotionRefusedError
from include.models.baseline import Baseline
from include.registry.alerts import enqueue
from include.registry.baselines import insert_baseline
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

Event = Literal["REGISTERED", "GATE_PASSED", "GATE_FAILED", "APPROVED", "REJECTED", "PROMOTED", "ROLLED_BACK"]

DRIFTGATE = "driftgate"
"""The actor of what nobody decided but the rules."""

NO_CHAMPION_SEQ = 0
"""The event number that stands for "there is no champion yet": real ones start at 1."""


class Champion(NamedTuple):
    """The version in production."""

    version: int
    event_seq: int
    """The event that made it champion: what a promotion compares and sets."""
    since: datetime
    artifact_path: str
    sha256: str
    config: PipelineConfig
    metrics: Mapping[str, Any]


class Version(NamedTuple):
    """A registered version."""

    version: int
    artifact_path: str
    sha256: str
    config: PipelineConfig
    metrics: Mapping[str, Any]


class LedgerEvent(NamedTuple):
    """One row of the ledger."""

    event_seq: int
    event: str
    version: int | None
    from_version: int | None
    actor: str
    reason: str | None
    run_id: str | None
    at: datetime


class _ChampionRow(NamedTuple):
    version: int
    event_seq: int
    at: datetime
    artifact_path: str
    sha256: str
    config: str
    metrics: str


class _VersionRow(NamedTuple):
    version: int
    artifact_path: str
    sha256: str
    config: str
    metrics: str


class _VersionNumber(NamedTuple):
    version: int


def read_champion(warehouse: Warehouse) -> Champion | None:
    """Return the champion, or None if no version was promoted yet."""
    row = warehouse.fetch_one("registry/select_champion", _ChampionRow)
    if row is None:
        return None
    return Champion(
        version=row.version,
        event_seq=row.event_seq,
        since=row.at,
        artifact_path=row.artifact_path,
        sha256=row.sha256,
        config=PipelineConfig.from_json(row.config),
        metrics=json.loads(row.metrics),
    )


def read_version(warehouse: Warehouse, version: int) -> Version:
    """Return a registered version.

    Raises:
        ArtefactError: There is no such version.
    """
    row = warehouse.fetch_one("registry/select_version", _VersionRow, version=version)
    if row is None:
        raise ArtefactError(f"there is no version {version} in MODEL_VERSIONS")
    return Version(
        version=row.version,
        artifact_path=row.artifact_path,
        sha256=row.sha256,
        config=PipelineConfig.from_json(row.config),
        metrics=json.loads(row.metrics),
    )


def read_events(warehouse: Warehouse, version: int) -> list[LedgerEvent]:
    """Return what the ledger says of a version, in order."""
    return warehouse.fetch("registry/select_events", LedgerEvent, version=version)


def champion_event_seq(warehouse: Warehouse) -> int:
    """Return the number of the event that made the champion, `NO_CHAMPION_SEQ` if there is none."""
    champion = read_champion(warehouse)
    return champion.event_seq if champion else NO_CHAMPION_SEQ


def register(
    warehouse: Warehouse,
    *,
    config: PipelineConfig,
    snapshot_id: str,
    metrics: Mapping[str, Any],
    n_training_images: int,
    artifact_path: str,
    sha256: str,
    temperature: float,
    baseline: Baseline,
    run_id: str,
) -> int:
    """Append a version, with its baseline, whose files are uploaded and verified.

    The same files of the same run are one version.

    Returns:
        The version's number.
    """

    def append() -> int:
        known = warehouse.fetch_one("registry/select_registered", _VersionNumber, run_id=run_id, sha256=sha256)
        if known is not None:
            return known.version
        warehouse.run(
            "registry/insert_version",
            snapshot_id=snapshot_id,
            config=config.to_json(),
            metrics=json.dumps(metrics, sort_keys=True),
            n_training_images=n_training_images,
            artifact_path=artifact_path,
            sha256=sha256,
            temperature=temperature,
            run_id=run_id,
        )
        row = warehouse.fetch_one("registry/select_registered", _VersionNumber, run_id=run_id, sha256=sha256)
        if row is None:
            raise ArtefactError(f"the version of run {run_id} was not stored")
        insert_baseline(warehouse, row.version, baseline)
        append_event(warehouse, "REGISTERED", version=row.version, run_id=run_id, reason=None)
        return row.version

    version = warehouse.alone(append)
    log.info("version %d is registered", version)
    return version


def record_gate(warehouse: Warehouse, *, version: int, passed: bool, reason: str, run_id: str) -> None:
    """Append what the gate said of a version, once for a run; people are told of a refusal."""
    event: Event = "GATE_PASSED" if passed else "GATE_FAILED"

    def append() -> None:
        if not any(known.event == event and known.run_id == run_id for known in read_events(warehouse, version)):
            append_event(warehouse, event, version=version, run_id=run_id, reason=reason)
            if not passed:
                enqueue(warehouse, "refused", run_id=run_id, about={"version": version, "outcome": event})

    warehouse.alone(append)


def promote(warehouse: Warehouse, *, version: int, expected_event_seq: int, reason: str, run_id: str) -> int:
    """Make a version champion, if the champion is still the one that it was evaluated against, and tell people.

    Args:
        warehouse: A session, not in a transaction.
        version: The challenger.
        expected_event_seq: The champion's event at the time of the evaluation. The version alone would not do: after a
            rollback the same version may be champion again.
        reason: Why, in a sentence.
        run_id: The run that promotes; once it did, its promotion stands, and is returned again.

    Returns:
        The number of the PROMOTED event.

    Raises:
        PromotionRefusedError: Another version became champion meanwhile.
    """

    def compare_and_set() -> int:
        done = [e for e in read_events(warehouse, version) if e.event == "PROMOTED" and e.run_id == run_id]
        if done:
            return done[0].event_seq
        champion = read_champion(warehouse)
        current = champion.event_seq if champion else NO_CHAMPION_SEQ
        if current != expected_event_seq:
            now = f"version {champion.version}" if champion else "none"
            raise PromotionRefusedError(
                f"version {version} is not promoted: it was evaluated against the champion of event "
                f"{expected_event_seq}, and by now the champion is {now} (event {current}); train again to compare "
                "with it"
            )
        append_event(
            warehouse,
            "PROMOTED",
            version=version,
            from_version=champion.version if champion else None,
            run_id=run_id,
            reason=reason,
        )
        enqueue(warehouse, "promoted", run_id=run_id, about={"version": version})
        return champion_event_seq(warehouse)

    event_seq = warehouse.alone(compare_and_set)
    log.info("version %d is champion (event %d)", version, event_seq)
    return event_seq


def append_event(
    warehouse: Warehouse,
    event: Event,
    *,
    version: int | None,
    run_id: str,
    reason: str | None,
    from_version: int | None = None,
    actor: str = DRIFTGATE,
    request_id: str | None = None,
) -> None:
    """Append an event; to be called in a transaction that is alone.

    Args:
        warehouse: A session, in an `alone` transaction.
        event: What was decided.
        version: The version it is about; of a rollback the one restored.
        run_id: The run in which it was decided.
        reason: Why, in a sentence.
        from_version: The champion until then.
        actor: Who decided.
        request_id: The request that it answers, if it answers one.
    """
    warehouse.run(
        "registry/insert_event",
        event=event,
        version=version,
        from_version=from_version,
        actor=actor,
        reason=reason,
        run_id=run_id,
        request_id=request_id,
    )
