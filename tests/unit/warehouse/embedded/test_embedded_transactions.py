"""Transactions of the embedded warehouse, seen through the real connector."""

# ruff: noqa: S608 - the statements are the tests' own

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from snowflake.connector.errors import ProgrammingError

from tests.unit.warehouse.embedded.conftest import IDLE_TRANSACTION_S, PASSWORD, USER, runner

LOCK_CONFLICT = 625
TRANSACTION_ABORTED = 92000
DUPLICATE_ROW = 100090

MERGE = """
    MERGE INTO PREDICTIONS p
    USING (
        SELECT K, V FROM NEW_ROWS QUALIFY ROW_NUMBER() OVER (PARTITION BY K ORDER BY V DESC) = 1
    ) n
    ON p.K = n.K
    WHEN MATCHED AND p.V IS DISTINCT FROM n.V THEN UPDATE SET p.V = n.V
    WHEN NOT MATCHED THEN INSERT (K, V) VALUES (n.K, n.V)
"""


@pytest.fixture
def tables(run):
    run("CREATE TABLE PIPELINE_LOCK (N INTEGER)")
    run("INSERT INTO PIPELINE_LOCK VALUES (0)")
    run("CREATE TABLE PREDICTIONS (K VARCHAR, V INTEGER, PRIMARY KEY (K)) COMMENT = 'answers'")
    run("INSERT INTO PREDICTIONS VALUES ('a', 1), ('b', 2)")


def staged_rows(run, tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"K": ["a", "c", "c"], "V": [10, 30, 29]}), file)
    run("CREATE STAGE WORK")
    run(f"PUT 'file://{file}' @WORK/run1/ AUTO_COMPRESS=FALSE")
    run("CREATE TEMPORARY TABLE NEW_ROWS (K VARCHAR, V INTEGER)")


COPY = "COPY INTO NEW_ROWS FROM (SELECT $1:K::VARCHAR, $1:V::INTEGER FROM @WORK/run1/) FILE_FORMAT = (TYPE = PARQUET)"


@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize("ending", ["COMMIT", "ROLLBACK"])
def test_a_write_back_is_all_or_nothing(connect, run, tables, tmp_path, autocommit, ending):
    """Lock, COPY, MERGE in one transaction, with autocommit on and off."""
    writer = runner(connect(autocommit=autocommit))
    staged_rows(writer, tmp_path)
    writer("BEGIN")
    assert writer("UPDATE PIPELINE_LOCK SET N = N + 1") == [(1, 0)]
    writer(COPY)
    assert writer(MERGE) == [(1, 1)]
    assert run("SELECT K, V FROM PREDICTIONS ORDER BY K") == [("a", 1), ("b", 2)], "nothing is visible before the end"

    writer(ending)

    committed = [("a", 10), ("b", 2), ("c", 30)]
    expected = committed if ending == "COMMIT" else [("a", 1), ("b", 2)]
    assert run("SELECT K, V FROM PREDICTIONS ORDER BY K") == expected
    assert run("SELECT N FROM PIPELINE_LOCK") == [(1 if ending == "COMMIT" else 0,)]
    assert writer("SELECT COUNT(*) FROM NEW_ROWS") == [(3 if ending == "COMMIT" else 0,)], "the load is part of it"


def test_without_autocommit_a_change_begins_a_transaction(connect, run, tables):
    connection = connect(autocommit=False)
    writer = runner(connection)
    writer("UPDATE PREDICTIONS SET V = 0")
    assert run("SELECT SUM(V) FROM PREDICTIONS") == [(3,)]
    connection.rollback()
    assert writer("SELECT SUM(V) FROM PREDICTIONS") == [(3,)]
    writer("UPDATE PREDICTIONS SET V = 0")
    connection.commit()
    assert run("SELECT SUM(V) FROM PREDICTIONS") == [(0,)]


def test_autocommit_can_be_changed_and_commits_when_it_is_switched_on(connect, run, tables):
    connection = connect()
    writer = runner(connection)
    connection.autocommit(False)  # noqa: FBT003
    writer("DELETE FROM PREDICTIONS")
    assert run("SELECT COUNT(*) FROM PREDICTIONS") == [(2,)]
    connection.autocommit(True)  # noqa: FBT003
    assert run("SELECT COUNT(*) FROM PREDICTIONS") == [(0,)]


