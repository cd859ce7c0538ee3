"""Streams on stages, seen through the real connector."""

# ruff: noqa: S608 - the statements are the tests' own

import pytest
from snowflake.connector.errors import ProgrammingError

from include.warehouse.embedded.server import running_server
from tests.unit.warehouse.embedded.conftest import PASSWORD, USER, open_connection, runner

ACTIONS = "SELECT RELATIVE_PATH, METADATA$ACTION, METADATA$ISUPDATE FROM {} ORDER BY 1, 2"


@pytest.fixture
def stream(run, folder):
    """A stream on a stage that holds two files already, and a table for what is consumed."""
    (folder / "old").write_bytes(b"1")
    (folder / "older").write_bytes(b"0")
    run(f"CREATE STAGE IMAGES URL='file://{folder}/' DIRECTORY=(ENABLE=TRUE)")
    run("ALTER STAGE IMAGES REFRESH")
    run("CREATE STREAM IMAGES_CHANGES ON STAGE IMAGES COMMENT = 'it''s ours'")
    run("CREATE TABLE SEEN (PATH VARCHAR, ACTION VARCHAR)")
    return "IMAGES_CHANGES"


CONSUME = "INSERT INTO SEEN SELECT RELATIVE_PATH, METADATA$ACTION FROM IMAGES_CHANGES"


def test_a_stream_shows_what_refreshes_have_changed_since_it_was_made(run, folder, stream):
    assert run(ACTIONS.format(stream)) == []
    (folder / "new").write_bytes(b"2")
    (folder / "old").write_bytes(b"one")
    (folder / "older").unlink()
    assert run(ACTIONS.format(stream)) == []

    run("ALTER STAGE IMAGES REFRESH")

    assert run(ACTIONS.format(stream)) == [
        ("new", "INSERT", False),
        ("old", "DELETE", True),
        ("old", "INSERT", True),
        ("older", "DELETE", False),
    ]
    rows = run(f"SELECT S.SIZE, S.ETAG = S.MD5, METADATA$ROW_ID FROM {stream} AS S WHERE RELATIVE_PATH = 'old'")
    assert [row[:2] for row in sorted(rows)] == [(1, True), (3, True)]
    assert len({row[2] for row in rows}) == 1
    assert run(f"SELECT IMAGES_CHANGES.SIZE FROM {stream} WHERE RELATIVE_PATH = 'new'") == [(1,)]


def test_what_came_and_went_between_two_looks_is_not_shown(run, folder, stream):
    (folder / "new").write_bytes(b"2")
    run("ALTER STAGE IMAGES REFRESH")
    (folder / "new").unlink()
    run("ALTER STAGE IMAGES REFRESH")

    assert run(ACTIONS.format(stream)) == []


def test_only_a_committed_change_consumes_a_stream(run, folder, stream):
    (folder / "new").write_bytes(b"2")
    run("ALTER STAGE IMAGES REFRESH")
    run(f"SELECT * FROM {stream}")
    run("BEGIN")
    run(CONSUME)
    run("ROLLBACK")
    with pytest.raises(ProgrammingError):
        run("INSERT INTO SEEN SELECT RELATIVE_PATH, 1 / SIZE_OF_IT FROM IMAGES_CHANGES")
    assert len(run(ACTIONS.format(stream))) == 1

    run(CONSUME)

    assert run("SELECT * FROM SEEN") == [("new", "INSERT")]
    assert run(ACTIONS.format(stream)) == []


def test_a_change_that_takes_no_row_consumes_all_the_same(run, folder, stream):
    (folder / "new").write_bytes(b"2")
    run("ALTER STAGE IMAGES REFRESH")

    run(f"{CONSUME} WHERE 0 = 1")

    assert run(ACTIONS.format(stream)) == []


def test_a_transaction_sees_the_same_changes_until_it_ends(run, connect, folder, stream):
    other = runner(connect())
    (folder / "new").write_bytes(b"2")
    run("ALTER STAGE IMAGES REFRESH")
    run("BEGIN")
    (folder / "newer").write_bytes(b"3")
    other("ALTER STAGE IMAGES REFRESH")
    assert run("SELECT COUNT(*) FROM DIRECTORY(@IMAGES)") == [(4,)]
    run(CONSUME)
    run(CONSUME)
    assert [row[0] for row in run(ACTIONS.format(stream))] == ["new"]

    run("COMMIT")

    assert run("SELECT PATH FROM SEEN") == [("new",), ("new",)]
    assert [row[0] for row in run(ACTIONS.format(stream))] == ["newer"]


