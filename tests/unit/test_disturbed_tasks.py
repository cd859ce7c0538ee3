"""The way to the warehouse fails, all the time and in every way, and now and then for good.

What is left must be what a pipeline has that nobody has disturbed: the same rows in every table. A task fails only of
what cannot be mended by asking again, with an error that says so, and is tried again, as Airflow does.
"""

import json
from collections.abc import Callable, Iterator
from itertools import chain, count, cycle
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from include.warehouse.embedded.server import RunningServer
from tests.child_processes import was_killed
from tests.disturbed_tasks import TOLD, try_disturbed
from tests.loop_pipelines import Pipeline, connection_to, made_by_setup, set_up
from tests.sql.statement_files import file_of
from tests.tasks_in_processes import TASKS
from tests.warehouse_proxy import Asked, Fault, Proxy, running_proxy

pytestmark = pytest.mark.slow


class Failure(NamedTuple):
    """What a task cannot survive: from some statement on."""

    statement: str
    fault: Fault
    error: str
    is_lost_after: bool = False
    """Whether the statement is executed, and nobody hears of it."""
    time: int = 1
    """Of which time it is met in a try that this is said."""


REFUSED = Fault.NOT_PERMITTED, "AccessDeniedError"
EXPIRED = Fault.LOGIN_EXPIRED, "WarehouseUnavailableError"

FAILURES: dict[str, list[Failure]] = {
    "sync_training": [Failure("lock/commit", *EXPIRED, is_lost_after=True)],
    "freeze": [Failure("snapshots/insert_snapshot_images", *REFUSED)],
    "evaluate": [Failure("lock/commit", *EXPIRED, is_lost_after=True)],
    "promote": [
        Failure("registry/insert_event", *REFUSED),
        Failure("lock/commit", *EXPIRED, is_lost_after=True, time=2),
    ],
    "predict": [Failure("features/merge_features", *EXPIRED)],
    "commit": [
        Failure("stages/put_file", Fault.FORBIDDEN, "WarehouseUnavailableError"),
        Failure("predictions/insert_loaded_predictions", *REFUSED),
        Failure("lock/commit", *EXPIRED, is_lost_after=True),
    ],
    "check": [Failure("drift/insert_check", *REFUSED)],
}
"""What the tries of each task fail of, try by try."""


class Disturbance:
    """Every third request fails once, each time in another way; and from some statement on, a task's failure does.

    Args:
        failure: What the task of this try cannot survive, if anything.
    """

    _numbers = count(1)
    _of_statements = chain(
        [Fault.SLOW_AFTER],  # once, as it takes seconds
        cycle([Fault.UNAVAILABLE, Fault.CUT_AFTER, Fault.TOO_MANY, Fault.SESSION_EXPIRED, Fault.CUT_BEFORE]),
    )
    _of_downloads = cycle([Fault.FORBIDDEN, Fault.UNAVAILABLE, Fault.CUT_BEFORE, Fault.TOO_MANY])
    _of_others = cycle([Fault.UNAVAILABLE, Fault.CUT_AFTER])

    def __init__(self, failure: Failure | None) -> None:
        self._failure = failure
        self._met: set[str] = set()
        self._is_over = False
        self._forbidden: set[str] = set()

    def __call__(self, asked: Asked) -> Fault | None:
        if self._failure is not None and (fault := self._for_good(asked)):
            return fault
        if asked.is_login or next(self._numbers) % 3:
            return None
        if asked.sql is not None:
            return next(self._of_statements)
        if not asked.is_download:
            return next(self._of_others)
        fault = next(self._of_downloads)
        if fault is Fault.FORBIDDEN and asked.path in self._forbidden:
            return None  # a URL that is refused twice is not one that has expired
        self._forbidden.add(asked.path)
        return fault

    def _for_good(self, asked: Asked) -> Fault | None:
        assert self._failure is not None
        if asked.sql is None:
            return Fault.FORBIDDEN if asked.is_transfer and self._failure.fault is Fault.FORBIDDEN else None
        if self._is_over:
            return self._failure.fault
        if self._failure.fault is Fault.FORBIDDEN or file_of(asked.sql) != self._failure.statement:
            return None
        self._met.add(asked.request_id)
        if len(self._met) < self._failure.time:
            return None
        self._is_over = self._failure.fault is Fault.LOGIN_EXPIRED
        return Fault.CUT_AFTER if self._failure.is_lost_after else self._failure.fault