@pytest.mark.parametrize("autocommit", [True, False])
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TEMPORARY TABLE SCRATCH (X INTEGER)",
        "CREATE TABLE OTHER (X INTEGER)",
        "TRUNCATE TABLE PIPELINE_LOCK",
        "CREATE STAGE S",
        "ALTER TABLE PIPELINE_LOCK ADD COLUMN NOTE VARCHAR",
    ],
)
def test_ddl_commits_the_open_transaction_first(connect, run, tables, autocommit, statement):
    writer = runner(connect(autocommit=autocommit))
    writer("BEGIN")
    writer("UPDATE PREDICTIONS SET V = 7")
    writer(statement)
    writer("ROLLBACK")
    assert run("SELECT DISTINCT V FROM PREDICTIONS") == [(7,)]


def test_commit_and_rollback_without_a_transaction_do_nothing(run):
    run("ROLLBACK")
    run("COMMIT")


def test_begin_in_a_transaction_goes_on_with_it(run, tables):
    run("BEGIN")
    run("DELETE FROM PREDICTIONS")
    run("START TRANSACTION")
    run("ROLLBACK")
    assert run("SELECT COUNT(*) FROM PREDICTIONS") == [(2,)]


def test_each_statement_reads_what_is_committed_when_it_starts(connect, run, tables):
    """READ COMMITTED: a transaction that has changed nothing yet sees what others commit meanwhile."""
    reader = runner(connect(autocommit=False))
    reader("BEGIN")
    assert reader("SELECT SUM(V) FROM PREDICTIONS") == [(3,)]
    run("UPDATE PREDICTIONS SET V = 50")
    assert reader("SELECT SUM(V) FROM PREDICTIONS") == [(100,)]


@pytest.mark.parametrize("autocommit", [True, False])
def test_the_second_of_two_conflicting_updates_is_told_so_and_may_try_again(connect, tables, autocommit):
    first, second = runner(connect(autocommit=autocommit)), runner(connect(autocommit=autocommit))
    first("BEGIN")
    first("UPDATE PIPELINE_LOCK SET N = N + 1")
    second("BEGIN")
    with pytest.raises(ProgrammingError) as conflict:
        second("UPDATE PIPELINE_LOCK SET N = N + 1")
    assert conflict.value.errno == LOCK_CONFLICT
    assert conflict.value.sqlstate == "57014"
    first("COMMIT")
    second("ROLLBACK")
    second("BEGIN")
    second("UPDATE PIPELINE_LOCK SET N = N + 1")
    second("COMMIT")
    assert second("SELECT N FROM PIPELINE_LOCK") == [(2,)]


def test_a_change_outside_a_transaction_waits_for_a_lock_that_is_soon_released(connect, run, tables):
    holder = runner(connect())
    holder("BEGIN")
    holder("UPDATE PIPELINE_LOCK SET N = 1")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run, "UPDATE PIPELINE_LOCK SET N = N + 1")
        time.sleep(0.15)
        holder("COMMIT")
        waiting.result()
    assert run("SELECT N FROM PIPELINE_LOCK") == [(2,)]


def test_commit_of_an_aborted_transaction_is_an_error_and_ends_it(connect, run, tables):
    """DuckDB itself would answer this COMMIT with success, and write nothing."""
    writer = runner(connect())
    writer("BEGIN")
    writer("UPDATE PREDICTIONS SET V = 9")
    with pytest.raises(ProgrammingError) as division:
        writer("UPDATE PREDICTIONS SET V = V / (V - V)")
    assert division.value.errno == 100051
    for statement in ("INSERT INTO PREDICTIONS VALUES ('z', 1)", "SELECT 1", "COMMIT"):
        with pytest.raises(ProgrammingError) as aborted:
            writer(statement)
        assert aborted.value.errno == TRANSACTION_ABORTED
    assert writer("SELECT SUM(V) FROM PREDICTIONS") == [(3,)], "COMMIT has ended it"


def test_a_syntax_error_leaves_the_transaction_as_it_was(run, tables):
    run("BEGIN")
    run("UPDATE PREDICTIONS SET V = 9")
    with pytest.raises(ProgrammingError):
        run("SELECT FROM WHERE")
    run("COMMIT")
    assert run("SELECT DISTINCT V FROM PREDICTIONS") == [(9,)]


def test_a_failed_first_change_leaves_the_transaction_usable(run, tables):
    run("BEGIN")
    with pytest.raises(ProgrammingError):
        run("UPDATE PREDICTIONS SET V = 1 / 0")
    run("UPDATE PREDICTIONS SET V = 9")
    run("COMMIT")
    assert run("SELECT DISTINCT V FROM PREDICTIONS") == [(9,)]


