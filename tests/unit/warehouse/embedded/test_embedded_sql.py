"""Snowflake's SQL on the embedded warehouse: what the pipelines use, and the errors they may meet."""

# ruff: noqa: S608 - the statements are the tests' own

import datetime
import json
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import snowflake.connector
from snowflake.connector.errors import Error, ProgrammingError

from tests.unit.warehouse.embedded.conftest import runner

CREATE = """
    CREATE TABLE IF NOT EXISTS IMAGES (
        PATH VARCHAR(1000) NOT NULL COMMENT 'below the stage',
        ETAG VARCHAR,
        SIZE INTEGER,
        SHARE NUMBER(10, 2),
        CONFIDENCE FLOAT,
        IS_LIVE BOOLEAN DEFAULT TRUE,
        SCORES VARIANT,
        AT TIMESTAMP_NTZ DEFAULT SYSDATE(),
        PRIMARY KEY (PATH, ETAG)
    )
    COMMENT = 'one row per file; it''s append-only'
"""


@pytest.fixture
def images(run):
    run(CREATE)
    run(CREATE)
    run(
        """
        INSERT INTO IMAGES (PATH, ETAG, SIZE, SHARE, CONFIDENCE, SCORES)
        SELECT 'cat/1.png', 'e1', 10, 0.25, 0.5, PARSE_JSON(%(scores)s)
        UNION ALL SELECT 'cat/2.png', 'e2', 20, 0.50, NULL, NULL
        UNION ALL SELECT 'dog/3.png', 'e3', 30, 0.75, 0.9, PARSE_JSON('{"dog": 0.9}')
        """,
        {"scores": json.dumps({"cat": 0.5, "a.b": 'it\'s "quoted"', "list": [1, 2]})},
    )


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("SELECT SUM(SIZE), SUM(SHARE), COUNT(*), COUNT_IF(SIZE > 10) FROM IMAGES", [(60, Decimal("1.50"), 3, 2)]),
        (
            "SELECT MAX_BY(PATH, SIZE), MIN_BY(PATH, SIZE), AVG(CONFIDENCE) FROM IMAGES",
            [("dog/3.png", "cat/1.png", 0.7)],
        ),
        ("SELECT LISTAGG(ETAG, ',') WITHIN GROUP (ORDER BY ETAG DESC) FROM IMAGES", [("e3,e2,e1",)]),
        (
            "SELECT PATH FROM IMAGES QUALIFY ROW_NUMBER() OVER (PARTITION BY SPLIT_PART(PATH, '/', 1) "
            "ORDER BY SIZE DESC) = 1 ORDER BY PATH",
            [("cat/2.png",), ("dog/3.png",)],
        ),
        ("SELECT DISTINCT REGEXP_SUBSTR(PATH, '^([^/]+)/', 1, 1, 'e', 1) FROM IMAGES ORDER BY 1", [("cat",), ("dog",)]),
        ("SELECT REGEXP_SUBSTR('none', '^([^/]+)/', 1, 1, 'e', 1)", [(None,)]),
        ("SELECT COUNT(*) FROM IMAGES WHERE REGEXP_LIKE(PATH, 'cat/.*')", [(2,)]),
        ("SELECT SHA2('x', 256)", [("2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",)]),
        ("SELECT IFF(TRUE, 1, 2), COALESCE(NULL, 3), NVL(NULL, 4), NULLIF(5, 5)", [(1, 3, 4, None)]),
        (
            "SELECT 1 IS DISTINCT FROM NULL, EQUAL_NULL(NULL, NULL), NULL IS NOT DISTINCT FROM NULL",
            [(True, True, True)],
        ),
        ("SELECT DATEADD('day', 1, '2026-01-31'::TIMESTAMP_NTZ)", [(datetime.datetime(2026, 2, 1),)]),
        ("SELECT DATEDIFF('second', '2026-01-01'::TIMESTAMP_NTZ, '2026-01-01 00:01:00'::TIMESTAMP_NTZ)", [(60,)]),
        ("SELECT SYSDATE() BETWEEN DATEADD('minute', -1, SYSDATE()) AND SYSDATE()", [(True,)]),
        ("SELECT LENGTH(UUID_STRING()), TYPEOF(CURRENT_TIMESTAMP()) IS NOT NULL", [(36, True)]),
        ('SELECT SCORES:cat::FLOAT, SCORES:"a.b"::STRING FROM IMAGES WHERE SIZE = 10', [(0.5, 'it\'s "quoted"')]),
        ("SELECT SCORES:list[1]::INTEGER, SCORES:nothing FROM IMAGES WHERE SIZE = 10", [(2, None)]),
        ('SELECT VALUE::STRING FROM TABLE(FLATTEN(INPUT => PARSE_JSON(\'["a", "b"]\')))', [("a",), ("b",)]),
        (
            "SELECT i.PATH, f.KEY, f.VALUE::FLOAT FROM IMAGES i, LATERAL FLATTEN(INPUT => SCORES) f WHERE i.SIZE = 30",
            [("dog/3.png", "dog", 0.9)],
        ),
        ("SELECT TO_JSON(OBJECT_CONSTRUCT('k', 1, 'n', NULL)), TO_JSON(ARRAY_CONSTRUCT(1, 2))", [('{"k":1}', "[1,2]")]),
        ("SELECT ARRAY_AGG(SIZE) WITHIN GROUP (ORDER BY SIZE DESC) FROM IMAGES", [("[30,20,10]",)]),
        ("SELECT column1, column2 FROM VALUES (1, 'a'), (2, 'b')", [(1, "a"), (2, "b")]),
        ("WITH a AS (SELECT 1 AS X), b AS (SELECT X + 1 AS Y FROM a) SELECT X, Y FROM a, b", [(1, 2)]),
        ("SELECT * FROM IMAGES WHERE FALSE", []),
        ("SELECT NULL AS NOTHING, 'costs $five and ^$' AS TEXT", [(None, "costs $five and ^$")]),
        ("SELECT SUM(SIZE) FROM IMAGES WHERE FALSE", [(None,)]),
        ("SELECT 10 / 4, MOD(7, 3), ROUND(2.567, 2)", [(2.5, 1, Decimal("2.57"))]),
    ],
)
def test_queries(run, images, query, rows):
    assert run(query) == rows


