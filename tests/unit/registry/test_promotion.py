"""The gate, and what follows from it."""

import pytest

from include.config import GateConfig, PipelineConfig
from include.errors import ConfigError
from include.registry.challenger import Challenger
from include.registry.ledger import NO_CHAMPION_SEQ, champion_event_seq, read_events, register
from include.registry.promotion import Decision, judge, pass_gate_and_promote
from include.warehouse.session import Warehouse


def challenger(accuracy: float, *, version: int = 1, event_seq: int = NO_CHAMPION_SEQ) -> Challenger:
    return Challenger(version=version, accuracy=accuracy, n_test_images=200, champion_event_seq=event_seq)


def registered(warehouse: Warehouse, config: PipelineConfig, run_id: str) -> int:
    return register(
        warehouse,
        config=config,
        snapshot_id="s",
        metrics={},
        n_training_images=1,
        artifact_path=f"{run_id}/",
        sha256=run_id,
        temperature=1.0,
        run_id=run_id,
    )


@pytest.mark.parametrize(("accuracy", "passes"), [(0.6999, False), (0.70, True), (1.0, True), (0.0, False)])
def test_the_gate_is_the_least_accuracy(accuracy: float, passes: bool) -> None:  # noqa: FBT001
    result = judge(challenger(accuracy), GateConfig(min_accuracy=0.70))

    assert result.passed is passes
    assert f"test accuracy {accuracy:.3f} on 200 images" in result.reason
    assert "gate.min_accuracy 0.7" in result.reason


def test_a_challenger_that_passes_is_champion(warehouse: Warehouse, config: PipelineConfig) -> None:
    version = registered(warehouse, config, "a")

    decision = pass_gate_and_promote(warehouse, challenger(0.9, version=version), gate=config.gate, run_id="a")

    assert decision.outcome == "PROMOTED"
    assert decision.sentence.startswith("version 1 is champion: test accuracy 0.900")
    assert [event.event for event in read_events(warehouse, version)] == ["REGISTERED", "GATE_PASSED", "PROMOTED"]


def test_one_that_fails_is_recorded_with_the_reason(warehouse: Warehouse, config: PipelineConfig) -> None:
    version = registered(warehouse, config, "a")

    decision = pass_gate_and_promote(warehouse, challenger(0.1, version=version), gate=config.gate, run_id="a")

    assert decision.outcome == "GATE_FAILED"
    assert "version 1 is not promoted: test accuracy 0.100" in decision.sentence
    assert champion_event_seq(warehouse) == NO_CHAMPION_SEQ
    assert read_events(warehouse, version)[-1].reason == decision.reason


def test_one_that_lost_the_race_is_told_so(warehouse: Warehouse, config: PipelineConfig) -> None:
    first, second = registered(warehouse, config, "a"), registered(warehouse, config, "b")
    pass_gate_and_promote(warehouse, challenger(0.9, version=first), gate=config.gate, run_id="a")

    late = pass_gate_and_promote(warehouse, challenger(0.95, version=second), gate=config.gate, run_id="b")

    assert late.outcome == "LOST_RACE"
    assert "by now the champion is version 1" in late.sentence
    assert [event.event for event in read_events(warehouse, second)] == ["REGISTERED", "GATE_PASSED"]


def test_what_crosses_a_task_border_is_rebuilt_or_refused() -> None:
    decision = Decision(version=1, outcome="PROMOTED", reason="r")

    assert Decision.from_json(decision.to_json()) == decision
    assert Challenger.from_json(challenger(0.5).to_json()) == challenger(0.5)
    with pytest.raises(ConfigError, match=r"not a Decision \(outcome, reason\)"):
        Decision.from_json({"version": 1})
    with pytest.raises(ConfigError, match=r"not a Challenger \(version"):
        Challenger.from_json({"accuracy": 1, "sql": "DROP"})
