"""What each kind of alert tells, composed from the facts in the warehouse."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from include.errors import VanishedFactError
from include.notify.alert_messages import message_of
from include.notify.desk import Desk
from include.notify.outbox import Alert
from include.registry.challenger import Challenger
from include.registry.ledger import append_event, record_gate
from include.registry.rollback import roll_back
from include.store.files import FileStore
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]


def alert(kind: str, run_id: str, **about: Any) -> Alert:
    return Alert("a1e7", kind, run_id, about, datetime(2026, 1, 31, tzinfo=UTC), 0, ())


def test_drift_is_told_with_the_picture_of_its_check(desk: Desk, store: FileStore, store_check: Any) -> None:
    store.write("reports/with.png", b"a picture")
    run_id = f"{desk.config.name}_inference/r"

    shown = message_of(alert("drift", run_id, check_id=store_check("with")), desk)
    plain = message_of(alert("drift", run_id, check_id=store_check("without")), desk)

    assert shown is not None
    assert plain is not None
    assert [(picture.name, picture.content) for picture in shown.pictures] == [("drift-with.png", b"a picture")]
    assert plain.pictures == ()
    assert plain.reasons == ("the answers of window without look otherwise",)


def test_a_rollback_that_was_no_longer_needed_is_not_announced(
    desk: Desk, store_check: Any, warehouse: Warehouse, add_version: Any
) -> None:
    wanted = alert("drift", f"{desk.config.name}_inference/r", check_id=store_check("c1", action="ROLL_BACK"))
    for version in (1, 2, 3):
        add_version(version)

    assert message_of(wanted, desk) is None  # by now the champion is of event 3; the check's was of event 9

    append_event_of_rollback = {"version": 2, "from_version": 3, "reason": None}
    warehouse.alone(
        lambda: append_event(
            warehouse,
            "ROLLED_BACK",
            run_id=f"{desk.config.name}_inference/scheduled__2026-01-31T10:00:00+00:00",
            **append_event_of_rollback,  # type: ignore[arg-type]
        )
    )
    assert message_of(wanted, desk) is not None


def test_a_refusal_tells_what_the_gate_said(desk: Desk, warehouse: Warehouse, add_version: Any) -> None:
    add_version(1, is_champion=False)
    record_gate(warehouse, version=1, passed=False, reason="accuracy 0.40 is below 0.70; of 90 images", run_id="a/r")

    message = message_of(alert("refused", "a/r", version=1, outcome="GATE_FAILED"), desk)

    assert message is not None
    assert message.reasons == ("accuracy 0.40 is below 0.70", "of 90 images")


def test_who_came_too_late_is_told_why(desk: Desk, warehouse: Warehouse, open_a_run: Any, query: Query) -> None:
    run_id = open_a_run("manual__1", kind="training")
    query("UPDATE RUNS SET OUTCOME = 'version 2 is not promoted: the champion is version 3 by now'")

    message = message_of(alert("refused", run_id, version=2, outcome="LOST_RACE"), desk)

    assert message is not None
    assert message.headline == "version 2 came too late"
    assert message.reasons == ("version 2 is not promoted: the champion is version 3 by now",)


def test_a_stale_approval_is_explained_before_its_run_has_ended(
    desk: Desk, warehouse: Warehouse, open_a_run: Any, add_version: Any
) -> None:
    run_id = open_a_run("manual__1", kind="training")
    add_version(2, is_champion=False)
    wanted = alert("refused", run_id, version=2, outcome="STALE_APPROVAL")

    unexplained = message_of(wanted, desk)
    warehouse.alone(
        lambda: append_event(warehouse, "REJECTED", version=2, run_id=run_id, reason="the weights are others")
    )
    explained = message_of(wanted, desk)

    assert unexplained is not None
    assert unexplained.reasons == ("the champion changed while version 2 was evaluated",)
    assert explained is not None
    assert explained.reasons == ("the weights are others",)


def test_a_rollback_is_told_with_who_and_why(desk: Desk, warehouse: Warehouse, add_version: Any) -> None:
    for version in (1, 2):
        add_version(version)
    roll_back(
        warehouse, to=None, expected_event_seq=2, reason="takes every 7 for a 1", actor="ann", run_id="a_rollback/r"
    )

    message = message_of(alert("rolled_back", "a_rollback/r", version=1), desk)

    assert message is not None
    assert message.headline == "rolled back from version 2 to version 1"
    assert message.reasons == ("takes every 7 for a 1",)
    assert ("Decided by", "ann") in message.facts


def test_broken_images_that_were_forgotten_or_repaired_are_not_told(desk: Desk) -> None:
    assert message_of(alert("broken", "a_training/r", snapshot_id="none"), desk) is None


def test_batches_that_are_gone_are_told_apart(desk: Desk) -> None:
    with pytest.raises(VanishedFactError, match="no longer in the store"):
        message_of(alert("broken", "a_inference/r", batches=["batches/gone.parquet"]), desk)


def test_labels_are_asked_for_with_the_images(desk: Desk, store: FileStore, store_check: Any, query: Query) -> None:
    store_check("c1", action="REQUEST_LABELS")
    store.write("label_requests/c1.png", b"the images")
    wanted = alert("labels", f"{desk.config.name}_inference/r", check_id="c1")

    # Without a request left, what was found is told
    found = message_of(wanted, desk)
    assert found is not None
    assert found.kind == "drift"

    query(
        "INSERT INTO LABEL_REQUESTS (CHECK_ID, STAGE, RELATIVE_PATH, ETAG, VERSION, KIND, TYPE, CONFIDENCE, PLACE, "
        "REQUESTED_AT) SELECT 'c1', 'S', 'a.png', 'e', 3, 'random', 'hat', 0.4, 1, SYSDATE()"
    )
    asked = message_of(wanted, desk)
    assert asked is not None
    assert asked.kind == "labels"
    assert "what do 1 image show?" in asked.headline
    [sheet] = asked.pictures
    assert sheet.content == b"the images"
    assert sheet.description.startswith("1 images to label")


def test_a_champion_that_changed_meanwhile_is_told_of_through_the_outbox(
    desk: Desk, warehouse: Warehouse, add_version: Any, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.models.gate import GateResult
    from include.registry import promotion

    add_version(1)
    add_version(2, is_champion=False)
    passed = GateResult(passed=True, reasons=("it is good",), summary="it is good", drop=None)
    monkeypatch.setattr(promotion, "judge", lambda *_, **__: passed)
    monkeypatch.setattr(promotion, "read_evidence", lambda *_: type("Evidence", (), {"champion_event_seq": 0})())

    for _ in range(2):
        decision = promotion.pass_gate_and_promote(
            warehouse,
            Challenger(version=2, champion_event_seq=0),
            gate=desk.config.gate,
            accept_vanished_classes=False,
            run_id="a_training/r",
        )

    assert decision.outcome == "LOST_RACE"
    assert query("SELECT KIND, ABOUT:outcome::VARCHAR FROM ALERTS") == [("refused", "LOST_RACE")]
