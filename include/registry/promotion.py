"""The gate, and what follows from it."""

from dataclasses import dataclass
from typing import Literal

from include.config import PipelineConfig
from include.config_parts import GateConfig
from include.errors import PromotionRefusedError
from include.handover import Handover
from include.models.gate import Cure, judge
from include.registry.alerts import enqueue
from include.registry.approvals.binding import object_to_promotion
from include.registry.approvals.evidence import gather_evidence
from include.registry.approvals.requests import Request, find_request, put_request, request_id_of
from include.registry.challenger import Challenger, read_evidence
from include.registry.ledger import champion_event_seq, promote, read_events, record_gate
from include.warehouse.session import Warehouse


@dataclass(frozen=True, kw_only=True)
class Decision(Handover):
    """What became of a challenger."""

    version: int
    outcome: Literal["PROMOTED", "GATE_FAILED", "LOST_RACE", "STALE_APPROVAL", "NOT_APPROVED"]
    """STALE_APPROVAL: what was approved is not what would be promoted. NOT_APPROVED: people had to be asked first, and
    have not let it pass."""
    reason: str
    """What decided, in one line: what it is refused for, or the figures that it has passed with."""
    reasons: tuple[str, ...]
    """All that was found, a sentence each, what it is refused for first. The ledger has them all."""

    @property
    def sentence(self) -> str:
        """The decision in a sentence."""
        became = "is champion" if self.outcome == "PROMOTED" else "is not promoted"
        return f"version {self.version} {became}: {self.reason}"


def pass_gate_and_promote(
    warehouse: Warehouse,
    challenger: Challenger,
    *,
    gate: GateConfig,
    accept_vanished_classes: bool,
    run_id: str,
    cure: Cure | None = None,
    needs_approval: bool = False,
) -> Decision:
    """Judge a challenger on the evidence that is stored with it, and make it champion if it passes.

    Where people have to approve it, what they were shown is compared with what there is now.

    Args:
        warehouse: A session, not in a transaction.
        challenger: The version. What the gate judges, and which champion it was compared with, is read from the ledger.
        gate: What it has to reach.
        accept_vanished_classes: Whether it may lack classes of the champion.
        run_id: The run that promotes.
        cure: What it does about the drift that the run was asked for; None: no drift check has asked for the run.
        needs_approval: Whether people have to approve it first.

    Raises:
        ArtefactError: There is no such version, or no evidence with it.
    """
    version = challenger.version
    evidence = read_evidence(warehouse, version)
    result = judge(evidence, gate, accept_vanished_classes=accept_vanished_classes, cure=cure)
    if needs_approval and not _was_promoted(warehouse, version, run_id=run_id):
        objection = object_to_promotion(
            warehouse,
            run_id=run_id,
            version=version,
            compared_event_seq=evidence.champion_event_seq,
            result=result,
        )
        if objection:
            _tell_refusal(warehouse, version, objection.outcome, run_id=run_id)
            return Decision(
                version=version, outcome=objection.outcome, reason=objection.reason, reasons=(objection.reason,)
            )
    record_gate(warehouse, version=version, passed=result.passed, reason=result.reason, run_id=run_id)
    if not result.passed:
        return Decision(version=version, outcome="GATE_FAILED", reason=result.summary, reasons=result.reasons)
    try:
        promote(
            warehouse,
            version=version,
            expected_event_seq=evidence.champion_event_seq,
            reason=result.reason,
            run_id=run_id,
        )
    except PromotionRefusedError as error:
        _tell_refusal(warehouse, version, "LOST_RACE", run_id=run_id)
        return Decision(version=version, outcome="LOST_RACE", reason=str(error), reasons=(str(error),))
    return Decision(version=version, outcome="PROMOTED", reason=result.summary, reasons=result.reasons)


def request_promotion(
    warehouse: Warehouse,
    challenger: Challenger,
    config: PipelineConfig,
    *,
    accept_vanished_classes: bool,
    run_id: str,
    task_id: str,
    cure: Cure | None = None,
    triggered_by: str | None = None,
) -> Request | None:
    """Ask people whether a challenger may become champion; nobody is asked about one that would be refused anyway.

    That it has passed the gate is recorded now: if people reject it, nothing else would say so.

    Args:
        warehouse: A session, not in a transaction.
        challenger: The version.
        config: The run's config.
        accept_vanished_classes: Whether it may lack classes of the champion.
        run_id: The run that would promote it.
        task_id: The task that waits for the first answer.
        cure: What it does about the drift that the run was asked for; None: no drift check has asked for the run.
        triggered_by: Who has triggered the run, by the name that Airflow knows.

    Returns:
        The request; None: the gate refuses it, or the champion is another than it was compared with: `promote` says so.

    Raises:
        ArtefactError: As for `pass_gate_and_promote`, or its files are not what the ledger says.
        SnapshotError: Its snapshot is not what its id says.
        TooFewApproversError: Too few people may answer.
    """
    version = challenger.version
    known = find_request(warehouse, request_id_of(run_id, "promotion"))
    if known is not None:
        return known
    evidence = read_evidence(warehouse, version)
    result = judge(evidence, config.gate, accept_vanished_classes=accept_vanished_classes, cure=cure)
    if not result.passed or champion_event_seq(warehouse) != evidence.champion_event_seq:
        return None
    shown = gather_evidence(warehouse, version, compared=evidence, result=result)
    record_gate(warehouse, version=version, passed=True, reason=result.reason, run_id=run_id)
    return put_request(
        warehouse,
        "promotion",
        run_id=run_id,
        task_id=task_id,
        check_id=cure.check_id if cure else None,
        version=version,
        champion_event_seq=evidence.champion_event_seq,
        evidence=shown.to_json(),
        approvers=config.approvers,
        triggered_by=triggered_by,
        response_hours=config.promotion.response_hours,
    )


def _was_promoted(warehouse: Warehouse, version: int, *, run_id: str) -> bool:
    """Whether an earlier try has promoted it: then its own promotion has changed the champion."""
    return any(event.event == "PROMOTED" and event.run_id == run_id for event in read_events(warehouse, version))


def _tell_refusal(warehouse: Warehouse, version: int, outcome: str, *, run_id: str) -> None:
    """Put into the outbox that a challenger is refused for what the gate does not judge."""
    about = {"version": version, "outcome": outcome}
    warehouse.alone(lambda: enqueue(warehouse, "refused", run_id=run_id, about=about))
