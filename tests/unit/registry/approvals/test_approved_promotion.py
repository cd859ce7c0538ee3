"""An approval lets through exactly what was shown, in place of the champion that was there."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from include.config import PipelineConfig
from include.config_parts import ApproversConfig
from include.errors import ArtefactError, SnapshotError
from include.models.gate import Cure
from include.registry.approvals.answers import Answer, RecordedAnswer, record_answer
from include.registry.approvals.evidence import PromotionEvidence
from include.registry.approvals.requests import Request, read_request
from include.registry.challenger import Challenger
from include.registry.ledger import append_event, champion_event_seq
from include.registry.model_files import CARD_FILE, WEIGHTS_FILE
from include.registry.promotion import Decision, pass_gate_and_promote, request_promotion
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]

EVENTS = "SELECT EVENT, ACTOR, REQUEST_ID IS NOT NULL FROM MODEL_EVENTS WHERE VERSION = 2 ORDER BY EVENT_SEQ"
RUN = "hats_training/second"
PASSED = ("GATE_PASSED", "driftgate", False)
ANN = ("APPROVED", "ann", True)


@pytest.fixture
def ask(warehouse: Warehouse, config: PipelineConfig, challenger: Challenger) -> Callable[..., Request | None]:
    """A function that asks people whether version 2 may become champion."""

    def put(*, cure: Cure | None = None, triggered_by: str | None = None) -> Request | None:
        return request_promotion(
            warehouse,
            challenger,
            config,
            accept_vanished_classes=False,
            run_id=RUN,
            task_id="approve_promotion",
            cure=cure,
            triggered_by=triggered_by,
        )

    return put


@pytest.fixture
def say(warehouse: Warehouse) -> Callable[..., RecordedAnswer]:
    """A function that records somebody's answer."""

    def answer(user: str | None, *, is_approval: bool = True, step: int = 1, following: str | None = None) -> Any:
        return record_answer(
            warehouse,
            Answer(is_approval=is_approval, user=user, user_id=user, answered_at="2026-01-02T03:04:05+00:00"),
            request=read_request(warehouse, run_id=RUN, kind="promotion"),
            step=step,
            next_task_id=following,
        )

    return answer


@pytest.fixture
def to_production(warehouse: Warehouse, config: PipelineConfig, challenger: Challenger) -> Callable[..., Decision]:
    """A function that does what the task `promote` does."""

    def promote(*, cure: Cure | None = None) -> Decision:
        return pass_gate_and_promote(
            warehouse,
            challenger,
            gate=config.gate,
            accept_vanished_classes=False,
            run_id=RUN,
            cure=cure,
            needs_approval=config.promotion.approval,
        )

    return promote


def test_an_approved_challenger_that_is_still_the_same_becomes_champion(
    ask: Any, say: Any, to_production: Any, query: Query
) -> None:
    ask()
    say("ann")

    decision = to_production()

    assert decision.outcome == "PROMOTED"
    assert to_production() == decision, "tried again, it is not stale because of its own promotion"
    assert query(EVENTS) == [("REGISTERED", "driftgate", False), PASSED, ANN, ("PROMOTED", "driftgate", False)]


def test_people_see_figures_of_each_class_what_changed_in_the_data_and_what_they_approve(
    ask: Any, champion: int, query: Query
) -> None:
    request = ask()

    shown = PromotionEvidence.from_json(request.evidence)
    assert request.champion_event_seq == champion
    assert [(c.label, c.n_images, c.n_champion_right, c.n_challenger_right) for c in shown.classes] == [
        ("hat", 180, 144, 162),
        ("scarf", 20, None, 18),
    ]
    # c1 is gone, c2 has stayed, c3 was a coat and is a scarf, c4 and c5 are new
    columns = ("label", "n_images", "n_before", "n_added", "n_removed", "n_relabelled_to", "n_relabelled_from")
    assert [tuple(getattr(change, name) for name in columns) for change in shown.changes] == [
        ("coat", 0, 1, 0, 0, 0, 1),
        ("hat", 2, 2, 1, 1, 0, 0),
        ("scarf", 2, 0, 1, 0, 1, 0),
    ]
    [(snapshot_id, card)] = query("SELECT SNAPSHOT_ID, SHA256 FROM MODEL_VERSIONS WHERE VERSION = 2")
    assert (shown.digests.snapshot, shown.digests.card) == (snapshot_id, card)
    assert shown.gate_reasons[0].startswith("test accuracy 0.900")


