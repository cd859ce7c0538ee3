"""The gate, and what follows from it."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from include.config import GateConfig
from include.errors import PromotionRefusedError
from include.handover import Handover
from include.registry.challenger import Challenger
from include.registry.ledger import promote, record_gate
from include.warehouse.session import Warehouse


class GateResult(NamedTuple):
    """What the gate says of a challenger."""

    passed: bool
    reason: str


@dataclass(frozen=True, kw_only=True)
class Decision(Handover):
    """What became of a challenger."""

    version: int
    outcome: Literal["PROMOTED", "GATE_FAILED", "LOST_RACE"]
    reason: str

    @property
    def sentence(self) -> str:
        """The decision in a sentence."""
        became = "is champion" if self.outcome == "PROMOTED" else "is not promoted"
        return f"version {self.version} {became}: {self.reason}"


def judge(challenger: Challenger, gate: GateConfig) -> GateResult:
    """Hold a challenger's accuracy on the test images against the gate."""
    measured = f"test accuracy {challenger.accuracy:.3f} on {challenger.n_test_images} images"
    if challenger.accuracy < gate.min_accuracy:
        return GateResult(passed=False, reason=f"{measured} is below gate.min_accuracy {gate.min_accuracy:g}")
    return GateResult(passed=True, reason=f"{measured} reaches gate.min_accuracy {gate.min_accuracy:g}")


def pass_gate_and_promote(warehouse: Warehouse, challenger: Challenger, *, gate: GateConfig, run_id: str) -> Decision:
    """Record what the gate says, and make a challenger that passes champion.

    Args:
        warehouse: A session, not in a transaction.
        challenger: What was measured, and against which champion.
        gate: What it has to reach.
        run_id: The run that promotes.
    """
    result = judge(challenger, gate)
    record_gate(warehouse, version=challenger.version, passed=result.passed, reason=result.reason, run_id=run_id)
    if not result.passed:
        return Decision(version=challenger.version, outcome="GATE_FAILED", reason=result.reason)
    try:
        promote(
            warehouse,
            version=challenger.version,
            expected_event_seq=challenger.champion_event_seq,
            reason=result.reason,
            run_id=run_id,
        )
    except PromotionRefusedError as error:
        return Decision(version=challenger.version, outcome="LOST_RACE", reason=str(error))
    return Decision(version=challenger.version, outcome="PROMOTED", reason=result.reason)
