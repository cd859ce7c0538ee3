"""Stages and their directory tables, seen through the real connector."""

# ruff: noqa: S608 - the statements are the tests' own

import datetime
import hashlib
import os
from pathlib import Path

import pytest
from snowflake.connector.errors import ProgrammingError

from include.warehouse.embedded import files
from tests.unit.warehouse.embedded.conftest import runner

ODD_NAMES = [
    "plain.png",
    "with space/and 'quotes'.png",
    'double "quotes".png',
    "100%/%41.png",
    "question?mark#and&more=1.png",
    "line\nbreak.png",
    "ünïcödé/猫.png",
    "plus+semi;colon.png",
    "back\\slash.png",
    "a" * 200 + "/" + "b" * 200 + "/" + "c" * 200 + ".png",
    ".hidden",
]


def write(folder: Path, files: dict[str, bytes]) -> None:
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


@pytest.fixture
def stage(run, folder):
    run(f"CREATE STAGE IMAGES URL='file://{folder}/' DIRECTORY=(ENABLE=TRUE AUTO_REFRESH=FALSE) COMMENT='it''s ours'")


def test_a_directory_table_shows_the_files_as_of_the_last_refresh(run, folder, stage):
    write(folder, {"cat/1.png": b"meow", "dog/2.png": b"woof!"})
    assert run("SELECT COUNT(*) FROM DIRECTORY(@IMAGES)") == [(0,)]

    run("ALTER STAGE IMAGES REFRESH")

    rows = run("SELECT RELATIVE_PATH, SIZE, MD5, ETAG FROM DIRECTORY(@IMAGES) ORDER BY RELATIVE_PATH")
    md5 = hashlib.md5(b"meow", usedforsecurity=False).hexdigest()
    assert rows[0] == ("cat/1.png", 4, md5, md5)
    assert [row[0] for row in rows] == ["cat/1.png", "dog/2.png"]
    modified = run("SELECT LAST_MODIFIED::TIMESTAMP_NTZ FROM DIRECTORY(@IMAGES) WHERE SIZE = 4")[0][0]
    expected = datetime.datetime.fromtimestamp((folder / "cat/1.png").stat().st_mtime, datetime.UTC)
    assert abs(modified.replace(tzinfo=datetime.UTC) - expected) < datetime.timedelta(milliseconds=1)


def test_a_refresh_reports_what_is_new_changed_and_gone(run, folder, stage):
    write(folder, {"a": b"1", "b": b"2"})
    assert {row[:2] for row in run("ALTER STAGE IMAGES REFRESH")} == {("a", "REGISTERED_NEW"), ("b", "REGISTERED_NEW")}
    write(folder, {"a": b"changed", "c": b"3"})
    (folder / "b").unlink()
    assert {row[:2] for row in run("ALTER STAGE IMAGES REFRESH")} == {
        ("a", "REGISTERED_UPDATE"),
        ("b", "UNREGISTERED"),
        ("c", "REGISTERED_NEW"),
    }
    assert run("ALTER STAGE IMAGES REFRESH") == []