def test_a_view_can_be_made_again_and_is_read_with_the_rows_of_now(run, images):
    for _ in range(2):
        run("CREATE OR REPLACE VIEW LIVE COMMENT = 'what''s there' AS SELECT PATH, AT FROM IMAGES WHERE IS_LIVE")
    run("UPDATE IMAGES SET IS_LIVE = FALSE WHERE SIZE = 10")
    assert run("SELECT COUNT(*) FROM LIVE") == [(2,)]


def test_primary_keys_are_not_enforced_and_their_columns_are_not_null(run, images):
    run("INSERT INTO IMAGES (PATH, ETAG) VALUES ('cat/1.png', 'e1')")
    assert run("SELECT COUNT(*) FROM IMAGES WHERE PATH = 'cat/1.png'") == [(2,)]
    with pytest.raises(Error) as null:
        run("INSERT INTO IMAGES (PATH, ETAG) VALUES ('x', NULL)")
    assert null.value.errno == 100072


def test_update_from_delete_using_and_insert_where_not_exists(run, images):
    run("UPDATE IMAGES SET SIZE = s.N FROM (SELECT 'e1' AS E, 99 AS N) s WHERE IMAGES.ETAG = s.E")
    assert run("DELETE FROM IMAGES USING (SELECT 'e2' AS E) s WHERE IMAGES.ETAG = s.E") == [(1,)]
    insert = (
        "INSERT INTO IMAGES (PATH, ETAG) SELECT n.P, 'new' FROM (SELECT 'new' AS P) n "
        "WHERE NOT EXISTS (SELECT 1 FROM IMAGES i WHERE i.PATH = n.P)"
    )
    assert run(insert) == [(1,)]
    assert run(insert) == [(0,)]
    assert run("SELECT ETAG, SIZE FROM IMAGES ORDER BY ETAG") == [("e1", 99), ("e3", 30), ("new", None)]


