"""Delivery: each alert once through each channel, whatever becomes of the others."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from include.config import PipelineConfig
from include.config_parts import NotifyConfig
from include.errors import NotDeliveredError, WarehouseUnavailableError
from include.notify import delivery
from include.notify.delivery import deliver_due
from include.notify.desk import Desk
from include.notify.mail import Mail
from include.registry.alerts import enqueue
from include.registry.ledger import promote, record_gate
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]

STATES = "SELECT KIND, DELIVERED_AT IS NOT NULL, DROPPED_AT IS NOT NULL, N_TRIES, ERROR FROM ALERTS ORDER BY CREATED_AT"
ANNA = NotifyConfig(emails=("anna@example.com",))


class Post:
    """Somebody who takes mails, or does not."""

    def __init__(self) -> None:
        self.is_down = False
        self.sent: list[tuple[tuple[str, ...], Mail, str]] = []

    def __call__(self, notify: NotifyConfig, mail: Mail, key: str) -> None:
        if self.is_down:
            raise NotDeliveredError("[Errno 111] Connection refused")
        self.sent.append((notify.emails, mail, key))

    @property
    def kinds(self) -> list[str]:
        return [mail.kind for _, mail, _ in self.sent]


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def with_urls(desk: Desk) -> Callable[..., Desk]:
    """A function that returns the desk of a pipeline file with these URLs, and none with e-mail addresses."""

    def make(*urls: str) -> Desk:
        notify = NotifyConfig.model_validate({"urls": urls})
        return replace(desk, config=desk.config.model_copy(update={"notify": notify}))

    return make


@pytest.fixture
def fail_a_run(warehouse: Warehouse, open_a_run: Callable[..., str]) -> Callable[[str], str]:
    """A function that lets a run fail whose mails Anna gets."""

    def fail(name: str) -> str:
        run_id = open_a_run(name, kind="training", notify=ANNA)
        warehouse.alone(lambda: enqueue(warehouse, "failed", run_id=run_id, about={"tasks": ["train"]}))
        return run_id

    return fail


def make_due(query: Query) -> None:
    query("UPDATE ALERTS SET NEXT_TRY_AT = SYSDATE()")


def test_an_alert_is_delivered_once_to_whoever_its_run_was_opened_to_tell(
    desk: Desk, post: Post, fail_a_run: Any, query: Query
) -> None:
    fail_a_run("manual__1")
    by_now = replace(desk, config=desk.config.model_copy(update={"notify": NotifyConfig(emails=("bob@example.com",))}))

    assert deliver_due(by_now, send_mail=post) is None
    assert deliver_due(by_now, send_mail=post) is None

    [(recipients, mail, key)] = post.sent
    assert recipients == ("anna@example.com",)
    assert "train failed in run manual__1" in mail.text
    assert f"https://airflow.example.com/ml/dags/{desk.config.name}_training/runs/manual__1" in mail.text
    [alert_id] = query("SELECT ALERT_ID FROM ALERTS")[0]
    assert key.startswith(f"{alert_id}.20")
    assert query(STATES) == [("failed", True, False, 0, None)]


def test_what_a_server_does_not_take_is_tried_again_later_and_the_rest_goes_out(
    desk: Desk, post: Post, fail_a_run: Any, query: Query
) -> None:
    fail_a_run("manual__1")
    post.is_down = True

    seconds = deliver_due(desk, send_mail=post)

    assert seconds is not None
    assert 50 < seconds <= 60
    assert query(STATES) == [("failed", False, False, 1, "mail: [Errno 111] Connection refused")]

    # When: the server is back before the minute is over, and there is something else to tell
    post.is_down = False
    fail_a_run("manual__2")
    deliver_due(desk, send_mail=post)

    # Then: that goes out, and the first one in its own time
    assert post.kinds == ["failed"]
    make_due(query)
    assert deliver_due(desk, send_mail=post) is None
    assert post.kinds == ["failed", "failed"]
    assert len({key for _, _, key in post.sent}) == 2


def test_of_two_channels_the_one_that_works_is_used_once(
    with_urls: Any, post: Post, fail_a_run: Any, query: Query, service: Any, caplog: pytest.LogCaptureFixture
) -> None:
    # Given: a webhook that does not work
    desk = with_urls(service.url("hunter2"))
    fail_a_run("manual__1")
    service.status = 500
    caplog.set_level(logging.DEBUG)

    # When
    deliver_due(desk, send_mail=post)

    # Then: the mail is out, and the webhook is tried again
    assert len(post.sent) == 1
    [(_, delivered, _, tries, error)] = query(STATES)
    assert (delivered, tries) == (False, 1)
    assert error.startswith("json://…#")
    assert error.endswith(": the service answered 500")

    # When: it works again
    service.status = 200
    make_due(query)
    assert deliver_due(desk, send_mail=post) is None

    # Then: it is told, and nobody gets a second mail
    assert len(post.sent) == 1
    assert [told["type"] for told in service.told] == ["failure"]
    assert query(STATES) == [("failed", True, False, 1, None)]
    assert "hunter2" not in caplog.text
    assert "hunter2" not in str(query("SELECT * FROM ALERTS")) + str(query("SELECT * FROM RUNS"))


def test_the_other_way_round_the_webhook_is_told_once(
    with_urls: Any, post: Post, fail_a_run: Any, query: Query, service: Any
) -> None:
    desk = with_urls(service.url())
    fail_a_run("manual__1")
    post.is_down = True
    deliver_due(desk, send_mail=post)
    post.is_down = False
    make_due(query)

    assert deliver_due(desk, send_mail=post) is None

    assert len(post.sent) == len(service.told) == 1


def test_a_run_that_was_never_opened_is_told_as_the_pipeline_file_says(
    desk: Desk, post: Post, warehouse: Warehouse
) -> None:
    desk = replace(desk, config=desk.config.model_copy(update={"notify": ANNA}))
    warehouse.alone(lambda: enqueue(warehouse, "failed", run_id="a_training/r", about={"tasks": ["open_run"]}))

    deliver_due(desk, send_mail=post)

    assert [recipients for recipients, _, _ in post.sent] == [("anna@example.com",)]


def test_with_nobody_to_tell_nothing_is_left_over(desk: Desk, post: Post, warehouse: Warehouse, query: Query) -> None:
    warehouse.alone(lambda: enqueue(warehouse, "failed", run_id="a_training/r", about={"tasks": ["open_run"]}))

    assert deliver_due(desk, send_mail=post) is None

    assert query(STATES) == [("failed", False, True, 0, "notify in the pipeline file names nobody")]


def test_what_cannot_be_told_keeps_nothing_else_back(
    desk: Desk, post: Post, warehouse: Warehouse, fail_a_run: Any, query: Query
) -> None:
    # Given: a check that is gone, a kind of another release, a version that was never promoted; and one that is right
    def put_all() -> None:
        enqueue(warehouse, "drift", run_id="a_inference/r", about={"check_id": "gone"})
        enqueue(warehouse, "celebration", run_id="r", about={})  # type: ignore[arg-type]
        enqueue(warehouse, "promoted", run_id="a_training/r", about={"version": 7})

    warehouse.alone(put_all)
    fail_a_run("manual__1")

    # When
    seconds = deliver_due(desk, send_mail=post)

    # Then: what can never be told is dropped with the reason; what another release may know is tried again
    assert post.kinds == ["failed"]
    states = {kind: rest for kind, *rest in query(STATES)}
    assert states["drift"] == [False, True, 0, "there is no check gone in DRIFT_CHECKS"]
    assert states["celebration"] == [False, False, 1, "cannot be composed: KeyError: 'celebration'"]
    assert states["promoted"] == [
        False,
        True,
        0,
        "the ledger has no event PROMOTED of version 7 in run a_training/r",
    ]
    assert seconds is not None


def test_a_server_that_takes_its_time_does_not_hold_a_run(
    desk: Desk, post: Post, fail_a_run: Any, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "PATIENCE_S", 0.001)

    fail_a_run("manual__1")
    fail_a_run("manual__2")
    left = [deliver_due(desk, send_mail=slowly(post)) for _ in range(3)]

    assert left[0] is not None
    assert left[0] <= 0
    assert left[-1] is None
    assert len(post.sent) == 2


def slowly(post: Post) -> Any:
    import time

    def send(*arguments: Any) -> None:
        time.sleep(0.01)
        post(*arguments)

    return send


def test_an_alert_whose_delivery_could_not_be_noted_is_free_again_after_a_while(
    desk: Desk, post: Post, fail_a_run: Any, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_a_run("manual__1")

    def lose(*_: Any) -> None:
        raise WarehouseUnavailableError("it went away")

    with monkeypatch.context() as patched:
        patched.setattr(delivery, "note_delivered_to", lose)
        with pytest.raises(WarehouseUnavailableError):
            deliver_due(desk, send_mail=post)
    deliver_due(desk, send_mail=post)
    assert len(post.sent) == 1

    query("UPDATE ALERTS SET CLAIMED_UNTIL = SYSDATE()")
    deliver_due(desk, send_mail=post)

    # It is the same mail to those who get it
    (_, _, first), (_, _, second) = post.sent
    assert first == second


def test_the_gates_decision_is_told_with_its_reasons_once(
    desk: Desk, post: Post, warehouse: Warehouse, open_a_run: Any, add_version: Any, config: PipelineConfig
) -> None:
    add_version(1, is_champion=False)
    run_id = open_a_run("manual__1", kind="training", notify=ANNA)
    for _ in range(2):  # the task is tried again
        record_gate(warehouse, version=1, passed=True, reason="it is good", run_id=run_id)
        promote(warehouse, version=1, expected_event_seq=0, reason="it is good; it is better", run_id=run_id)

    deliver_due(desk, send_mail=post)

    assert post.kinds == ["promoted"]
    [(_, mail, _)] = post.sent
    assert "- it is good\n" in mail.text
    assert "- it is better\n" in mail.text
    assert "version 1 is champion" in mail.subject
