"""Answers are committed all or none, and once."""

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from include.catalog.forgotten import place_sha256
from include.errors import IncompleteWriteError, RecalledVersionError, StoreError
from include.warehouse.loading import LOADED_PREDICTIONS, TaskTry, write_rows
from include.warehouse.session import Warehouse
from include.warehouse.write_back import commit_predictions

Query = Callable[..., list[tuple[Any, ...]]]

AT = datetime(2026, 11, 21, 12, 30, 15, 250_000)
LOOK = (60.0, 80.0, 0.5, 0.25, 0.125)


def answers(file: Path, names: list[str], version: int = 1, confidence: float = 0.75) -> Path:
    scores = f"[{confidence}, {1 - confidence}]"
    rows = [("S", name, "e", version, "shirt", confidence, scores, AT, *LOOK, "[0.5,-1.25]") for name in names]
    write_rows(file, LOADED_PREDICTIONS, rows)
    return file


def test_rows_arrive_with_their_types(warehouse: Warehouse, query: Query, tmp_path: Path) -> None:
    name = 'it\'s 100 %; "quoted"\n日本.png'

    n_new = commit_predictions(warehouse, [answers(tmp_path / "1.parquet", [name])], run_id="run", work_path="w")

    assert n_new == 1
    assert query(
        "SELECT RELATIVE_PATH, VERSION, TYPE, CONFIDENCE, SCORES[1]::FLOAT, PRED_TIMESTAMP, RUN_ID, COMMIT_SEQ, "
        "SHORT_SIDE, LONG_SIDE, BRIGHTNESS, CONTRAST, SHARPNESS, FEATURES[1]::FLOAT, IS_FIRST FROM PREDICTIONS"
    ) == [(name, 1, "shirt", 0.75, 0.25, AT, "run", 1, *LOOK, -1.25, True)]


def test_repeating_it_changes_nothing_and_later_answers_go_on(
    warehouse: Warehouse, query: Query, tmp_path: Path
) -> None:
    files = [answers(tmp_path / "1.parquet", ["a", "b"]), answers(tmp_path / "2.parquet", ["c"])]

    assert commit_predictions(warehouse, files, run_id="run 1", work_path="w1") == 3
    before = query("SELECT * FROM PREDICTIONS ORDER BY COMMIT_SEQ")
    again = answers(tmp_path / "3.parquet", ["a", "b", "c"], confidence=0.5)
    assert commit_predictions(warehouse, [again], run_id="run 2", work_path="w2") == 0
    assert query("SELECT * FROM PREDICTIONS ORDER BY COMMIT_SEQ") == before

    more = answers(tmp_path / "4.parquet", ["d"])
    assert commit_predictions(warehouse, [more], run_id="run 3", work_path="w3") == 1
    assert query("SELECT COUNT(*), COUNT(DISTINCT COMMIT_SEQ), MIN(COMMIT_SEQ) FROM PREDICTIONS") == [(4, 4, 1)]
    assert query("SELECT MAX(COMMIT_SEQ) FROM PREDICTIONS") == query(
        "SELECT COMMIT_SEQ FROM PREDICTIONS WHERE RELATIVE_PATH = 'd'"
    )


def test_a_key_that_two_batches_answer_is_one_row(warehouse: Warehouse, query: Query, tmp_path: Path) -> None:
    files = [answers(tmp_path / "1.parquet", ["a"]), answers(tmp_path / "2.parquet", ["a"])]

    assert commit_predictions(warehouse, files, run_id="run", work_path="w") == 1
    assert query("SELECT COUNT(*) FROM PREDICTIONS") == [(1,)]