def test_bound_values_of_every_type_come_back(connect):
    run = runner(connect())
    run("CREATE TABLE T (S VARCHAR, N INTEGER, F FLOAT, B BOOLEAN, D DATE, T TIMESTAMP_NTZ, X BINARY)")
    row = (
        'it\'s \\ "odd" \n 猫 %s',
        2**40,
        0.1,
        True,
        datetime.date(2026, 2, 28),
        datetime.datetime(2026, 2, 28, 1, 2, 3, 456789),
        b"\x00\xff",
    )
    run("INSERT INTO T VALUES (%s, %s, %s, %s, %s, %s, %s)", row)
    run("INSERT INTO T VALUES (%s, %s, %s, %s, %s, %s, %s)", [None] * 7)
    rows = run("SELECT * FROM T ORDER BY N NULLS LAST")
    assert (*rows[0][:6], bytes(rows[0][6])) == row
    assert rows[1] == (None,) * 7


def test_values_can_be_bound_on_the_server_too(warehouse_server, connect):
    run = runner(connect(paramstyle="qmark"))
    run("CREATE TABLE T (S VARCHAR, N INTEGER, F FLOAT, T TIMESTAMP_NTZ, B BOOLEAN)")
    row = ("it's", 3, 0.5, datetime.datetime(2026, 2, 28, 1, 2, 3, 456789), None)
    run("INSERT INTO T VALUES (?, ?, ?, ?, ?)", row)
    assert run("SELECT * FROM T WHERE N = ?", (3,)) == [row]
    merged = run("MERGE INTO T USING (SELECT ? AS N) s ON T.N = s.N WHEN MATCHED THEN UPDATE SET F = ?", (3, 0.75))
    assert merged == [(1,)]


@pytest.mark.parametrize("paramstyle", ["pyformat", "qmark"])
def test_many_rows_at_once(connect, paramstyle):
    connection = connect(paramstyle=paramstyle)
    runner(connection)("CREATE TABLE T (N INTEGER, S VARCHAR)")
    mark = "?" if paramstyle == "qmark" else "%s"
    rows = [(number, None if number % 7 == 0 else f"it's {number}") for number in range(1234)]
    cursor = connection.cursor().executemany(f"INSERT INTO T (N, S) VALUES ({mark}, {mark})", rows)
    assert cursor.rowcount == 1234
    assert runner(connection)("SELECT N, S FROM T ORDER BY N") == rows


def test_a_temporary_table_belongs_to_its_session_and_hides_a_permanent_one(connect, run, images, database, schema):
    other = runner(connect())
    run("CREATE OR REPLACE TEMPORARY TABLE IMAGES (X INTEGER)")
    run("INSERT INTO IMAGES VALUES (1)")
    assert run(f"SELECT * FROM {database}.{schema}.IMAGES") == [(1,)]
    assert other("SELECT COUNT(*) FROM IMAGES") == [(3,)]
    other("CREATE TEMPORARY TABLE MINE (X INTEGER)")
    with pytest.raises(ProgrammingError, match="MINE"):
        run("SELECT * FROM MINE")
    run("DROP TABLE IMAGES")
    assert run("SELECT COUNT(*) FROM IMAGES") == [(3,)]


def test_locks_on_temporary_tables_are_nobodys_business(connect):
    first, second = runner(connect()), runner(connect())
    for session in (first, second):
        session("CREATE TEMPORARY TABLE MINE (X INTEGER)")
        session("INSERT INTO MINE VALUES (1)")
        session("BEGIN")
        session("UPDATE MINE SET X = 2")
    for session in (first, second):
        session("COMMIT")
        assert session("SELECT X FROM MINE") == [(2,)]