@pytest.mark.parametrize("in_transaction", [False, True])
def test_a_merge_that_would_change_a_row_twice_is_refused_and_changes_nothing(run, tables, in_transaction):
    if in_transaction:
        run("BEGIN")
    with pytest.raises(ProgrammingError) as duplicate:
        run(
            "MERGE INTO PREDICTIONS p USING (SELECT 'a' AS K, 5 AS V UNION ALL SELECT 'a', 6) n ON p.K = n.K "
            "WHEN MATCHED THEN UPDATE SET V = n.V"
        )
    assert duplicate.value.errno == DUPLICATE_ROW
    if in_transaction:
        run("ROLLBACK")
    assert run("SELECT V FROM PREDICTIONS WHERE K = 'a'") == [(1,)]


def test_merge_inserts_both_of_two_unmatched_source_rows_as_snowflake_does(run, tables):
    merged = run(
        "MERGE INTO PREDICTIONS p USING (SELECT 'n' AS K, 5 AS V UNION ALL SELECT 'n', 6) n ON p.K = n.K "
        "WHEN NOT MATCHED THEN INSERT (K, V) VALUES (n.K, n.V)"
    )
    assert merged == [(2,)]


def test_merge_counts_each_operation_that_it_has(connect, tables):
    cursor = connect().cursor()
    cursor.execute(
        "MERGE INTO PREDICTIONS p USING (SELECT 'a' AS K, 5 AS V UNION ALL SELECT 'b', 6 UNION ALL SELECT 'q', 7) n "
        "ON p.K = n.K WHEN MATCHED AND n.V = 5 THEN DELETE WHEN MATCHED THEN UPDATE SET p.V = n.V "
        "WHEN NOT MATCHED THEN INSERT (K, V) VALUES (n.K, n.V)"
    )
    assert [column.name for column in cursor.description] == [
        "number of rows inserted",
        "number of rows updated",
        "number of rows deleted",
    ]
    assert cursor.fetchall() == [(1, 1, 1)]
    assert cursor.rowcount == 3


def test_closing_a_connection_rolls_its_transaction_back(connect, run, tables):
    connection = connect(autocommit=False)
    runner(connection)("UPDATE PREDICTIONS SET V = 9")
    connection.close()
    run("UPDATE PREDICTIONS SET V = V + 1")
    assert run("SELECT SUM(V) FROM PREDICTIONS") == [(5,)]


CLIENT = """
import sys, time
import snowflake.connector
host, port, user, password, database, schema = sys.argv[1:]
connection = snowflake.connector.connect(
    account="embedded", user=user, password=password, host=host, port=int(port), protocol="http",
    database=database, schema=schema,
)
connection.cursor().execute("BEGIN")
connection.cursor().execute("UPDATE PIPELINE_LOCK SET N = 99")
print("locked", flush=True)
time.sleep(60)
"""


