"""The gate, and what follows from it."""

from collections.abc import Callable
from typing import Any

import pytest

from include.config import PipelineConfig
from include.errors import ArtefactError, ConfigError
from include.models.baseline import Baseline
from include.models.evidence import NewClass, PairedEvidence, SharedClass
from include.models.gate import Cure
from include.registry.challenger import Challenger, read_evidence
from include.registry.ledger import NO_CHAMPION_SEQ, champion_event_seq, promote, read_events, register
from include.registry.promotion import Decision, pass_gate_and_promote
from include.warehouse.session import Warehouse

Register = Callable[..., int]
Pass = Callable[..., Decision]


def evidence(accuracy: float, *, event_seq: int = NO_CHAMPION_SEQ, **fields: Any) -> PairedEvidence:
    """Of 200 images; by default against no champion."""
    found: dict[str, Any] = {
        "champion_version": 1 if event_seq else None,
        "champion_event_seq": event_seq,
        "champion_is_obsolete": False,
        "n_images": 200,
        "n_right": round(200 * accuracy),
        "n_left_out": 0,
        "n_not_prepared": 0,
        "shared_classes": (),
        "new_classes": (),
        "vanished_classes": (),
    }
    return PairedEvidence(**{**found, **fields})


@pytest.fixture
def registered(warehouse: Warehouse, config: PipelineConfig) -> Register:
    """A function that registers a version with what was found about it."""

    def run(run_id: str, found: PairedEvidence | None) -> int:
        return register(
            warehouse,
            config=config,
            snapshot_id="s",
            metrics={"gate": found.to_json()} if found else {},
            n_training_images=1,
            artifact_path=f"{run_id}/",
            sha256=run_id,
            temperature=1.0,
            baseline=Baseline(edges=(0.0, 1.0), counts_by_class={"a": (1,)}, image_statistics={}),
            run_id=run_id,
        )

    return run


@pytest.fixture
def to_the_gate(warehouse: Warehouse, config: PipelineConfig) -> Pass:
    """A function that takes a version through the gate, by whatever the XCom says of the champion."""

    def run(version: int, run_id: str, *, accept_vanished_classes: bool = False, cure: Cure | None = None) -> Decision:
        return pass_gate_and_promote(
            warehouse,
            Challenger(version=version, champion_event_seq=12345),
            gate=config.gate,
            accept_vanished_classes=accept_vanished_classes,
            run_id=run_id,
            cure=cure,
        )

    return run


def test_a_challenger_that_passes_is_champion(warehouse: Warehouse, registered: Register, to_the_gate: Pass) -> None:
    version = registered("a", evidence(0.9))

    decision = to_the_gate(version, "a")

    assert decision.outcome == "PROMOTED"
    assert decision.sentence == (
        "version 1 is champion: test accuracy 0.900 on 200 images reaches gate.min_accuracy 0.5; "
        "there is no champion to compare with"
    )
    events = read_events(warehouse, version)
    assert [event.event for event in events] == ["REGISTERED", "GATE_PASSED", "PROMOTED"]
    assert {event.reason for event in events[1:]} == {"; ".join(decision.reasons)}
    assert len(decision.reasons) == 3


def test_the_gate_reads_what_stands_with_the_version_as_it_was_measured(
    warehouse: Warehouse, registered: Register
) -> None:
    found = evidence(
        0.7,
        event_seq=3,
        n_left_out=2,
        shared_classes=(
            SharedClass(
                label="ä 'hat'", n_images=100, n_only_champion_right=3, n_only_challenger_right=2, n_challenger_right=50
            ),
        ),
        new_classes=(NewClass(label="b", n_images=100, n_right=90),),
        vanished_classes=("c",),
    )

    assert read_evidence(warehouse, registered("a", found)) == found


def test_one_that_fails_is_recorded_with_the_reasons_and_the_champion_stays(
    warehouse: Warehouse, registered: Register, to_the_gate: Pass
) -> None:
    champion = registered("a", evidence(0.9))
    to_the_gate(champion, "a")
    seq = champion_event_seq(warehouse)
    worse = SharedClass(
        label="hat", n_images=200, n_only_champion_right=120, n_only_challenger_right=0, n_challenger_right=60
    )
    challenger = registered("b", evidence(0.3, event_seq=seq, shared_classes=(worse,)))

    decision = to_the_gate(challenger, "b")

    assert decision.outcome == "GATE_FAILED"
    assert [reason.partition(" ")[0] for reason in decision.reasons[:3]] == ["test", "accuracy", "in"]
    assert "'hat' from 0.900 to 0.300 (200 images)" in decision.sentence
    assert decision.reason == "; ".join(decision.reasons[:3])
    assert len(decision.reasons) > 3
    assert champion_event_seq(warehouse) == seq
    assert [(e.event, e.reason) for e in read_events(warehouse, challenger)] == [
        ("REGISTERED", None),
        ("GATE_FAILED", "; ".join(decision.reasons)),
    ]