@pytest.mark.parametrize(
    ("statement", "errno", "sqlstate"),
    [
        ("SELECT * FROM NOWHERE", 2003, "42S02"),
        ("SELECT * FROM NO_SCHEMA.NOWHERE", 2003, "42S02"),
        ("INSERT INTO NOWHERE VALUES (1)", 2003, "42S02"),
        ("DROP TABLE NOWHERE", 2003, "42S02"),
        ("SELECT NOTHING FROM IMAGES", 904, "42000"),
        ("UPDATE IMAGES SET NOTHING = 1", 904, "42000"),
        ("SELECT x.PATH FROM IMAGES i", 904, "42000"),
        ("SELEC 1", 1003, "42000"),
        ("SELECT (1", 1003, "42000"),
        ("SELECT 1; SELECT 2", 8, "0A000"),
        ("CREATE TABLE IMAGES (X INTEGER)", 2002, "42710"),
        ("CREATE SCHEMA PUBLIC", 2002, "42710"),
        ("SELECT 'x'::INTEGER", 100038, "22018"),
        ("SELECT PATH::INTEGER FROM IMAGES", 100038, "22018"),
        ("SELECT 'x'::TIMESTAMP_NTZ", 100040, "22007"),
        ("SELECT PARSE_JSON('{')", 100069, "22P02"),
        ("SELECT SIZE / (SIZE - SIZE) FROM IMAGES", 100051, "22012"),
        ("SELECT 1 / 0", 100051, "22012"),
        ("SELECT PATH, COUNT(*) FROM IMAGES", 979, "42601"),
        ("INSERT INTO IMAGES (NOTHING) VALUES (1)", 904, "42000"),
        ("SELECT NO_SUCH_FUNCTION(1)", 2140, "42601"),
        ("INSERT INTO IMAGES (PATH) VALUES ('a', 'b')", 2057, "42601"),
        ("USE SCHEMA NOWHERE", 2043, "02000"),
        ("SELECT * FROM @STAGED", 2, "0A000"),
        ("ALTER SESSION SET TIMEZONE = 'America/Los_Angeles'", 2, "0A000"),
        ("CREATE STAGE", 1003, "42000"),
        ("LIST STAGED", 1003, "42000"),
    ],
)
def test_errors_are_snowflakes(run, images, statement, errno, sqlstate):
    with pytest.raises(Error) as failed:
        run(statement)
    assert (failed.value.errno, failed.value.sqlstate) == (errno, sqlstate)
    assert run("SELECT COUNT(*) FROM IMAGES") == [(3,)], "the session goes on"


