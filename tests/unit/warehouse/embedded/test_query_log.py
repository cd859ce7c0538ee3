"""The query log: what INFORMATION_SCHEMA.QUERY_HISTORY tells."""

import pytest
from snowflake.connector.errors import ProgrammingError

from include.warehouse.embedded import query_log
from include.warehouse.embedded.query_log import query_type
from include.warehouse.embedded.server import running_server
from tests.unit.warehouse.embedded.conftest import PASSWORD, USER, open_connection

HISTORY = """
SELECT QUERY_TYPE, EXECUTION_STATUS, ERROR_CODE, WAREHOUSE_NAME, WAREHOUSE_SIZE, ROWS_PRODUCED
FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 10000))
WHERE QUERY_TAG = %s
ORDER BY START_TIME
"""


def test_each_statement_is_told_with_its_tag_its_warehouse_and_how_it_ended(connect, schema):
    connection = connect(session_parameters={"QUERY_TAG": schema}, warehouse="SMALL_ONE")
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE T (A INT)")
    cursor.execute("INSERT INTO T VALUES (1), (2)")
    cursor.execute("-- how many\nWITH N AS (SELECT A FROM T) SELECT A FROM N")
    with pytest.raises(ProgrammingError):
        cursor.execute("SELECT * FROM NO_SUCH_TABLE")

    told = cursor.execute(HISTORY, (schema,)).fetchall()

    assert told == [
        ("CREATE", "SUCCESS", None, None, None, 1),
        ("INSERT", "SUCCESS", None, "SMALL_ONE", "X-Small", 1),
        ("SELECT", "SUCCESS", None, "SMALL_ONE", "X-Small", 2),
        ("SELECT", "FAILED_WITH_ERROR", "002003", "SMALL_ONE", "X-Small", None),
    ]


def test_a_session_can_change_its_tag(connect, schema):
    cursor = connect().cursor()
    cursor.execute(f"ALTER SESSION SET QUERY_TAG = '{schema}'")
    cursor.execute("SELECT 1")
    cursor.execute("ALTER SESSION UNSET QUERY_TAG")
    cursor.execute("SELECT 2")

    assert [row[0] for row in cursor.execute(HISTORY, (schema,)).fetchall()] == ["SELECT", "ALTER"]


def test_the_end_of_a_statement_is_in_the_range_that_is_asked_for(connect, schema):
    cursor = connect(session_parameters={"QUERY_TAG": schema}).cursor()
    cursor.execute("SELECT 1")
    in_range = """
    SELECT COUNT(*) FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(
        END_TIME_RANGE_START => DATEADD(MINUTE, %s, CURRENT_TIMESTAMP()),
        END_TIME_RANGE_END => DATEADD(MINUTE, %s, CURRENT_TIMESTAMP())
    )) AS TOLD WHERE QUERY_TAG = %s AND TOTAL_ELAPSED_TIME >= 0
    """

    assert cursor.execute(in_range, (-5, 5, schema)).fetchone()[0] >= 1
    assert cursor.execute(in_range, (-10, -5, schema)).fetchone() == (0,)


def test_the_latest_statements_are_told_first_and_as_many_as_are_asked_for(connect):
    cursor = connect().cursor()
    cursor.execute("SHOW TABLES")
    latest = "SELECT QUERY_TYPE FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 1))"

    assert cursor.execute(latest).fetchall() == [("SHOW",)]


@pytest.mark.parametrize("function", ["QUERY_HISTORY_BY_SESSION()", "QUERY_HISTORY(ROWS => 1)"])
def test_what_the_log_does_not_know_is_refused(connect, function):
    with pytest.raises(ProgrammingError, match="QUERY_HISTORY"):
        connect().cursor().execute(f"SELECT 1 FROM TABLE(INFORMATION_SCHEMA.{function})")  # noqa: S608


def test_the_log_outlives_the_server_and_forgets_the_oldest(tmp_path, monkeypatch):
    monkeypatch.setattr(query_log, "KEPT_ROWS", 3)
    for number in range(2):
        with running_server(tmp_path, user=USER, password=PASSWORD) as server:
            options = {"database": "TESTS", "schema": "PUBLIC", "session_parameters": {"QUERY_TAG": "kept"}}
            with open_connection(server, **options) as connection:
                connection.cursor().execute("SHOW TABLES")
                connection.cursor().execute(f"SELECT {number}")
                told = connection.cursor().execute(HISTORY, ("kept",)).fetchall()

    # of the first server the two that ran last, the one that asked among them, then what the second has run
    assert [row[0] for row in told] == ["SELECT", "SHOW", "SELECT"]


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("/* a */ -- b\n  merge INTO T", "MERGE"),
        ("(SELECT 1)", "SELECT"),
        ("with a as (select 1) select * from a", "SELECT"),
        ("", "UNKNOWN"),
        ("-- nothing", "UNKNOWN"),
    ],
)
def test_the_kind_of_a_statement(sql, kind):
    assert query_type(sql) == kind
