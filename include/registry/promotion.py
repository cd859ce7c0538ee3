"""The gate, and what follows from it."""

from dataclasses import dataclass
from typing import Literal

from include.config_parts import GateConfig
from include.errors import PromotionRefusedError
from include.handover import Handover
from include.models.gate import Cure, judge
from include.registry.alerts import enqueue
from include.registry.challenger import Challenger, read_evidence
from include.registry.ledger import promote, record_gate
from include.warehouse.session import Warehouse


@dataclass(frozen=True, kw_only=True)
class Decision(Handover):
    """What became of a challenger."""

    version: int
    outcome: Literal["PROMOTED", "GATE_FAILED", "LOST_RACE"]
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
) -> Decision:
    """Judge a challenger on the evidence that is stored with it, and make it champion if it passes.

    Args:
        warehouse: A session, not in a transaction.
        challenger: The version. What the gate judges, and which champion it was compared with, is read from the ledger.
        gate: What it has to reach.
        accept_vanished_classes: Whether it may lack classes of the champion.
        run_id: The run that promotes.
        cure: What it does about the drift that the run was asked for; None: no drift check has asked for the run.

    Raises:
        ArtefactError: There is no such version, or no evidence with it.
    """
    evidence = read_evidence(warehouse, challenger.version)
    result = judge(evidence, gate, accept_vanished_classes=accept_vanished_classes, cure=cure)
    record_gate(warehouse, version=challenger.version, passed=result.passed, reason=result.reason, run_id=run_id)
    if not result.passed:
        return Decision(
            version=challenger.version, outcome="GATE_FAILED", reason=result.summary, reasons=result.reasons
        )
    try:
        promote(
            warehouse,
            version=challenger.version,
            expected_event_seq=evidence.champion_event_seq,
            reason=result.reason,
            run_id=run_id,
        )
    except PromotionRefusedError as error:
        about = {"version": challenger.version, "outcome": "LOST_RACE"}
        warehouse.alone(lambda: enqueue(warehouse, "refused", run_id=run_id, about=about))
        return Decision(version=challenger.version, outcome="LOST_RACE", reason=str(error), reasons=(str(error),))
    return Decision(version=challenger.version, outcome="PROMOTED", reason=result.summary, reasons=result.reasons)