def change_weights(query: Query, put_file: Any) -> None:
    put_file("second/", WEIGHTS_FILE, b"others")


def change_card(query: Query, put_file: Any) -> None:
    put_file("second/", CARD_FILE, b"another")


def change_both_cards(query: Query, put_file: Any) -> None:
    digest = put_file("second/", CARD_FILE, b"another")
    query("UPDATE MODEL_VERSIONS SET SHA256 = %(digest)s WHERE VERSION = 2", digest=digest)


def change_label(query: Query, put_file: Any) -> None:
    query("UPDATE SNAPSHOT_IMAGES SET LABEL = 'hat' WHERE CONTENT_SHA256 = 'c5'")


def remove_image(query: Query, put_file: Any) -> None:
    query("DELETE FROM SNAPSHOT_IMAGES WHERE CONTENT_SHA256 = 'c5'")


def change_evaluation(query: Query, put_file: Any) -> None:
    [(metrics,)] = query("SELECT TO_JSON(METRICS) FROM MODEL_VERSIONS WHERE VERSION = 2")
    query(
        "UPDATE MODEL_VERSIONS SET METRICS = PARSE_JSON(%(metrics)s) WHERE VERSION = 2",
        metrics=json.dumps({**json.loads(metrics), "accuracy": 0.99}),
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (change_weights, "the weights in the stage MODELS are others (SHA-256 "),
        (change_card, "the card of version 2 has the SHA-256"),
        (change_both_cards, "the card in the stage MODELS is another (SHA-256 "),
        (change_label, "the images or labels in SNAPSHOT_IMAGES are others (SHA-256 "),
        (remove_image, "the images or labels in SNAPSHOT_IMAGES are others (SHA-256 "),
        (change_evaluation, "the evaluation in METRICS is another (SHA-256 "),
    ],
)
def test_what_was_changed_since_it_was_shown_is_refused_and_named(
    ask: Any,
    say: Any,
    to_production: Any,
    champion: int,
    query: Query,
    put_file: Any,
    warehouse: Warehouse,
    change: Callable[..., None],
    said: str,
) -> None:
    ask()
    say("ann")
    change(query, put_file)

    decision = to_production()

    assert decision.outcome == "STALE_APPROVAL"
    assert decision.sentence.startswith("version 2 is not promoted: what was approved is not what would be promoted: ")
    assert said in decision.reason
    assert champion_event_seq(warehouse) == champion
    assert query(EVENTS)[1:] == [PASSED, ANN, ("REJECTED", "driftgate", True)]
    # tried again, the same is said, and no second time in the ledger
    assert to_production() == decision
    assert len(query(EVENTS)) == 4


def test_an_approval_to_replace_another_champion_is_stale(
    ask: Any, say: Any, to_production: Any, query: Query, warehouse: Warehouse
) -> None:
    ask()
    warehouse.alone(lambda: append_event(warehouse, "PROMOTED", version=1, run_id="another", reason=None))
    say("ann")

    decision = to_production()

    assert decision.outcome == "STALE_APPROVAL"
    assert "the champion was version 1 (event 2), and now it is version 1 (event " in decision.reason
    assert query("SELECT COUNT(*) FROM MODEL_EVENTS WHERE EVENT = 'PROMOTED' AND VERSION = 2") == [(0,)]


def test_another_verdict_about_the_cure_than_the_one_shown_is_stale(ask: Any, say: Any, to_production: Any) -> None:
    shown = Cure(check_id="c", cures=True, reasons=("it is better by 0.1",))
    ask(cure=shown)
    say("ann")

    decision = to_production(cure=Cure(check_id="c", cures=True, reasons=("it is better by 0.2",)))

    assert decision.outcome == "STALE_APPROVAL"
    assert "the gate said otherwise; now it says: " in decision.reason
    assert "it is better by 0.2" in decision.reason