def test_a_refresh_reads_only_files_whose_size_or_time_has_changed(run, folder, stage):
    write(folder, {"a": b"old!"})
    run("ALTER STAGE IMAGES REFRESH")
    status = (folder / "a").stat()
    write(folder, {"a": b"new!"})
    os.utime(folder / "a", ns=(status.st_atime_ns, status.st_mtime_ns))
    run("ALTER STAGE IMAGES REFRESH")
    (etag,) = run("SELECT ETAG FROM DIRECTORY(@IMAGES)")[0]
    assert etag == hashlib.md5(b"old!", usedforsecurity=False).hexdigest(), "same size and time: it was not read"
    os.utime(folder / "a", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    run("ALTER STAGE IMAGES REFRESH")
    (etag,) = run("SELECT ETAG FROM DIRECTORY(@IMAGES)")[0]
    assert etag == hashlib.md5(b"new!", usedforsecurity=False).hexdigest()


def test_a_refresh_of_a_subpath_leaves_the_rest_as_it_was(run, folder, stage):
    write(folder, {"cat/1": b"1", "dog/1": b"2", "catalogue/1": b"3"})
    run("ALTER STAGE IMAGES REFRESH SUBPATH = 'cat'")
    assert run("SELECT RELATIVE_PATH FROM DIRECTORY(@IMAGES)") == [("cat/1",)]
    run("ALTER STAGE IMAGES REFRESH")
    for gone in ("cat/1", "dog/1"):
        (folder / gone).unlink()
    run("ALTER STAGE IMAGES REFRESH SUBPATH = 'cat/'")
    assert run("SELECT RELATIVE_PATH FROM DIRECTORY(@IMAGES) ORDER BY 1") == [("catalogue/1",), ("dog/1",)]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_file_names_come_back_as_they_are(run, folder, stage, name):
    write(folder, {name: b"x"})
    run("ALTER STAGE IMAGES REFRESH")
    assert run("SELECT RELATIVE_PATH FROM DIRECTORY(@IMAGES)") == [(name,)]


def test_files_outside_the_folder_are_not_listed_through_links(run, folder, stage, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    write(secret, {"key": b"secret"})
    (folder / "link").symlink_to(secret / "key")
    (folder / "links").symlink_to(secret, target_is_directory=True)
    write(folder, {"mine": b"x"})
    run("ALTER STAGE IMAGES REFRESH")
    assert run("SELECT RELATIVE_PATH FROM DIRECTORY(@IMAGES)") == [("mine",)]


@pytest.fixture
def linked(folder, tmp_path):
    """A folder beside the stage's, and links to it and to one of its folders in the stage."""
    outside = tmp_path / "outside"
    write(outside, {"key.csv": b"1", "sub/key.csv": b"2"})
    (folder / "link").symlink_to(outside, target_is_directory=True)
    (folder / "circle").symlink_to(folder / "circle")
    write(folder, {"mine.csv": b"3", "real/mine.csv": b"4"})
    (folder / "real/link").symlink_to(outside / "sub", target_is_directory=True)
    return outside


@pytest.mark.parametrize("prefix", ["link/", "link/k", "link/sub/", "real/link/", "link/none/", "circle/"])
@pytest.mark.parametrize(
    ("statement", "nothing"),
    [
        ("LIST @IMAGES/{}", []),
        ("REMOVE @IMAGES/{}", []),
        (
            "COPY INTO T FROM @IMAGES/{} FILE_FORMAT = (TYPE = CSV) PURGE = TRUE",
            [("Copy executed with 0 files processed.",)],
        ),
        ("ALTER STAGE IMAGES REFRESH SUBPATH = '{}'", []),
    ],
)
def test_a_location_never_leaves_its_folder_through_a_link(run, stage, linked, prefix, statement, nothing):
    run("CREATE TABLE T (N INTEGER)")
    assert run(statement.format(prefix)) == nothing
    assert run("SELECT * FROM T") == []
    assert run("SELECT * FROM DIRECTORY(@IMAGES)") == []
    assert (linked / "key.csv").exists()
    assert (linked / "sub/key.csv").exists()
    assert [row[1] for row in run("LIST @IMAGES/real/")] == [1], "a folder of its own is listed"


def test_a_stage_may_itself_be_behind_a_link(run, folder, tmp_path):
    write(folder, {"cat/1.png": b"1"})
    (tmp_path / "mount").symlink_to(folder, target_is_directory=True)
    run(f"CREATE STAGE MOUNTED URL='file://{tmp_path}/mount'")
    assert len(run("LIST @MOUNTED/cat/")) == 1
    assert len(run("REMOVE @MOUNTED/cat/")) == 1
    assert not (folder / "cat").exists()


def test_a_file_behind_a_link_is_not_removed(folder, linked):
    """What was a folder when it was listed may be a link by now."""
    files.remove_files(folder, ["link/key.csv", "link/sub/key.csv", "circle/x", "real/mine.csv"])
    assert (linked / "key.csv").exists()
    assert (linked / "sub/key.csv").exists()
    assert not (folder / "real/mine.csv").exists()


def test_a_missing_folder_is_an_error_that_names_stage_and_folder(run, tmp_path):
    run(f"CREATE STAGE NOWHERE URL='file://{tmp_path}/nowhere' DIRECTORY=(ENABLE=TRUE)")
    for statement in ("ALTER STAGE NOWHERE REFRESH", "LIST @NOWHERE"):
        with pytest.raises(ProgrammingError) as missing:
            run(statement)
        assert missing.value.errno == 91016
        assert "NOWHERE" in str(missing.value)
        assert f"{tmp_path}/nowhere" in str(missing.value)


def test_an_emptied_stage_is_empty_not_missing(run, folder, stage):
    write(folder, {"a": b"1"})
    run("ALTER STAGE IMAGES REFRESH")
    (folder / "a").unlink()
    run("ALTER STAGE IMAGES REFRESH")
    assert run("SELECT * FROM DIRECTORY(@IMAGES)") == []


def test_a_directory_table_can_stand_anywhere_in_a_from(run, folder, stage, database, schema):
    write(folder, {"a": b"1", "b": b"22", "c": b"333"})
    run("ALTER STAGE IMAGES REFRESH")
    run("CREATE TABLE IMAGE_ROWS (PATH VARCHAR, SIZE INTEGER, ETAG VARCHAR)")
    run("INSERT INTO IMAGE_ROWS SELECT RELATIVE_PATH, 0, ETAG FROM DIRECTORY(@IMAGES) WHERE RELATIVE_PATH = 'a'")
    run(
        f"INSERT INTO IMAGE_ROWS SELECT d.RELATIVE_PATH, d.SIZE, d.ETAG FROM DIRECTORY(@{schema}.IMAGES) d "
        "WHERE d.RELATIVE_PATH <> 'c' AND NOT EXISTS (SELECT 1 FROM IMAGE_ROWS i WHERE i.PATH = d.RELATIVE_PATH)"
    )
    assert run("SELECT PATH, SIZE FROM IMAGE_ROWS ORDER BY 1") == [("a", 0), ("b", 2)]
    run("BEGIN")
    merged = run(
        f"""
        MERGE INTO IMAGE_ROWS i
        USING (
            SELECT RELATIVE_PATH, SIZE, ETAG FROM DIRECTORY(@{database}.{schema}.IMAGES)
            QUALIFY ROW_NUMBER() OVER (PARTITION BY RELATIVE_PATH ORDER BY ETAG) = 1
        ) d
        ON i.PATH = d.RELATIVE_PATH
        WHEN MATCHED AND i.SIZE <> d.SIZE THEN UPDATE SET i.SIZE = d.SIZE
        WHEN NOT MATCHED THEN INSERT (PATH, SIZE, ETAG) VALUES (d.RELATIVE_PATH, d.SIZE, d.ETAG)
        """
    )
    run("COMMIT")
    assert merged == [(1, 1)]
    joined = "SELECT COUNT(*) FROM IMAGE_ROWS i JOIN DIRECTORY(@IMAGES) d ON d.RELATIVE_PATH = i.PATH"
    assert run(f"{joined} AND d.SIZE = i.SIZE AND d.ETAG = i.ETAG") == [(3,)]
    run("CREATE VIEW STAGED AS SELECT RELATIVE_PATH FROM DIRECTORY(@IMAGES)")
    assert run("SELECT COUNT(*) FROM STAGED") == [(3,)]


def test_create_alter_and_drop(run, folder, stage):
    with pytest.raises(ProgrammingError) as exists:
        run("CREATE STAGE IMAGES")
    assert exists.value.errno == 2002
    assert "already exists" in run("CREATE STAGE IF NOT EXISTS IMAGES")[0][0]
    other = folder / "other"
    write(other, {"z": b"1"})
    run(f"ALTER STAGE IF EXISTS IMAGES SET URL = 'file://{other}'")
    run("ALTER STAGE IMAGES REFRESH")
    assert run("SELECT RELATIVE_PATH FROM DIRECTORY(@IMAGES)") == [("z",)]
    assert [row[0] for row in run("SHOW STAGES")] == ["IMAGES"]
    assert [row[0] for row in run("SHOW STAGES LIKE 'img%'")] == []
    assert ("STAGE_PROPERTIES", "COMMENT", "String", "it's ours") in run("DESCRIBE STAGE IMAGES")
    run("DROP STAGE IMAGES")
    run("DROP STAGE IF EXISTS IMAGES")
    for statement in (
        "DROP STAGE IMAGES",
        "ALTER STAGE IMAGES REFRESH",
        "SELECT * FROM DIRECTORY(@IMAGES)",
        "LIST @IMAGES",
    ):
        with pytest.raises(ProgrammingError, match="IMAGES") as missing:
            run(statement)
        assert missing.value.errno == 2003


def test_a_replaced_stage_starts_without_the_old_directory_table(run, folder, stage):
    write(folder, {"a": b"1"})
    run("ALTER STAGE IMAGES REFRESH")
    run(f"CREATE OR REPLACE STAGE IMAGES URL='file://{folder}' DIRECTORY=(ENABLE=TRUE)")
    assert run("SELECT * FROM DIRECTORY(@IMAGES)") == []


def test_a_stage_without_a_directory_table_says_so(run):
    run("CREATE STAGE WORK")
    with pytest.raises(ProgrammingError, match="directory"):
        run("ALTER STAGE WORK REFRESH")
    with pytest.raises(ProgrammingError, match="directory"):
        run("SELECT * FROM DIRECTORY(@WORK)")


@pytest.mark.parametrize("url", ["s3://bucket/images/", "file://relative/path", "/no/scheme"])
def test_a_url_that_cannot_work_here_is_refused_at_once(run, url):
    with pytest.raises(ProgrammingError):
        run(f"CREATE STAGE BAD URL='{url}'")
    assert run("SHOW STAGES") == []


def test_a_misspelt_option_is_refused(run):
    with pytest.raises(ProgrammingError, match="DIRECTROY") as unknown:
        run("CREATE STAGE BAD DIRECTROY=(ENABLE=TRUE)")
    assert unknown.value.errno == 1420


def test_a_stage_of_3000_unchanged_files_is_refreshed_without_reading_one(run, folder, stage, monkeypatch):
    write(folder, {f"{number % 10}/{number}.png": str(number).encode() for number in range(3000)})
    read: list[str] = []
    open_file = files.io.FileIO
    monkeypatch.setattr(files.io, "FileIO", lambda file: read.append(file) or open_file(file))
    assert len(run("ALTER STAGE IMAGES REFRESH")) == 3000
    assert len(read) == 3000
    assert run("ALTER STAGE IMAGES REFRESH") == []
    assert len(read) == 3000
    signed = run("SELECT RELATIVE_PATH, GET_PRESIGNED_URL(@IMAGES, RELATIVE_PATH, 60) FROM DIRECTORY(@IMAGES)")
    assert len({url for _, url in signed}) == 3000


def test_dropping_a_schema_or_a_database_drops_its_stages(run, database):
    run("CREATE SCHEMA OTHER")
    run("CREATE STAGE IN_OTHER")
    run("DROP SCHEMA OTHER")
    with pytest.raises(ProgrammingError):
        run(f"LIST @{database}.OTHER.IN_OTHER")
    run(f"CREATE DATABASE {database}_2")
    run("CREATE STAGE IN_DATABASE")
    run(f"DROP DATABASE {database}_2")
    run(f"CREATE DATABASE {database}_2")
    assert run("SHOW STAGES") == []
    run(f"DROP DATABASE {database}_2")


@pytest.fixture
def kept(run, folder):
    """A permanent internal stage with a file."""
    write(folder, {"a.csv": b"1"})
    run("CREATE STAGE KEPT")
    run(f"PUT 'file://{folder}/a.csv' @KEPT AUTO_COMPRESS=FALSE")


@pytest.mark.parametrize(
    ("create", "outcome"),
    [
        ("CREATE TEMPORARY STAGE KEPT", "already exists"),
        ("CREATE TEMPORARY STAGE IF NOT EXISTS KEPT", "already exists"),
        ("CREATE OR REPLACE TEMPORARY STAGE KEPT", "temporary stage in place of the permanent"),
    ],
)
def test_a_temporary_stage_that_was_not_made_takes_no_permanent_one_with_it(connect, run, kept, create, outcome):
    connection = connect()
    try:
        answer = str(runner(connection)(create))
    except ProgrammingError as error:
        answer = str(error)
    assert outcome in answer
    connection.close()
    assert [row[0] for row in run("LIST @KEPT")] == ["kept/a.csv"]


def test_a_temporary_stage_ends_with_its_own_session_only(connect, run, folder):
    write(folder, {"a.csv": b"1"})
    first, second = connect(), connect()
    runner(first)("CREATE TEMPORARY STAGE MINE")
    runner(second)("CREATE OR REPLACE TEMPORARY STAGE MINE")
    runner(second)(f"PUT 'file://{folder}/a.csv' @MINE AUTO_COMPRESS=FALSE")
    first.close()
    assert [row[0] for row in run("LIST @MINE")] == ["mine/a.csv"], "it is the second session's"
    second.close()
    with pytest.raises(ProgrammingError) as missing:
        run("LIST @MINE")
    assert missing.value.errno == 2003


def test_a_permanent_stage_in_place_of_a_temporary_one_stays(connect, run, folder):
    write(folder, {"a.csv": b"1"})
    connection = connect()
    runner(connection)("CREATE TEMPORARY STAGE KEPT")
    runner(connection)("CREATE OR REPLACE STAGE KEPT")
    runner(connection)(f"PUT 'file://{folder}/a.csv' @KEPT AUTO_COMPRESS=FALSE")
    connection.close()
    assert [row[0] for row in run("LIST @KEPT")] == ["kept/a.csv"]