def test_a_vanished_class_passes_only_where_the_run_says_so(
    warehouse: Warehouse, registered: Register, to_the_gate: Pass
) -> None:
    to_the_gate(registered("a", evidence(0.9)), "a")
    found = evidence(
        0.9,
        event_seq=champion_event_seq(warehouse),
        vanished_classes=("hat",),
        shared_classes=(
            SharedClass(
                label="coat", n_images=200, n_only_champion_right=0, n_only_challenger_right=0, n_challenger_right=180
            ),
        ),
    )

    refused = to_the_gate(registered("b", found), "b")
    accepted = to_the_gate(registered("c", found), "c", accept_vanished_classes=True)

    assert (refused.outcome, accepted.outcome) == ("GATE_FAILED", "PROMOTED")
    assert "vanished" in refused.reasons[0]


def test_one_that_does_not_cure_the_drift_it_was_trained_for_is_refused(
    warehouse: Warehouse, registered: Register, to_the_gate: Pass
) -> None:
    version = registered("a", evidence(0.9))
    reasons = ("version 1 does not cure the drift of check c: it is not better", "it is at home with them")

    decision = to_the_gate(version, "a", cure=Cure(check_id="c", cures=False, reasons=reasons))

    assert decision.outcome == "GATE_FAILED"
    assert decision.sentence == f"version 1 is not promoted: {'; '.join(reasons)}"
    assert decision.reasons[2].startswith("test accuracy 0.900")
    assert champion_event_seq(warehouse) == NO_CHAMPION_SEQ
    assert [event.event for event in read_events(warehouse, version)] == ["REGISTERED", "GATE_FAILED"]


@pytest.mark.parametrize("cures", [True, None])
def test_one_that_cures_or_could_not_be_checked_is_promoted_and_says_so(
    registered: Register, to_the_gate: Pass, *, cures: bool | None
) -> None:
    cure = Cure(check_id="c", cures=cures, reasons=("about the drift of check c",))

    decision = to_the_gate(registered("a", evidence(0.9)), "a", cure=cure)

    assert decision.outcome == "PROMOTED"
    assert decision.reasons[-1] == "about the drift of check c"
    assert "drift" not in decision.sentence


def test_a_champion_of_an_earlier_release_without_evidence_can_be_replaced(
    warehouse: Warehouse, registered: Register, to_the_gate: Pass
) -> None:
    champion = registered("a", None)
    seq = promote(warehouse, version=champion, expected_event_seq=NO_CHAMPION_SEQ, reason="", run_id="a")
    better = SharedClass(
        label="hat", n_images=200, n_only_champion_right=2, n_only_challenger_right=20, n_challenger_right=180
    )

    decision = to_the_gate(registered("b", evidence(0.9, event_seq=seq, shared_classes=(better,))), "b")

    assert decision.sentence == (
        "version 2 is champion: test accuracy 0.900 on 200 images reaches gate.min_accuracy 0.5; "
        "accuracy 0.900 against 0.810 of champion version 1 on the same 200 images: a gain of 0.090"
    )


def test_one_that_lost_the_race_is_told_so(warehouse: Warehouse, registered: Register, to_the_gate: Pass) -> None:
    first, second = registered("a", evidence(0.9)), registered("b", evidence(0.95))
    to_the_gate(first, "a")

    late = to_the_gate(second, "b")

    assert late.outcome == "LOST_RACE"
    assert "by now the champion is version 1" in late.sentence
    assert late.reasons == (late.reason,)
    assert [event.event for event in read_events(warehouse, second)] == ["REGISTERED", "GATE_PASSED"]


def test_a_repeated_task_comes_to_the_same_decision(
    warehouse: Warehouse, registered: Register, to_the_gate: Pass
) -> None:
    version = registered("a", evidence(0.9))

    assert to_the_gate(version, "a") == to_the_gate(version, "a")
    assert len(read_events(warehouse, version)) == 3


def test_a_version_without_evidence_is_not_judged(
    warehouse: Warehouse, registered: Register, to_the_gate: Pass
) -> None:
    version = registered("a", None)

    with pytest.raises(ArtefactError, match="METRICS of version 1 does not say what it is to be judged on"):
        to_the_gate(version, "a")
    with pytest.raises(ArtefactError, match="no version 7"):
        to_the_gate(7, "a")

    assert champion_event_seq(warehouse) == NO_CHAMPION_SEQ


def test_what_crosses_a_task_border_is_rebuilt_or_refused() -> None:
    decision = Decision(version=1, outcome="PROMOTED", reason="r; s", reasons=("r", "s"))
    challenger = Challenger(version=1, champion_event_seq=4)

    assert Decision.from_json(decision.to_json()) == decision
    assert Challenger.from_json(challenger.to_json()) == challenger
    with pytest.raises(ConfigError, match=r"not a Decision \(outcome, reason, reasons\)"):
        Decision.from_json({"version": 1})
    with pytest.raises(ConfigError, match=r"not a Challenger \(version"):
        Challenger.from_json({"champion_event_seq": 1, "sql": "DROP"})