@pytest.mark.parametrize(("user", "actor"), [("ann", "ann"), (None, "nobody")])
def test_a_rejection_and_silence_promote_nothing_even_if_promote_is_run(
    ask: Any, say: Any, to_production: Any, query: Query, user: str | None, actor: str
) -> None:
    ask()
    recorded = say(user, is_approval=False)

    decision = to_production()

    assert not recorded.lets_pass
    assert recorded.run_outcome.startswith("version 2 is not promoted: ")
    assert (decision.outcome, decision.reason) == ("NOT_APPROVED", recorded.sentence)
    assert query(EVENTS)[1:] == [PASSED, ("REJECTED", actor, True)]


def test_a_promotion_whose_approval_was_skipped_by_hand_is_refused_and_recorded_once(
    to_production: Any, query: Query
) -> None:
    decision = to_production()

    assert decision.outcome == "NOT_APPROVED"
    assert f"run {RUN} has put no request for version 2" in decision.reason
    assert to_production() == decision
    assert query(EVENTS)[1:] == [("REJECTED", "driftgate", False)]


def test_a_request_without_an_answer_promotes_nothing(ask: Any, to_production: Any) -> None:
    ask()

    decision = to_production()

    assert decision.outcome == "NOT_APPROVED"
    assert "has 0 of 1 approvals that are needed" in decision.reason


def test_nobody_is_asked_about_a_challenger_that_the_gate_refuses(
    warehouse: Warehouse, config: PipelineConfig, ask: Any, to_production: Any, query: Query
) -> None:
    no_cure = Cure(check_id="c", cures=False, reasons=("it does not cure the drift",))

    assert ask(cure=no_cure) is None

    assert to_production(cure=no_cure).outcome == "GATE_FAILED"
    assert query("SELECT COUNT(*) FROM APPROVAL_REQUESTS") == [(0,)]
    assert query(EVENTS)[1:] == [("GATE_FAILED", "driftgate", False)]


def test_nobody_is_asked_about_a_challenger_that_was_compared_with_a_former_champion(
    ask: Any, to_production: Any, warehouse: Warehouse
) -> None:
    warehouse.alone(lambda: append_event(warehouse, "PROMOTED", version=1, run_id="another", reason=None))

    assert ask() is None

    assert to_production().outcome == "LOST_RACE"


def test_nobody_is_asked_about_files_or_data_that_are_not_what_was_registered(
    ask: Any, query: Query, put_file: Any
) -> None:
    change_label(query, put_file)
    with pytest.raises(SnapshotError, match="somebody has changed its rows"):
        ask()

    change_card(query, put_file)
    with pytest.raises(ArtefactError, match="it is not the one that was registered"):
        ask()

    assert query("SELECT COUNT(*) FROM ALERTS WHERE KIND = 'approval'") == [(0,)]


def test_the_first_champion_is_shown_with_its_own_figures(
    warehouse: Warehouse, config: PipelineConfig, register_version: Any, freeze: Any
) -> None:
    from tests.unit.registry.approvals.conftest import compared

    version = register_version("second", freeze([("c1", "hat")]), compared(0))

    request = request_promotion(
        warehouse,
        Challenger(version=version, champion_event_seq=0),
        config,
        accept_vanished_classes=False,
        run_id=RUN,
        task_id="approve_promotion",
    )

    assert request is not None
    shown = PromotionEvidence.from_json(dict(request.evidence))
    assert shown.champion_version is None
    assert [(c.label, c.n_images, c.n_challenger_right) for c in shown.classes] == [("hat", 200, 180)]
    assert [(c.label, c.n_added) for c in shown.changes] == [("hat", 1)]


@pytest.mark.parametrize("approvers", [ApproversConfig.model_validate({"users": ["ann", "ben"], "n_needed": 2})])
def test_two_have_to_approve_where_the_pipeline_says_so(ask: Any, say: Any, to_production: Any, query: Query) -> None:
    ask()
    say("ann", following="approve_promotion_2")
    say("ben", step=2)

    assert to_production().outcome == "PROMOTED"
    assert query(EVENTS)[2:4] == [ANN, ("APPROVED", "ben", True)]


@pytest.mark.parametrize("approvers", [ApproversConfig.model_validate({"users": ["ann", "ben"], "n_needed": 2})])
def test_one_approval_of_two_promotes_nothing(ask: Any, say: Any, to_production: Any) -> None:
    ask()
    say("ann", following="approve_promotion_2")

    assert to_production().outcome == "NOT_APPROVED"
