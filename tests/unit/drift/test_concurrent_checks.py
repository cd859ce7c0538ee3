"""Checks during which something else happens."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import MagicMock

import pytest
from given_answers import LIT, SURE, WINDOW, clean, evenly

from include.config import PipelineConfig
from include.drift.acceptance import accept_check
from include.drift.check import Check, check_drift
from include.errors import ConcurrentChangeError
from include.store.files import FileStore
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
Promoted = Callable[..., int]
Answer = Callable[..., None]
RunCheck = Callable[..., Check]

pytestmark = pytest.mark.usefixtures("drawn")


@pytest.fixture
def config(small_window: PipelineConfig) -> PipelineConfig:
    return small_window


def test_a_champion_that_changes_meanwhile_leaves_nothing_behind(
    check: RunCheck, promoted: Promoted, answer: Answer, drawn: MagicMock, query: Query
) -> None:
    def promote_meanwhile(*args: Any, **kwargs: Any) -> str:
        promoted()
        return "reports/late.html"

    answer(promoted(SURE), clean(WINDOW), images="new")
    drawn.side_effect = promote_meanwhile

    with pytest.raises(ConcurrentChangeError, match="version 1 is no longer the champion"):
        check("run")
    assert query("SELECT COUNT(*) FROM DRIFT_CHECKS") == [(0,)]

    assert check("run").version == 2


def test_a_check_that_another_one_overtakes_looks_again(
    check: RunCheck,
    promoted: Promoted,
    answer: Answer,
    drawn: MagicMock,
    query: Query,
    open_session: Callable[[], Warehouse],
    store: FileStore,
    config: PipelineConfig,
) -> None:
    answer(promoted(), clean(WINDOW), images="new")
    another = open_session()

    def check_meanwhile(*args: Any, **kwargs: Any) -> str:
        drawn.side_effect = None
        assert check_drift(another, store, config, run_id="the other", work_path="o").verdict == "STABLE"
        return "reports/late.html"

    drawn.side_effect = check_meanwhile

    with pytest.raises(ConcurrentChangeError, match="another check has consumed") as caught:
        check("this one")
    assert caught.value.is_transient
    assert check("this one").verdict == "INSUFFICIENT_DATA"
    assert query("SELECT RUN_ID, LAST_COMMIT_SEQ FROM DRIFT_CHECKS ORDER BY CHECKED_AT") == [
        ("the other", 60),
        ("this one", None),
    ]


def test_two_checks_at_once_consume_a_window_once(
    promoted: Promoted,
    answer: Answer,
    drawn: MagicMock,
    query: Query,
    open_session: Callable[[], Warehouse],
    store: FileStore,
    config: PipelineConfig,
) -> None:
    answer(promoted(), clean(WINDOW), images="new")
    sessions = [open_session() for _ in range(3)]
    both_measured = threading.Barrier(len(sessions))
    drawn.side_effect = lambda *_, **__: f"reports/{both_measured.wait(timeout=60)}.html"

    def outcome(number: int) -> str:
        try:
            done = check_drift(sessions[number], store, config, run_id=f"run {number}", work_path=f"w{number}")
        except ConcurrentChangeError:
            return "told to check again"
        return done.verdict if done else "no champion"

    with ThreadPoolExecutor(len(sessions)) as pool:
        outcomes = sorted(pool.map(outcome, range(len(sessions))))

    assert outcomes == ["STABLE", "told to check again", "told to check again"]
    assert query("SELECT VERDICT, FIRST_COMMIT_SEQ, LAST_COMMIT_SEQ FROM DRIFT_CHECKS") == [("STABLE", 1, 60)]


def test_images_that_are_declared_normal_meanwhile_make_the_check_look_again(
    check: RunCheck,
    promoted: Promoted,
    answer: Answer,
    drawn: MagicMock,
    query: Query,
    open_session: Callable[[], Warehouse],
) -> None:
    version = promoted(LIT)
    dark = [(480.0, 640.0, brightness, 0.2, 0.02) for brightness in evenly(0.1, 0.3, WINDOW)]
    answer(version, clean(WINDOW), images="dark", looks=dark)
    broken = check()
    answer(version, clean(WINDOW), images="dark, too", looks=dark)
    another = open_session()

    def accept_meanwhile(*args: Any, **kwargs: Any) -> str:
        drawn.side_effect = None
        accept_check(another, broken.check_id, reason="a new camera", actor="ann")
        return "reports/late.html"

    drawn.side_effect = accept_meanwhile

    with pytest.raises(ConcurrentChangeError, match="a person has declared images normal") as caught:
        check("this one")
    assert caught.value.is_transient
    again = check("this one")
    assert (again.verdict, again.action) == ("DATA_DRIFT", "REQUEST_LABELS")
    assert query("SELECT RUN_ID, VERDICT FROM DRIFT_CHECKS ORDER BY CHECKED_AT")[1:] == [("this one", "DATA_DRIFT")]