def test_a_killed_client_does_not_hold_its_lock_for_ever(warehouse_server, database, schema, connect, run, tables):
    arguments = [warehouse_server.host, str(warehouse_server.port), USER, PASSWORD, database, schema]
    with subprocess.Popen([sys.executable, "-c", CLIENT, *arguments], stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout
        assert client.stdout.readline().strip() == "locked"
        os.kill(client.pid, signal.SIGKILL)
    run("BEGIN")
    with pytest.raises(ProgrammingError) as conflict:
        run("UPDATE PIPELINE_LOCK SET N = N + 1")
    assert conflict.value.errno == LOCK_CONFLICT, "a lock is not taken away at once"

    time.sleep(IDLE_TRANSACTION_S + 0.1)

    run("UPDATE PIPELINE_LOCK SET N = N + 1")
    run("COMMIT")
    assert run("SELECT N FROM PIPELINE_LOCK") == [(1,)]


def test_who_was_rolled_back_for_being_idle_is_told_so(connect, run, tables):
    sleeper = runner(connect())
    sleeper("BEGIN")
    sleeper("UPDATE PIPELINE_LOCK SET N = 99")
    time.sleep(IDLE_TRANSACTION_S + 0.1)
    run("UPDATE PIPELINE_LOCK SET N = 1")
    with pytest.raises(ProgrammingError, match="idle") as aborted:
        sleeper("COMMIT")
    assert aborted.value.errno == TRANSACTION_ABORTED
    assert sleeper("SELECT N FROM PIPELINE_LOCK") == [(1,)]


class OvertakenLock:
    """A session's lock that somebody else gets first, the next time that it is tried."""

    def __init__(self, lock: Any, overtake: Callable[[], None]) -> None:
        self._lock = lock
        self._overtake = [overtake]

    def acquire(self, *, blocking: bool = True) -> bool:
        if self._overtake:
            self._overtake.pop()()
        return self._lock.acquire(blocking=blocking)

    def release(self) -> None:
        self._lock.release()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_who_is_back_just_in_time_is_not_rolled_back(connect, run, tables, warehouse_server):
    """Between the look at an idle transaction and its end, its client ends it and begins another."""
    connection = connect()
    sleeper = runner(connection)
    sleeper("BEGIN")
    sleeper("UPDATE PIPELINE_LOCK SET N = 99")
    time.sleep(IDLE_TRANSACTION_S + 0.1)

    def overtake() -> None:
        sleeper("COMMIT")
        sleeper("BEGIN")
        sleeper("INSERT INTO PREDICTIONS VALUES ('in time', 1)")

    session = warehouse_server.warehouse.sessions.get(connection.rest.token)
    session.last_used -= IDLE_TRANSACTION_S + 0.1
    session.lock = OvertakenLock(session.lock, overtake)
    run("UPDATE PIPELINE_LOCK SET N = N + 1")

    sleeper("COMMIT")
    assert run("SELECT N FROM PIPELINE_LOCK") == [(100,)]
    assert run("SELECT COUNT(*) FROM PREDICTIONS WHERE K = 'in time'") == [(1,)]


DDL_ON_PREDICTIONS = [
    "TRUNCATE TABLE PREDICTIONS",
    "TRUNCATE TABLE IF EXISTS TESTS.{schema}.PREDICTIONS",
    "DROP TABLE PREDICTIONS",
    "DROP TABLE IF EXISTS {schema}.PREDICTIONS",
    "ALTER TABLE PREDICTIONS ADD COLUMN NOTE VARCHAR",
    "ALTER TABLE PREDICTIONS RENAME TO OTHERS",
    "CREATE OR REPLACE TABLE PREDICTIONS (K VARCHAR, V INTEGER)",
    "CREATE OR REPLACE TABLE PREDICTIONS AS SELECT 'x' AS K, N AS V FROM PIPELINE_LOCK",
]


@pytest.mark.parametrize("statement", DDL_ON_PREDICTIONS)
def test_ddl_waits_for_a_lock_that_is_soon_released(connect, run, tables, schema, statement):
    holder, other = runner(connect()), runner(connect())
    holder("BEGIN")
    holder("UPDATE PREDICTIONS SET V = 7")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run, statement.format(schema=schema))
        time.sleep(0.15)
        assert not waiting.done()
        other("CREATE TABLE MEANWHILE (X INTEGER)")
        assert holder("SELECT COUNT(*), MAX(V) FROM PREDICTIONS") == [(2, 7)]
        holder("COMMIT")
        waiting.result()
    run("UPDATE PIPELINE_LOCK SET N = 1")


@pytest.mark.parametrize("statement", DDL_ON_PREDICTIONS)
def test_ddl_is_refused_while_another_transaction_holds_the_table(connect, run, tables, schema, statement):
    holder = runner(connect())
    holder("BEGIN")
    holder("UPDATE PREDICTIONS SET V = 7")
    run("ALTER SESSION SET LOCK_TIMEOUT = 0")
    with pytest.raises(ProgrammingError) as conflict:
        run(statement.format(schema=schema))
    assert conflict.value.errno == LOCK_CONFLICT
    holder("COMMIT")
    assert run("SELECT COUNT(*), MAX(V) FROM PREDICTIONS") == [(2, 7)]
    run("UPDATE PREDICTIONS SET V = 8")


def test_ddl_gives_its_lock_back_when_it_fails(connect, run, tables):
    with pytest.raises(ProgrammingError):
        run("ALTER TABLE PREDICTIONS DROP COLUMN NO_SUCH_COLUMN")
    other = runner(connect())
    other("BEGIN")
    other("UPDATE PREDICTIONS SET V = 8")
    other("COMMIT")


def test_ddl_on_a_temporary_table_waits_for_nobody(connect, run, tables):
    holder = runner(connect())
    holder("BEGIN")
    holder("UPDATE PREDICTIONS SET V = 7")
    run("ALTER SESSION SET LOCK_TIMEOUT = 0")
    run("CREATE OR REPLACE TEMPORARY TABLE PREDICTIONS (K VARCHAR)")
    run("TRUNCATE TABLE PREDICTIONS")
    run("DROP TABLE PREDICTIONS")
    holder("COMMIT")
    assert run("SELECT MAX(V) FROM PREDICTIONS") == [(7,)]


