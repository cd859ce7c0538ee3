"""Every task of both DAGs is killed where it hurts, again and again, and tried again.

What is left must be what a pipeline has that nobody has disturbed: the same rows in every table.
"""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from PIL import Image

from driftgate.hooks import WarehouseHook
from include.catalog.plan import pending_images
from include.config import PipelineConfig
from include.store.files import FileStore, sha256_of_file
from include.store.pixels import is_whole
from include.warehouse.embedded.server import running_server
from include.warehouse.loading import TaskTry
from include.warehouse.session import SQL_FOLDER, Warehouse
from include.warehouse.setup import run_setup
from tests.child_processes import was_killed
from tests.tasks_in_processes import MAILS, TASKS, do_all_tasks, try_task

pytestmark = pytest.mark.slow

COLOURS = {"blue": (0, 0, 1), "green": (0, 1, 0), "red": (1, 0, 0)}
N_IN_A_CLASS = 10
N_INCOMING = 6
IDLE_TRANSACTION_S = 0.2
"""How long the lock of a dead task is held here: nobody who is alive is that slow."""

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

NOT_COMPARED = {
    # When something was done: two pipelines do nothing at the same time.
    *("STARTED_AT", "FINISHED_AT", "FIRST_SEEN_AT", "QUARANTINED_AT", "WRITTEN_AT", "CREATED_AT", "HELD_AT", "AT"),
    *("PRED_TIMESTAMP", "CHECKED_AT", "REQUESTED_AT", "EXPIRES_AT", "DUE_AT", "NEXT_TRY_AT", "DELIVERED_AT"),
    *("COMPARED_AT", "DROPPED_AT", "GATE_AT", "PROMOTED_AT", "VALID_FROM", "VALID_TO"),
    # The pipeline's own schema and store are in it, or when its streams were made.
    *("FILE_URL", "CONFIG_DIGEST", "READ_AS"),
    # It counts who has held the lock, the dead among them.
    "N_HOLDERS",
}
"""Columns; all others are compared, the ids of runs, too, which are the same in both pipelines."""
NOT_COMPARED_INSIDE = {
    "CONFIG": ("name", "warehouse", "store"),
    "METRICS": ("training_seconds",),
    # METRICS are among what it is the digests of
    "EVIDENCE": ("digests",),
    "APPROVALS": ("at", "requested_at", "digests"),
    "PERIODS": ("valid_from", "valid_to"),
}
"""What is left out of columns that hold JSON, however deep it lies there, for the same reasons."""
EMPTY = {
    *("LABELS", "LABEL_REQUESTS", "ACCEPTED_CHECKS", "CURE_CHECKS", "FORGOTTEN", "REPRODUCTIONS", "RECALLS"),
}
"""Tables in which the tasks write nothing."""


class Pipeline(NamedTuple):
    """A pipeline that has gone through both DAGs once."""

    config: PipelineConfig
    warehouse: Warehouse

    @property
    def store(self) -> FileStore:
        return FileStore(self.config.store_url)

    def files(self) -> dict[str, Path]:
        """The files of the store, by their names in it."""
        root = Path(self.config.store_url)
        return {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()}

    def query(self, sql: str) -> list[dict[str, Any]]:
        cursor = self.warehouse._connection.cursor()
        rows = cursor.execute(sql).fetchall()
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in rows]

    def contents(self, table: str) -> list[str]:
        """The rows of a table or view, as far as they are compared, sorted."""
        rows = self.query(f"SELECT * FROM {table}")  # noqa: S608 - a name from include/sql
        return sorted(json.dumps(_compared(row), sort_keys=True, default=str) for row in rows)


def _compared(row: dict[str, Any]) -> dict[str, Any]:
    compared = {name: value for name, value in row.items() if name not in NOT_COMPARED}
    for column, names in NOT_COMPARED_INSIDE.items():
        if compared.get(column) is not None:
            compared[column] = _without(json.loads(compared[column]), names)
    return compared