def test_an_answer_is_the_first_where_no_other_version_has_answered_before(
    warehouse: Warehouse, query: Query, tmp_path: Path
) -> None:
    files = [
        [answers(tmp_path / "1.parquet", ["a", "b"])],
        [answers(tmp_path / "2.parquet", ["a", "b", "c", "d"], version=2)],  # a and b are rescored
        [answers(tmp_path / "3.parquet", ["a", "b"])],  # again, as a task that is tried again does
        [answers(tmp_path / "4.parquet", ["d", "e"], version=3), answers(tmp_path / "5.parquet", ["e"], version=2)],
    ]

    for number, of_run in enumerate(files):
        commit_predictions(warehouse, of_run, run_id=f"run {number}", work_path=f"w{number}")

    first = "SELECT RELATIVE_PATH, VERSION FROM PREDICTIONS WHERE IS_FIRST ORDER BY RELATIVE_PATH"
    assert query(first) == [("a", 1), ("b", 1), ("c", 2), ("d", 2), ("e", 2)]
    assert query("SELECT COUNT(*), COUNT(IS_FIRST) FROM PREDICTIONS") == [(9, 9)]
    assert query("SELECT RELATIVE_PATH, VERSION FROM FIRST_ANSWERS ORDER BY RELATIVE_PATH") == query(first)


@pytest.mark.parametrize("n_files", [1, 3, 100])
def test_a_commit_is_eight_statements_for_the_warehouse_whatever_the_number_of_files(
    warehouse: Warehouse, query: Query, tmp_path: Path, n_files: int, caplog: pytest.LogCaptureFixture
) -> None:
    files = [answers(tmp_path / f"{i}.parquet", [f"{i} a", f"{i} b"]) for i in range(n_files)]
    caplog.set_level(logging.DEBUG, "include.warehouse.embedded.routes")

    commit_predictions(warehouse, files, run_id="run", work_path="w")

    # the server's own log, so that what the connector asks for by itself counts, too
    assert len([record for record in caplog.records if record.getMessage().startswith("session")]) == 8
    assert query("SELECT COUNT(*), MIN(COMMIT_SEQ), MAX(COMMIT_SEQ) FROM PREDICTIONS") == [
        (2 * n_files, 1, 2 * n_files)
    ]


def test_answers_to_a_forgotten_image_are_left_out(warehouse: Warehouse, query: Query, tmp_path: Path) -> None:
    query(
        "INSERT INTO FORGOTTEN SELECT %(place)s, 'e', NULL, FALSE, 'r', SYSDATE()",
        place=place_sha256("S", "b"),
    )

    n_new = commit_predictions(
        warehouse, [answers(tmp_path / "1.parquet", ["a", "b", "c"])], run_id="run", work_path="w"
    )

    assert n_new == 2
    assert query("SELECT RELATIVE_PATH FROM PREDICTIONS ORDER BY COMMIT_SEQ") == [("a",), ("c",)]


def test_no_work_file_is_left(warehouse: Warehouse, query: Query, tmp_path: Path) -> None:
    commit_predictions(warehouse, [answers(tmp_path / "1.parquet", ["a"])], run_id="run", work_path="w")

    assert query("LIST @WORK") == []


def test_a_version_that_was_rolled_back_meanwhile_writes_nothing(
    warehouse: Warehouse, query: Query, tmp_path: Path
) -> None:
    for seq, (event, version) in enumerate([("PROMOTED", 1), ("PROMOTED", 2), ("ROLLED_BACK", 1)], start=1):
        query(
            "INSERT INTO MODEL_EVENTS SELECT %(seq)s, %(event)s, %(version)s, NULL, 'me', NULL, 'r', SYSDATE(), NULL",
            seq=seq,
            event=event,
            version=version,
        )
    files = [answers(tmp_path / "1.parquet", ["a"], version=1), answers(tmp_path / "2.parquet", ["b"], version=2)]

    with pytest.raises(RecalledVersionError, match="version 2 was rolled back"):
        commit_predictions(warehouse, files, run_id="run", work_path="w")

    assert query("SELECT COUNT(*) FROM PREDICTIONS") == [(0,)]