class Told(NamedTuple):
    """What was found after a try."""

    work: str
    error: tuple[str, bool, str] | None
    """The error's class, whether it is one that another try may not meet, and what it says."""
    n_predictions: int
    n_promotions: int
    n_checks: int


class Disturbed(NamedTuple):
    """A pipeline whose every task was disturbed."""

    pipeline: Pipeline
    proxy: Proxy
    tries: list[Told]


@pytest.fixture(scope="module")
def disturbed(loop_stages: Path, loop_server: RunningServer) -> Iterator[Disturbed]:
    with set_up("disturbed", loop_stages) as pipeline, running_proxy(loop_server) as (proxy, port):
        tries = []
        for work in TASKS:
            for number, failure in enumerate([*FAILURES.get(work.__name__, ()), None], start=1):
                proxy.choose_fault = Disturbance(failure)
                arguments = (work, pipeline.config.to_json(), number, loop_stages / "disturbed", connection_to(port))
                assert not was_killed(try_disturbed, *arguments, errors=loop_stages / "errors")
                told = _told(work, pipeline, loop_stages / "disturbed" / TOLD)
                assert failure or not told.error, f"{work.__name__} failed: {told.error}"
                tries.append(told)
        yield Disturbed(pipeline, proxy, tries)


def _told(work: Callable[..., Any], pipeline: Pipeline, file: Path) -> Told:
    def n(what: str) -> int:
        return int(pipeline.query(f"SELECT COUNT(*) AS N FROM {what}")[0]["N"])  # noqa: S608

    error = tuple(json.loads(file.read_text())) if file.exists() else None
    n_promotions = n("MODEL_EVENTS WHERE EVENT = 'PROMOTED'")
    return Told(work.__name__, error, n("PREDICTIONS"), n_promotions, n("DRIFT_CHECKS"))


@pytest.mark.parametrize("table", made_by_setup("TABLE"))
def test_a_table_holds_what_it_holds_undisturbed(table: str, undisturbed: Pipeline, disturbed: Disturbed) -> None:
    assert disturbed.pipeline.contents(table) == undisturbed.contents(table)


@pytest.mark.parametrize("view", made_by_setup("VIEW"))
def test_whoever_reads_a_view_sees_no_difference(view: str, undisturbed: Pipeline, disturbed: Disturbed) -> None:
    assert disturbed.pipeline.contents(view) == undisturbed.contents(view)


def test_a_task_fails_of_nothing_that_asking_again_mends_and_says_what_it_fails_of(disturbed: Disturbed) -> None:
    expected = [
        (work.__name__, failure.error if failure else None)
        for work in TASKS
        for failure in [*FAILURES.get(work.__name__, ()), None]
    ]

    assert [(told.work, told.error[0] if told.error else None) for told in disturbed.tries] == expected
    for told in disturbed.tries:
        if told.error and told.error[0] == "AccessDeniedError":
            assert not told.error[1]
            assert "Insufficient privileges" in told.error[2]
            assert "./driftgate doctor NAME says what is missing" in told.error[2]
        elif told.error:
            assert told.error[1], "another try may succeed"


def test_what_failed_was_not_half_written(disturbed: Disturbed) -> None:
    def found(work: str) -> list[Told]:
        return [told for told in disturbed.tries if told.work == work]

    # The last try that failed was told nothing of a COMMIT that had succeeded; those before it were refused.
    assert [told.n_predictions for told in found("commit")] == [0, 0, 6, 6]
    assert [told.n_promotions for told in found("promote")] == [0, 1, 1]
    assert [told.n_checks for told in found("check")] == [0, 1]


def test_each_way_to_fail_was_met(disturbed: Disturbed) -> None:
    of_statements = {fault for asked, fault in disturbed.proxy.failed if asked.sql is not None}
    of_transfers = {fault for asked, fault in disturbed.proxy.failed if asked.is_transfer}
    of_downloads = {fault for asked, fault in disturbed.proxy.failed if asked.is_download}

    assert of_statements == {*Fault} - {Fault.FORBIDDEN, Fault.BAD_REQUEST}
    assert of_transfers == {Fault.FORBIDDEN, Fault.UNAVAILABLE, Fault.CUT_AFTER}
    assert of_downloads == {Fault.FORBIDDEN, Fault.UNAVAILABLE, Fault.CUT_BEFORE, Fault.TOO_MANY}
    assert len(disturbed.proxy.failed) > 100
