"""Every task of both DAGs is killed where it hurts, again and again, and tried again.

What is left must be what a pipeline has that nobody has disturbed: the same rows in every table.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.catalog.plan import pending_images
from include.store.files import sha256_of_file
from include.store.pixels import is_whole
from include.warehouse.embedded.server import RunningServer
from include.warehouse.loading import TaskTry
from tests.child_processes import was_killed
from tests.loop_pipelines import N_INCOMING, Pipeline, made_by_setup, set_up
from tests.tasks_in_processes import MAILS, TASKS, try_task

pytestmark = pytest.mark.slow

DEATHS: dict[str, list[str]] = {
    "open_training": ["runs/open_run"],
    "sync_training": ["catalog/merge_images", "catalog/insert_comparison", "lock/commit"],
    "freeze": [
        "pixels/copy_loaded_pixels",
        "pixels/set_content_digests",
        "lock/commit",
        "snapshots/insert_snapshot",
        "snapshots/insert_snapshot_images",
        "lock/commit",
        "batches/written",
        "batches/named",
    ],
    "preprocess_first": [
        "segments/written",
        "segments/named",
        "pixels/copy_loaded_pixels",
        "pixels/merge_pixels",
        "pixels/set_content_digests",
        "lock/commit",
    ],
    "preprocess_second": ["pixels/set_content_digests", "pixels/merge_quarantine"],
    # It has two steps in an epoch, three epochs, and checkpoints after the second and the third.
    "train": [
        "step 3",
        "checkpoints/written",
        "checkpoints/named",
        "checkpoints/named 2",
        "step",
        "step 2",
        "checkpoints/named 2",
        "fitted/written",
        "fitted/named",
    ],
    "evaluate": [
        "stages/put_file 2",
        "stages/get_files",
        "registry/insert_version",
        "registry/insert_baseline",
        "registry/insert_event",
        "lock/commit",
    ],
    "ask_for_promotion": [
        "registry/insert_event",
        "lock/commit",
        "approvals/insert_request",
        "alerts/insert_alert",
        "lock/commit 2",
    ],
    "record_approval": ["registry/insert_event", "alerts/insert_alert", "lock/commit"],
    "promote": ["lock/commit", "registry/insert_event", "lock/commit 2"],
    # The second one has made the version's function, the third one has put it in the place of the one before.
    "publish": ["stages/put_file 2", "publish/create_version_function", "publish/create_function"],
    "announce": ["runs/close_run"],
    "sync_incoming": ["catalog/merge_changes", "lock/commit 2"],
    "plan": ["batches/written", "batches/named"],
    # From the fifth one on, the pixels are in the store.
    "predict": [
        "models/written",
        "models/named 2",
        "segments/named",
        "pixels/merge_pixels",
        "pixels/merge_quarantine",
        "lock/commit",
        "pixels/locate_loaded_images",
        "features/written",
        "features/merge_features",
        "lock/commit",
        "answers/written",
        "answers/named",
    ],
    "commit": [
        "stages/put_file",
        "predictions/copy_loaded_predictions",
        "lock/take_lock",
        "predictions/insert_loaded_predictions",
        "predictions/check_loaded_predictions",
        "lock/commit",
        "runs/close_run",
        "lock/commit 2",
    ],
    "check": ["drift/insert_check", "lock/commit"],
    # The third one has sent a mail, and nobody knows.
    "deliver": [
        "alerts/claim_alert",
        "lock/commit",
        "alerts/set_delivered_to",
        "lock/commit 2",
        "alerts/mark_delivered",
        "lock/commit 2",
    ],
}
"""What each task has just done when it is killed, try by try; with a number, for the so-manieth time in that try."""

EMPTY = {
    *("LABELS", "LABEL_REQUESTS", "ACCEPTED_CHECKS", "CURE_CHECKS", "FORGOTTEN", "REPRODUCTIONS", "RECALLS"),
}
"""Tables in which the tasks write nothing."""


@pytest.fixture(scope="module")
def killed(loop_stages: Path, loop_server: RunningServer) -> Iterator[Pipeline]:
    """A pipeline whose tasks were killed wherever `DEATHS` says."""
    with set_up("killed", loop_stages) as pipeline:
        for work in TASKS:
            for number, death in enumerate([*DEATHS[work.__name__], None], start=1):
                died = was_killed(
                    try_task,
                    work,
                    pipeline.config.to_json(),
                    number,
                    loop_stages / "killed",
                    death,
                    errors=loop_stages / "errors",
                )
                assert died == (death is not None), f"{work.__name__}, try {number}, never came to {death}"
        yield pipeline


@pytest.mark.parametrize("table", made_by_setup("TABLE"))
def test_a_table_holds_what_it_holds_without_a_death(table: str, undisturbed: Pipeline, killed: Pipeline) -> None:
    expected = undisturbed.contents(table)

    assert killed.contents(table) == expected
    assert bool(expected) == (table not in EMPTY)


@pytest.mark.parametrize("view", made_by_setup("VIEW"))
def test_whoever_reads_a_view_sees_no_difference(view: str, undisturbed: Pipeline, killed: Pipeline) -> None:
    assert killed.contents(view) == undisturbed.contents(view)


def test_no_table_is_forgotten_here(killed: Pipeline) -> None:
    assert sorted(row["name"] for row in killed.query("SHOW TABLES")) == sorted(made_by_setup("TABLE"))


def test_what_sql_can_call_is_the_same(undisturbed: Pipeline, killed: Pipeline) -> None:
    functions = (
        "SELECT FUNCTION_NAME, COMMENT FROM INFORMATION_SCHEMA.FUNCTIONS WHERE FUNCTION_SCHEMA = CURRENT_SCHEMA()"
    )

    assert [row["FUNCTION_NAME"] for row in killed.query(functions)] == ["CLASSIFY", "CLASSIFY_V1"]
    assert killed.query(functions) == undisturbed.query(functions)
    staged = [[(row["name"], row["md5"]) for row in p.query("LIST @MODELS/functions/")] for p in (undisturbed, killed)]
    assert staged[0] == staged[1] != []


def test_there_is_nothing_left_to_do(killed: Pipeline) -> None:
    assert pending_images(killed.warehouse, killed.config) == []
    assert len(killed.query("SELECT 1 FROM CURRENT_PREDICTIONS WHERE TYPE IS NOT NULL")) == N_INCOMING


def test_people_are_told_what_is_still_true(loop_stages: Path, undisturbed: Pipeline, killed: Pipeline) -> None:
    # The request was answered before anybody was told of it, and is dropped; its reminder is not due yet.
    for pipeline in (undisturbed, killed):
        rows = pipeline.query("SELECT KIND, DELIVERED_AT, DROPPED_AT, N_TRIES FROM ALERTS ORDER BY KIND")
        told = [(row["KIND"], row["DELIVERED_AT"] is not None, row["DROPPED_AT"] is not None) for row in rows]
        assert told == [
            ("answered", True, False),
            ("approval", False, True),
            ("promoted", True, False),
            ("reminder", False, False),
        ]
        assert {row["N_TRIES"] for row in rows} == {0}
    # Each once, and once more under the same Message-ID where a task was killed before it could note that.
    sent_undisturbed = (loop_stages / "undisturbed" / MAILS).read_text().split()
    assert len(sent_undisturbed) == len(set(sent_undisturbed)) == 2
    sent = (loop_stages / "killed" / MAILS).read_text().split()
    assert (len(sent), len(set(sent))) == (3, 2)


def test_the_lock_is_free(killed: Pipeline) -> None:
    started = time.monotonic()

    killed.warehouse.alone(lambda: None)

    assert time.monotonic() - started < 2


def test_each_file_that_has_a_name_is_whole(undisturbed: Pipeline, killed: Pipeline) -> None:
    files = {name: path for name, path in killed.files().items() if not path.name.endswith(".tmp")}
    of_folder = {name.partition("/")[0] for name in files}
    assert of_folder == {"answers", "batches", "features", "fitted", "models", "segments"}, "the checkpoints are gone"
    for name, path in files.items():
        kind = name.partition("/")[0]
        if kind in {"answers", "fitted"}:
            assert path.stem == sha256_of_file(path)
        elif kind == "segments":
            assert is_whole(killed.store, name)
        else:
            assert path.read_bytes() == undisturbed.files()[name].read_bytes()
    # Answers say when they were given, so a try that was killed has left its own. Nobody has them, and prune does.
    assert {name for name in files if not name.startswith("answers")} == {
        name for name in undisturbed.files() if not name.startswith("answers")
    }


def test_only_the_dead_leave_something_behind(undisturbed: Pipeline, killed: Pipeline) -> None:
    """Nobody reads it: no try uses what another one has left. `prune` removes it."""
    last_tries = {
        TaskTry(*run_id.split("/"), work.__name__, -1, len(DEATHS[work.__name__]) + 1).work_path  # type: ignore[call-arg]
        for work, run_id in TASKS.items()
    }
    left = {row["name"].split("/")[1] for row in killed.query("LIST @WORK")}

    assert undisturbed.query("LIST @WORK") == []
    assert left
    assert not left & last_tries
    assert not [name for name in undisturbed.files() if name.endswith(".tmp")]