def _without(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {name: _without(inside, names) for name, inside in value.items() if name not in names}
    return [_without(inside, names) for inside in value] if isinstance(value, list) else value


def made_by_setup(kind: str) -> list[str]:
    """The names of all tables, or views, that a pipeline has."""
    statements = [path.read_text() for path in sorted((SQL_FOLDER / "setup").glob("create_*.sql"))]
    found = [
        name
        for statement in statements
        for name in re.findall(rf"^CREATE .*\b{kind}\b(?: IF NOT EXISTS)? (\w+)", statement, re.MULTILINE)
    ]
    assert len(found) > 4
    return found


def put_shades(folder: Path) -> None:
    """Fill the stages' folders: shades of three colours, and in each a file that is no image."""
    for name in ("new", *(f"train/{label}" for label in COLOURS)):
        (folder / name).mkdir(parents=True)
    for label, (red, green, blue) in COLOURS.items():
        for number in range(N_IN_A_CLASS):
            shade = 90 + 14 * number
            picture = Image.new("RGB", (20, 20), (red * shade, green * shade, blue * shade))
            picture.save(folder / "train" / label / f"{number}.png")
        for number in range(N_INCOMING // len(COLOURS)):
            shade = 97 + 14 * number
            Image.new("RGB", (20, 20), (red * shade, green * shade, blue * shade)).save(
                folder / "new" / f"{label}{number}.png"
            )
    for broken in ("train/red/broken.png", "new/broken.png"):
        (folder / broken).write_bytes(b"no image")


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stages' folders: shades of three colours, and in each a file that is no image."""
    folder = tmp_path_factory.mktemp("stages")
    put_shades(folder)
    return folder


@pytest.fixture(scope="module")
def impatient_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An embedded warehouse of this module's own, which soon rolls back what a dead task has left open."""
    root = tmp_path_factory.mktemp("impatient")
    with running_server(
        root, user="me", password="my password", idle_transaction_s=IDLE_TRANSACTION_S, urls="file"
    ) as server:
        extra = {"account": "embedded", "host": server.host, "port": server.port, "protocol": "http"}
        connection = {"conn_type": "snowflake", "login": "me", "password": "my password", "extra": extra}
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("AIRFLOW_CONN_IMPATIENT", json.dumps(connection))
            # The connector would look for a cloud around it for 0.2 s, in each of a hundred processes.
            patched.setenv("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
            yield


@contextmanager
def set_up(name: str, stages: Path) -> Iterator[Pipeline]:
    config = PipelineConfig.model_validate(
        {
            "name": name,
            "warehouse": {"conn_id": "impatient", "database": "TESTS"},
            "stages": {
                "training": {"name": "TRAINING_IMAGES", "url": f"file://{stages}/train/"},
                "incoming": {"name": "INCOMING_IMAGES", "url": f"file://{stages}/new/"},
            },
            "images": {"max_bad_fraction": 0.5},
            "preprocessing": {"size": 16},
            "training": {"n_epochs": 3, "batch_size": 16, "base_lr": 0.01},
            "gate": {"min_accuracy": 0.0},
            "notify": {"emails": ["anna@example.com"]},
            "promotion": {"approval": True},
            "store": {"url": str(stages / "store")},
        }
    )
    (stages / name).mkdir()
    with WarehouseHook.for_pipeline(config).session() as warehouse:
        run_setup(warehouse, config)
        yield Pipeline(config, warehouse)


@pytest.fixture(scope="module")
def undisturbed(stages: Path, impatient_warehouse: None) -> Iterator[Pipeline]:
    with set_up("undisturbed", stages) as pipeline:
        assert not was_killed(do_all_tasks, pipeline.config.to_json(), stages / "undisturbed", errors=stages / "errors")
        yield pipeline


@pytest.fixture(scope="module")
def killed(stages: Path, impatient_warehouse: None) -> Iterator[Pipeline]:
    """A pipeline whose tasks were killed wherever `DEATHS` says."""
    with set_up("killed", stages) as pipeline:
        for work in TASKS:
            for number, death in enumerate([*DEATHS[work.__name__], None], start=1):
                died = was_killed(
                    try_task,
                    work,
                    pipeline.config.to_json(),
                    number,
                    stages / "killed",
                    death,
                    errors=stages / "errors",
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


def test_people_are_told_what_is_still_true(stages: Path, undisturbed: Pipeline, killed: Pipeline) -> None:
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
    sent_undisturbed = (stages / "undisturbed" / MAILS).read_text().split()
    assert len(sent_undisturbed) == len(set(sent_undisturbed)) == 2
    sent = (stages / "killed" / MAILS).read_text().split()
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