def test_sessions_take_the_parameters_that_a_hook_sets(connect):
    parameters = {"TIMEZONE": "UTC", "LOCK_TIMEOUT": 5, "QUERY_TAG": "dag.task", "AUTOCOMMIT": False}
    run = runner(connect(session_parameters=parameters))
    run("ALTER SESSION SET TIMEZONE = 'UTC', QUERY_TAG = 'x'")
    run("ALTER SESSION UNSET QUERY_TAG")
    now, at = run("SELECT SYSDATE(), CURRENT_TIMESTAMP()")[0]
    assert abs(now.replace(tzinfo=datetime.UTC) - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(minutes=1)
    assert at.utcoffset() == datetime.timedelta(0)


def test_databases_and_schemas(run, database):
    run(f"CREATE DATABASE IF NOT EXISTS {database}_X")
    run(f"CREATE DATABASE IF NOT EXISTS {database}_X")
    run(f"CREATE SCHEMA IF NOT EXISTS {database}_X.S")
    run(f"USE SCHEMA {database}_X.S")
    run("CREATE TABLE T (X INTEGER)")
    run(f"USE SCHEMA {database}.PUBLIC")
    with pytest.raises(ProgrammingError):
        run("SELECT * FROM T")
    assert run(f"SELECT * FROM {database}_X.S.T") == []
    run(f"DROP SCHEMA {database}_X.S")
    run(f"DROP DATABASE {database}_X")
    with pytest.raises(ProgrammingError):
        run(f"USE DATABASE {database}_X")


def parquet(run, tmp_path, **columns):
    table = pa.table(columns)
    for part in range(2):
        pq.write_table(table.slice(part * 2, 2), tmp_path / f"part {part}.parquet")
    run("CREATE STAGE IF NOT EXISTS WORK")
    run(f"PUT 'file://{tmp_path}/part*.parquet' @WORK/run/ AUTO_COMPRESS=FALSE")


@pytest.fixture
def staged(run, tmp_path):
    at = datetime.datetime(2026, 1, 2, 3, 4, 5, 678901)
    parquet(
        run,
        tmp_path,
        NAME=["a", "b", None, "d"],
        N=[1, 2, 3, None],
        SCORES=[[0.5, 0.25], [], None, [1.0]],
        AT=pa.array([at] * 4, pa.timestamp("ns")),
        AT_UTC=pa.array([at] * 4, pa.timestamp("us", tz="UTC")),
    )
    return at


@pytest.mark.parametrize("kind", ["TABLE", "TEMPORARY TABLE"])
def test_copy_of_fields_with_casts(run, staged, kind):
    run(f"CREATE {kind} T (NAME VARCHAR, N INTEGER, SCORES VARIANT, AT TIMESTAMP_NTZ, AT_UTC TIMESTAMP_NTZ)")
    run(
        "COPY INTO T FROM (SELECT $1:NAME::VARCHAR, $1:N::INTEGER, $1:SCORES::VARIANT, $1:AT::TIMESTAMP_NTZ, "
        "$1:AT_UTC::TIMESTAMP_NTZ FROM @WORK/run/) FILE_FORMAT = (TYPE = PARQUET)"
    )
    rows = run("SELECT * FROM T ORDER BY NAME NULLS LAST")
    assert rows[0] == ("a", 1, "[0.5,0.25]", staged, staged)
    assert [row[:3] for row in rows[1:]] == [("b", 2, "[]"), ("d", None, "[1.0]"), (None, 3, None)]


def test_copy_into_named_columns_with_an_alias_and_a_missing_field(run, staged):
    run("CREATE TABLE T (A VARCHAR, B INTEGER, C VARCHAR DEFAULT 'd')")
    run(
        "COPY INTO T (B, A) FROM (SELECT f.$1:N::INTEGER, f.$1:name::VARCHAR FROM @WORK/run/ f) "
        "FILE_FORMAT = (TYPE = 'PARQUET')"
    )
    rows = run("SELECT A, B, C FROM T ORDER BY B NULLS LAST")
    assert rows[0] == (None, 1, "d"), "field names are case-sensitive, as on Snowflake"


@pytest.mark.parametrize("kind", ["TABLE", "TEMPORARY TABLE"])
def test_copy_by_column_name(run, staged, kind):
    run(f"CREATE {kind} T (N INTEGER, OTHER VARCHAR, NAME VARCHAR)")
    run("COPY INTO T FROM @WORK/run/ FILE_FORMAT = (TYPE = PARQUET) MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE")
    assert run("SELECT * FROM T ORDER BY N LIMIT 1") == [(1, None, "a")]


def test_copy_loads_no_file_twice_unless_forced_or_changed(run, staged, tmp_path):
    run("CREATE TABLE T (N INTEGER)")
    copy = "COPY INTO T FROM (SELECT $1:N::INTEGER FROM @WORK/run/) FILE_FORMAT = (TYPE = PARQUET)"
    assert [row[1] for row in run(copy)] == ["LOADED", "LOADED"]
    assert [row[1] for row in run(copy)] == ["LOAD_SKIPPED", "LOAD_SKIPPED"]
    assert run("SELECT COUNT(*) FROM T") == [(4,)]
    run(f"{copy} FORCE = TRUE")
    assert run("SELECT COUNT(*) FROM T") == [(8,)]
    run(f"PUT 'file://{tmp_path}/part 0.parquet' @WORK/run/ AUTO_COMPRESS=FALSE OVERWRITE=TRUE")
    assert len(run(copy)) == 1
    assert run("SELECT COUNT(*) FROM T") == [(10,)]


def test_copy_that_is_rolled_back_can_be_run_again(run, staged):
    run("CREATE TABLE T (N INTEGER)")
    copy = "COPY INTO T FROM (SELECT $1:N::INTEGER FROM @WORK/run/) FILE_FORMAT = (TYPE = PARQUET)"
    run("BEGIN")
    run(copy)
    run("ROLLBACK")
    run(copy)
    assert run("SELECT COUNT(*) FROM T") == [(4,)]


def test_a_copy_that_fails_loads_nothing(run, staged):
    run("CREATE TABLE T (N INTEGER)")
    with pytest.raises(ProgrammingError) as failed:
        run("COPY INTO T FROM (SELECT $1:NAME::INTEGER FROM @WORK/run/) FILE_FORMAT = (TYPE = PARQUET)")
    assert failed.value.errno == 100038
    assert run("SELECT COUNT(*) FROM T") == [(0,)]


def test_copy_from_an_empty_path_loads_nothing(run, staged):
    run("CREATE TABLE T (N INTEGER)")
    copied = run("COPY INTO T FROM (SELECT $1:N::INTEGER FROM @WORK/none/) FILE_FORMAT = (TYPE = PARQUET)")
    assert copied == [("Copy executed with 0 files processed.",)]


def test_copy_takes_the_files_of_a_pattern_and_can_purge_them(run, staged):
    run("CREATE TABLE T (N INTEGER)")
    run(
        "COPY INTO T FROM (SELECT $1:N::INTEGER FROM @WORK/run/) FILE_FORMAT = (TYPE = PARQUET) "
        "PATTERN = '.*part 0.*' PURGE = TRUE"
    )
    assert run("SELECT COUNT(*) FROM T") == [(2,)]
    assert len(run("LIST @WORK/run/")) == 1


def test_copy_of_csv(run, tmp_path):
    (tmp_path / "rows.csv").write_text("name,n\na,1\nb,\n")
    run("CREATE STAGE CSV_FILES")
    run(f"PUT 'file://{tmp_path}/rows.csv' @CSV_FILES")
    run("CREATE TABLE T (NAME VARCHAR, N INTEGER)")
    run("COPY INTO T FROM @CSV_FILES FILE_FORMAT = (TYPE = CSV SKIP_HEADER = 1)")
    assert run("SELECT * FROM T ORDER BY NAME") == [("a", 1), ("b", None)]


def test_an_earlier_result_can_be_read_again(connect):
    connection = connect()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 42")
        query_id = cursor.sfqid
        cursor.execute("SELECT 1")
        cursor.get_results_from_sfqid(query_id)
        assert cursor.fetchall() == [(42,)]
        for _ in range(30):
            cursor.execute("SELECT 1")
        with pytest.raises(snowflake.connector.errors.Error):
            cursor.execute(f"SELECT * FROM TABLE(RESULT_SCAN('{query_id}'))")


def test_a_query_can_be_described_without_running_it(connect, images):
    columns = connect().cursor().describe("SELECT PATH, SIZE, SCORES, AT FROM IMAGES")
    assert [column.name for column in columns] == ["PATH", "SIZE", "SCORES", "AT"]


def test_results_come_as_pandas_too(connect, images):
    frame = connect().cursor().execute("SELECT PATH, SIZE, AT FROM IMAGES ORDER BY PATH").fetch_pandas_all()
    assert list(frame["SIZE"]) == [10, 20, 30]


def test_a_temporary_stage_ends_with_its_session(connect, run, tmp_path):
    (tmp_path / "a").write_text("x")
    connection = connect()
    session = runner(connection)
    session("CREATE TEMPORARY STAGE SCRATCH")
    session(f"PUT 'file://{tmp_path}/a' @SCRATCH AUTO_COMPRESS=FALSE")
    assert len(session("LIST @SCRATCH")) == 1
    connection.close()
    with pytest.raises(ProgrammingError, match="SCRATCH"):
        run("LIST @SCRATCH")


def test_a_session_knows_who_and_what_it_is(run):
    assert run("SELECT CURRENT_USER(), CURRENT_ROLE() AS ROLE, CURRENT_WAREHOUSE(), CURRENT_ACCOUNT() <> ''") == [
        ("DRIFTGATE", "ACCOUNTADMIN", None, True)
    ]
    run("CREATE ROLE OF_THIS_TEST")
    run("USE ROLE OF_THIS_TEST")
    assert run("SELECT LOWER(CURRENT_ROLE())") == [("of_this_test",)]
    run("USE ROLE ACCOUNTADMIN")