def test_of_two_transactions_one_consumes_a_change(run, connect, folder, stream):
    other = runner(connect())
    (folder / "new").write_bytes(b"2")
    run("ALTER STAGE IMAGES REFRESH")
    for session in (run, other):
        session("BEGIN")
    run(CONSUME)

    with pytest.raises(ProgrammingError) as failure:
        other(CONSUME)
    other("ROLLBACK")
    run("COMMIT")

    assert failure.value.errno == 625
    assert run("SELECT PATH FROM SEEN") == [("new",)]


def test_a_stream_survives_a_restart(tmp_path, folder):
    root = tmp_path / "root"
    with running_server(root, user=USER, password=PASSWORD) as server:
        run = runner(open_connection(server, database="KEPT", schema="S"))
        run(f"CREATE STAGE IMAGES URL='file://{folder}/' DIRECTORY=(ENABLE=TRUE)")
        run("CREATE STREAM IMAGES_CHANGES ON STAGE IMAGES")
        run("CREATE TABLE SEEN (PATH VARCHAR, ACTION VARCHAR)")
        (folder / "a").write_bytes(b"1")
        run("ALTER STAGE IMAGES REFRESH")
        run(CONSUME)
        (folder / "b").write_bytes(b"2")
        run("ALTER STAGE IMAGES REFRESH")
    with running_server(root, user=USER, password=PASSWORD) as server:
        run = runner(open_connection(server, database="KEPT", schema="S"))
        assert [row[0] for row in run(ACTIONS.format("IMAGES_CHANGES"))] == ["b"]
        run(CONSUME)
    with running_server(root, user=USER, password=PASSWORD) as server:
        run = runner(open_connection(server, database="KEPT", schema="S"))
        (folder / "c").write_bytes(b"3")
        run("ALTER STAGE IMAGES REFRESH")

        assert [row[0] for row in run(ACTIONS.format("IMAGES_CHANGES"))] == ["c"]


def test_a_stream_is_stale_when_its_stage_is_another_one(run, folder, stream):
    assert [row[10] for row in run("SHOW STREAMS")] == ["false"]

    run(f"CREATE OR REPLACE STAGE IMAGES URL='file://{folder}/' DIRECTORY=(ENABLE=TRUE)")

    [row] = run("SHOW STREAMS LIKE 'images%'")
    assert (row[1], row[5], row[10]) == (stream, "it's ours", "true")
    with pytest.raises(ProgrammingError, match="IMAGES_CHANGES' is stale"):
        run(ACTIONS.format(stream))
    run("CREATE OR REPLACE STREAM IMAGES_CHANGES ON STAGE IMAGES")
    assert run(ACTIONS.format(stream)) == []


def test_a_dropped_stream_is_gone(run, stream):
    run("CREATE STREAM IF NOT EXISTS IMAGES_CHANGES ON STAGE IMAGES")
    with pytest.raises(ProgrammingError, match="already exists"):
        run("CREATE STREAM IMAGES_CHANGES ON STAGE IMAGES")
    run("DROP STREAM IMAGES_CHANGES")

    assert run("SHOW STREAMS") == []
    with pytest.raises(ProgrammingError, match="does not exist"):
        run("DROP STREAM IMAGES_CHANGES")
    with pytest.raises(ProgrammingError, match="does not exist"):
        run(ACTIONS.format(stream))


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("CREATE STREAM S ON TABLE SEEN", "Unsupported feature"),
        ("CREATE STREAM S ON STAGE NO_STAGE", "does not exist"),
        ("CREATE STREAM S", "not understood"),
    ],
)
def test_what_cannot_be_a_stream_is_refused(run, stream, statement, error):
    with pytest.raises(ProgrammingError, match=error):
        run(statement)


def test_a_stream_goes_with_its_schema(run, schema, stream):
    run(f"DROP SCHEMA {schema}")

    assert [row for row in run("SHOW STREAMS IN ACCOUNT") if row[3] == schema] == []