def test_answers_that_do_not_arrive_are_noticed_and_nothing_is_kept(
    warehouse: Warehouse, query: Query, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault: a row is gone again right after the insert."""
    run = Warehouse.run

    def run_and_lose_one(self: Warehouse, name: str, /, **values: Any) -> int:
        n_rows = run(self, name, **values)
        if name == "predictions/insert_loaded_predictions":
            query("DELETE FROM PREDICTIONS WHERE RELATIVE_PATH = 'b'")
        return n_rows

    monkeypatch.setattr(Warehouse, "run", run_and_lose_one)

    with pytest.raises(IncompleteWriteError, match="1 answers of run run did not arrive in PREDICTIONS; none was kept"):
        commit_predictions(warehouse, [answers(tmp_path / "1.parquet", ["a", "b"])], run_id="run", work_path="w")

    assert query("SELECT COUNT(*) FROM PREDICTIONS") == [(0,)]


def test_a_file_of_another_shape_writes_nothing(warehouse: Warehouse, query: Query, tmp_path: Path) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"no Parquet")

    with pytest.raises(StoreError, match=r"broken\.parquet does not hold rows with STAGE, RELATIVE_PATH"):
        commit_predictions(warehouse, [answers(tmp_path / "1.parquet", ["a"]), broken], run_id="run", work_path="w")

    assert query("LIST @WORK") == []
    assert query("SELECT COUNT(*) FROM PREDICTIONS") == [(0,)]


def test_runs_at_once_leave_one_set_of_rows(
    open_session: Callable[[], Warehouse], warehouse: Warehouse, query: Query, tmp_path: Path
) -> None:
    names = [f"{i:03d}.png" for i in range(200)]
    sessions = [open_session() for _ in range(3)]
    n_new: list[int] = []

    def commit(number: int, session: Warehouse) -> None:
        file = answers(tmp_path / f"{number}.parquet", names)
        n_new.append(commit_predictions(session, [file], run_id=f"run {number}", work_path=f"w{number}"))

    threads = [threading.Thread(target=commit, args=item) for item in enumerate(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(n_new) == [0, 0, 200]
    assert query("SELECT COUNT(*), COUNT(DISTINCT RELATIVE_PATH), MAX(COMMIT_SEQ) FROM PREDICTIONS") == [
        (200, 200, 200)
    ]


def test_a_commit_that_is_killed_leaves_nothing_and_can_be_repeated(
    warehouse: Warehouse, query: Query, tmp_path: Path, config: Any, embedded_warehouse: str
) -> None:
    """The process dies with the answers merged and the transaction open."""
    file = answers(tmp_path / "1.parquet", ["a", "b"])
    script = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from driftgate.hooks import WarehouseHook\n"
        "from include.config import PipelineConfig\n"
        "from include.warehouse import write_back\n"
        "from include.warehouse.session import Warehouse\n"
        "run = Warehouse.run\n"
        "def run_then_die(self, name, /, **values):\n"
        "    result = run(self, name, **values)\n"
        "    if name == 'predictions/insert_loaded_predictions':\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return result\n"
        "Warehouse.run = run_then_die\n"
        "config = PipelineConfig.from_json(os.environ['CONFIG'])\n"
        "with WarehouseHook.for_pipeline(config).session() as warehouse:\n"
        "    write_back.commit_predictions(warehouse, [Path(os.environ['FILE'])], run_id='run', work_path='w1')\n"
    )
    root = Path(__file__).parents[3]
    environment = os.environ | {
        "PYTHONPATH": f"{root}:{root / 'plugins'}",
        "CONFIG": config.to_json(),
        "FILE": str(file),
        "AIRFLOW_CONN_WAREHOUSE": embedded_warehouse,
    }
    killed = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()[-2000:]
    assert query("SELECT COUNT(*) FROM PREDICTIONS") == [(0,)]

    assert commit_predictions(warehouse, [file], run_id="run", work_path="w2") == 2
    assert query("SELECT COUNT(*) FROM PREDICTIONS") == [(2,)]


def test_each_try_of_each_task_has_a_path_of_its_own() -> None:
    tries = {
        TaskTry(dag, run, task, index, number).work_path
        for dag in ("d", "d/r")
        for run in ("r", "../x")
        for task in ("t", "u")
        for index in (-1, 0, 1)
        for number in (1, 2)
    }

    assert len(tries) == 48
    assert all(path.isalnum() for path in tries)
