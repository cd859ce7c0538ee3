"""The alert by which Snowflake tells that drift checks stay away."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest

from include.config import PipelineConfig
from include.warehouse.dead_man import alert_emails, longest_pause_s
from include.warehouse.session import Warehouse
from include.warehouse.setup import run_setup

Query = Callable[..., list[tuple[Any, ...]]]
HOUR = 3600


@pytest.fixture
def watched(config: PipelineConfig) -> PipelineConfig:
    """The pipeline, of which people are mailed."""
    return config.model_copy(update={"notify": config.notify.model_copy(update={"emails": ("ann@example.com",)})})


@pytest.mark.parametrize(
    ("schedule", "pause_s"),
    [
        ("@hourly", HOUR),
        ("*/5 * * * *", 300),
        ("@daily", 24 * HOUR),
        ("0 8 * * 1-5", 72 * HOUR),
        ("@quarterly", 92 * 24 * HOUR),
        ("@once", None),
        ("@continuous", None),
        (None, None),
    ],
)
def test_the_longest_pause_of_a_schedule(schedule: str | None, pause_s: int | None) -> None:
    assert longest_pause_s(schedule) == pause_s


def test_nobody_is_mailed_without_a_rhythm_or_when_the_file_says_so(watched: PipelineConfig) -> None:
    quiet = watched.account.model_copy(update={"alert_emails": ()})

    assert alert_emails(watched) == ("ann@example.com",)
    assert alert_emails(watched.model_copy(update={"schedule": None})) == ()
    assert alert_emails(watched.model_copy(update={"account": quiet})) == ()


def is_silent(query: Query) -> bool:
    """Evaluate the alert's condition, as Snowflake would."""
    ((*_, condition, _),) = query("SHOW ALERTS")
    return bool(query(condition))


def test_it_mails_when_no_check_has_arrived_for_twice_the_schedule(
    warehouse: Warehouse, watched: PipelineConfig, query: Query
) -> None:
    run_setup(warehouse, watched)
    (alert,) = query("SHOW ALERTS")
    assert (alert[1], alert[7], alert[8]) == ("DRIFT_CHECK_MISSING", "60 MINUTE", "started")
    assert "'ann@example.com', 'Driftgate: no drift check of " in alert[10]
    assert not is_silent(query), "there is no champion yet"

    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    query(
        "INSERT INTO MODEL_EVENTS (EVENT_SEQ, EVENT, VERSION, ACTOR, AT) SELECT 1, 'PROMOTED', 1, 'me', %(at)s",
        at=now - datetime.timedelta(hours=1.9),
    )
    assert not is_silent(query), "the champion has not been one for as long"
    query("UPDATE MODEL_EVENTS SET AT = %(at)s", at=now - datetime.timedelta(hours=2.1))
    assert is_silent(query)

    query(
        "INSERT INTO DRIFT_CHECKS (CHECK_ID, RUN_ID, VERSION, CHAMPION_EVENT_SEQ, N_IMAGES, STATISTICS, THRESHOLDS, "
        "VERDICT, ACTION, REASONS, CHECKED_AT) SELECT 'c', 'r', 1, 1, 0, PARSE_JSON('{}'), PARSE_JSON('{}'), "
        "'INSUFFICIENT', 'NONE', PARSE_JSON('[]'), %(at)s",
        at=now - datetime.timedelta(hours=1.9),
    )
    assert not is_silent(query)
    query("UPDATE DRIFT_CHECKS SET CHECKED_AT = %(at)s", at=now - datetime.timedelta(hours=2.1))
    assert is_silent(query)


def test_it_goes_when_nobody_is_to_be_mailed(warehouse: Warehouse, watched: PipelineConfig, query: Query) -> None:
    run_setup(warehouse, watched)
    run_setup(warehouse, watched.model_copy(update={"schedule": None}))

    assert query("SHOW ALERTS") == []
