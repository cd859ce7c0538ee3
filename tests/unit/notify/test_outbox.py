"""The life of an alert: due, claimed, delivered, tried again, dropped."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.notify import outbox
from include.notify.outbox import (
    claim_next,
    mark_delivered,
    mark_dropped,
    mark_failed,
    note_delivered_to,
    pause_after,
    seconds_to_next,
)
from include.registry.alerts import enqueue
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]


def put(warehouse: Warehouse, version: int, **values: Any) -> None:
    warehouse.alone(lambda: enqueue(warehouse, "promoted", run_id="a_training/r", about={"version": version}, **values))


def test_what_was_put_in_twice_is_told_once(warehouse: Warehouse) -> None:
    put(warehouse, 1)
    put(warehouse, 1)

    alert = claim_next(warehouse)
    assert alert is not None
    assert (alert.kind, alert.run_id, alert.about, alert.n_tries) == ("promoted", "a_training/r", {"version": 1}, 0)
    mark_delivered(warehouse, alert)

    assert claim_next(warehouse) is None
    assert seconds_to_next(warehouse) is None
    put(warehouse, 1)
    assert claim_next(warehouse) is None


def test_what_is_rolled_back_with_its_fact_is_not_told(warehouse: Warehouse) -> None:
    def fail() -> None:
        enqueue(warehouse, "promoted", run_id="r", about={"version": 1})
        raise ValueError("the fact cannot be stored")

    with pytest.raises(ValueError, match="the fact"):
        warehouse.alone(fail)

    assert seconds_to_next(warehouse) is None


def test_an_alert_is_claimed_by_one_of_many(warehouse: Warehouse, open_session: Callable[[], Warehouse]) -> None:
    for version in range(3):
        put(warehouse, version)
    sessions = [open_session() for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(claim_next, sessions))

    versions = [alert.about["version"] for alert in claimed if alert]
    assert sorted(versions) == [0, 1, 2]


def test_who_is_killed_keeps_an_alert_from_others_for_a_while(
    warehouse: Warehouse, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(warehouse, 1)
    first = claim_next(warehouse)
    assert claim_next(warehouse) is None
    seconds = seconds_to_next(warehouse)
    assert seconds is not None
    assert outbox.CLAIM_S - 10 < seconds <= outbox.CLAIM_S

    query("UPDATE ALERTS SET CLAIMED_UNTIL = SYSDATE()")

    again = claim_next(warehouse)
    assert again is not None
    assert first is not None
    assert again.key == first.key


def test_after_each_failure_the_pause_is_longer(warehouse: Warehouse, query: Query) -> None:
    put(warehouse, 1)
    for n_tries, pause in ((1, 60), (2, 120)):
        alert = claim_next(warehouse)
        assert alert is not None
        mark_failed(warehouse, alert, "mail: Connection refused" + "!" * 1000)

        assert claim_next(warehouse) is None
        seconds = seconds_to_next(warehouse)
        assert seconds is not None
        assert pause - 10 < seconds <= pause
        [(tries, error)] = query("SELECT N_TRIES, ERROR FROM ALERTS")
        assert tries == n_tries
        assert error.startswith("mail: Connection refused!")
        assert len(error) == 500
        query("UPDATE ALERTS SET NEXT_TRY_AT = SYSDATE()")

    assert [pause_after(n) for n in (1, 2, 3, 6, 7, 1000)] == [60, 120, 240, 1920, 3600, 3600]


def test_what_is_due_later_is_told_then(warehouse: Warehouse, query: Query) -> None:
    put(warehouse, 1, due_at=datetime.now(UTC) + timedelta(hours=36))

    assert claim_next(warehouse) is None
    seconds = seconds_to_next(warehouse)
    assert seconds is not None
    assert abs(seconds - 36 * 3600) < 10

    put(warehouse, 2)
    alert = claim_next(warehouse)
    assert alert is not None
    assert alert.about == {"version": 2}


def test_an_alert_knows_what_it_has_gone_through(warehouse: Warehouse) -> None:
    put(warehouse, 1)
    alert = claim_next(warehouse)
    assert alert is not None
    note_delivered_to(warehouse, alert, ["mail"])
    mark_failed(warehouse, alert, "json://…: the service answered 500")

    # Its next try
    warehouse._connection.cursor().execute("UPDATE ALERTS SET NEXT_TRY_AT = SYSDATE()")
    again = claim_next(warehouse)
    assert again is not None
    assert again.delivered_to == ("mail",)


def test_what_is_no_longer_wanted_is_dropped(warehouse: Warehouse, query: Query) -> None:
    put(warehouse, 1)
    alert = claim_next(warehouse)
    assert alert is not None

    mark_dropped(warehouse, alert, error=None)

    assert seconds_to_next(warehouse) is None
    assert query("SELECT DELIVERED_AT, DROPPED_AT IS NULL, ERROR FROM ALERTS") == [(None, False, None)]