@pytest.mark.parametrize("value", ["'abc'", "'nan'", "'-1'", "1.5", "''"])
def test_a_lock_timeout_that_is_no_number_of_seconds_is_refused(run, value):
    with pytest.raises(ProgrammingError, match="LOCK_TIMEOUT") as invalid:
        run(f"ALTER SESSION SET LOCK_TIMEOUT = {value}")
    assert invalid.value.errno == 1008


def test_an_idle_transaction_on_other_tables_is_left_alone(connect, run, tables):
    idle = runner(connect())
    idle("BEGIN")
    idle("UPDATE PREDICTIONS SET V = 9")
    holder = runner(connect())
    time.sleep(IDLE_TRANSACTION_S + 0.1)
    holder("BEGIN")
    holder("UPDATE PIPELINE_LOCK SET N = 1")
    run("BEGIN")
    with pytest.raises(ProgrammingError):
        run("UPDATE PIPELINE_LOCK SET N = 2")
    idle("COMMIT")
    assert run("SELECT DISTINCT V FROM PREDICTIONS") == [(9,)]


def test_eight_connections_at_once(connect, run):
    run("CREATE TABLE EVENTS (WORKER INTEGER, N INTEGER)")
    connections = [connect() for _ in range(8)]

    def work(number: int) -> None:
        worker = runner(connections[number])
        worker(f"CREATE TEMPORARY TABLE MINE_{number} (N INTEGER)")
        for n in range(5):
            worker("INSERT INTO EVENTS VALUES (%s, %s)", (number, n))
            worker(f"INSERT INTO MINE_{number} SELECT N FROM EVENTS WHERE WORKER = {number}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert run("SELECT COUNT(*), COUNT(DISTINCT WORKER) FROM EVENTS") == [(40, 8)]


def test_an_update_that_changes_nothing_is_a_lock_too(connect, tables):
    """DuckDB skips `SET N = N`, so that two such transactions would both go on."""
    first, second = runner(connect()), runner(connect())
    first("BEGIN")
    first("UPDATE PIPELINE_LOCK SET N = N")
    second("BEGIN")
    with pytest.raises(ProgrammingError) as conflict:
        second("UPDATE PIPELINE_LOCK SET N = N")
    assert conflict.value.errno == LOCK_CONFLICT
    first("COMMIT")
    second("UPDATE PIPELINE_LOCK SET N = N")
    second("COMMIT")


def test_a_lock_that_comes_too_late_to_see_the_others_change_is_refused(connect, run, tables):
    late = runner(connect())
    late("BEGIN")
    late("INSERT INTO PREDICTIONS VALUES ('late', 1)")
    run("UPDATE PIPELINE_LOCK SET N = N + 1")
    with pytest.raises(ProgrammingError) as conflict:
        late("UPDATE PIPELINE_LOCK SET N = N")
    assert conflict.value.errno == LOCK_CONFLICT
    late("ROLLBACK")


def test_inserts_do_not_wait_for_each_other_nor_for_locks(connect, run, tables):
    first, second = runner(connect()), runner(connect())
    for session in (first, second):
        session("BEGIN")
        session("INSERT INTO PREDICTIONS VALUES ('n', 1)")
    run("UPDATE PREDICTIONS SET V = 0 WHERE K = 'a'")
    for session in (first, second):
        session("COMMIT")
    assert run("SELECT COUNT(*), MIN(V) FROM PREDICTIONS") == [(4, 0)]


def test_eight_racing_increments_under_the_lock_lose_none(connect, run, tables):
    """The compare-and-set of a promotion: lock first, then read, then write; conflicts are tried again."""
    connections = [connect() for _ in range(8)]

    def increment(number: int) -> None:
        worker = runner(connections[number])
        for _ in range(400):
            try:
                worker("BEGIN")
                worker("UPDATE PIPELINE_LOCK SET N = N")
                (value,) = worker("SELECT MAX(V) FROM PREDICTIONS")[0]
                worker("INSERT INTO PREDICTIONS VALUES (%s, %s)", (f"w{number}", value + 1))
                worker("COMMIT")
            except ProgrammingError as error:
                if error.errno not in {LOCK_CONFLICT, TRANSACTION_ABORTED}:
                    raise
                worker("ROLLBACK")
                time.sleep(0.01)
            else:
                return
        pytest.fail(f"worker {number} never got the lock")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(increment, range(8)))
    assert run("SELECT COUNT(DISTINCT V), MAX(V) FROM PREDICTIONS") == [(10, 10)]
