"""PUT, GET, LIST, REMOVE and signed URLs, with the real connector moving the bytes."""

import os
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from snowflake.connector.errors import OperationalError, ProgrammingError

from include.warehouse.embedded import staged_files
from include.warehouse.embedded.files import Upload
from include.warehouse.embedded.server import running_server
from include.warehouse.embedded.stages import StageKey
from include.warehouse.embedded.urls import StagedFile
from tests.unit.warehouse.embedded.conftest import PASSWORD, USER, open_connection, runner
from tests.unit.warehouse.embedded.test_embedded_stages import ODD_NAMES, write

ESCAPES = ["../secret", "a/../../secret", "/etc/passwd", "a//b", "./a", "a/.", "..", "a\0b", "%2e%2e/secret"]


def fetch(url: str, method: str = "GET") -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as response:  # noqa: S310
        return response.read()


def status_of(url: str, method: str = "GET") -> tuple[int, str]:
    try:
        return 200, fetch(url, method).decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.fixture
def stage(run, folder):
    run(f"CREATE STAGE IMAGES URL='file://{folder}' DIRECTORY=(ENABLE=TRUE)")


def signed(run, path: str, seconds: int = 60) -> str:
    (url,) = run(f"SELECT GET_PRESIGNED_URL(@IMAGES, %s, {seconds})", (path,))[0]
    return url


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_signed_url_opens_its_file(run, folder, stage, name):
    write(folder, {name: name.encode()})
    run("ALTER STAGE IMAGES REFRESH")
    rows = run("SELECT RELATIVE_PATH, GET_PRESIGNED_URL(@IMAGES, RELATIVE_PATH) FROM DIRECTORY(@IMAGES)")
    assert [fetch(url) for _, url in rows] == [name.encode()]
    assert fetch(rows[0][1], "HEAD") == b""


def test_a_url_expires(run, folder, stage):
    write(folder, {"a": b"x"})
    assert fetch(signed(run, "a")) == b"x"
    url = signed(run, "a", seconds=1)
    time.sleep(2.05 - time.time() % 1)
    status, text = status_of(url)
    assert status == 403
    assert "expired" in text


@pytest.mark.parametrize(
    ("old", "new"),
    [("/IMAGES/a", "/IMAGES/b"), ("/TESTS/", "/OTHER/"), ("expires=", "expires=9"), ("signature=", "signature=0")],
)
def test_a_changed_url_opens_nothing(run, folder, stage, old, new):
    write(folder, {"a": b"x", "b": b"y"})
    url = signed(run, "a")
    assert old in url
    assert status_of(url.replace(old, new))[0] == 403
    assert status_of(url.split("?")[0])[0] == 403


@pytest.mark.parametrize("expires", ["²", "9²", "٣", "-1", "1.5", "", "9" * 13])
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_url_whose_time_is_no_number_is_refused(run, folder, stage, expires, method):
    write(folder, {"a": b"x"})
    url = f"{signed(run, 'a').split('?')[0]}?expires={quote(expires)}&signature=0"
    assert status_of(url, method) == (403, "the URL is not signed")


def test_a_url_for_reading_does_not_write(run, folder, stage):
    write(folder, {"a": b"x"})
    assert status_of(signed(run, "a"), "PUT")[0] == 403
    assert status_of(signed(run, "a"), "DELETE")[0] == 405
    assert (folder / "a").read_bytes() == b"x"


def test_a_url_of_a_file_that_is_not_there_is_404(run, folder, stage):
    assert status_of(signed(run, "missing"))[0] == 404


@pytest.mark.parametrize("path", ESCAPES)
def test_a_signed_url_never_leaves_the_stage(folder, stage, path, warehouse_server, database, schema, tmp_path):
    (tmp_path / "secret").write_text("secret")
    write(folder, {"a": b"secret"})
    file = StagedFile(database, schema, "IMAGES", path)
    url = urlsplit(warehouse_server.warehouse.signer.url(warehouse_server.url, file))
    # a client of our own: others tidy the path up before they send it
    with socket.create_connection((warehouse_server.host, warehouse_server.port), timeout=10) as connection:
        connection.sendall(f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    assert answer.split()[1] in {"403", "404"}
    assert "secret" not in answer.partition("\r\n\r\n")[2]


def test_a_signed_url_does_not_follow_links_out_of_the_stage(run, folder, stage, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    assert status_of(signed(run, "link"))[0] == 404


def test_a_signed_url_opens_no_pipe(run, folder, stage):
    os.mkfifo(folder / "pipe")
    assert status_of(signed(run, "pipe"))[0] == 404


def test_a_signed_url_follows_links_inside_of_the_stage(run, folder, stage):
    write(folder, {"real/a": b"x"})
    (folder / "link").symlink_to(folder / "real")
    assert fetch(signed(run, "link/a")) == b"x"


@pytest.mark.parametrize("size", [0, 1, 4 * 2**20, 4 * 2**20 + 1])
def test_a_part_of_a_file_can_be_asked_for_whatever_its_size(run, folder, stage, size):
    content = os.urandom(size)
    write(folder, {"a": content})
    assert fetch(signed(run, "a")) == content
    if size > 1:
        request = urllib.request.Request(signed(run, "a"), headers={"Range": "bytes=1-3"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            assert (response.status, response.read()) == (206, content[1:4])


def test_files_that_open_slowly_are_served_all_the_same(run, folder, stage, monkeypatch):
    """Files of a mounted folder, which are read in threads."""
    monkeypatch.setattr(staged_files, "_SLOW_S", -1.0)
    write(folder, {"a": b"x"})
    url = signed(run, "a")
    assert [fetch(url) for _ in range(3)] == [b"x"] * 3


def test_a_null_path_has_no_url(run, stage):
    assert run("SELECT GET_PRESIGNED_URL(@IMAGES, NULL, 60)") == [(None,)]


def test_a_file_url_is_the_same_every_time_and_opens_nothing(run, folder, stage):
    write(folder, {"a b/c": b"x"})
    run("ALTER STAGE IMAGES REFRESH")
    (in_directory, built) = run(
        "SELECT FILE_URL, BUILD_STAGE_FILE_URL(@IMAGES, RELATIVE_PATH) FROM DIRECTORY(@IMAGES)"
    )[0]
    assert in_directory == built
    assert in_directory.endswith("/IMAGES/a%20b%2Fc")
    assert status_of(in_directory)[0] == 403


def test_urls_can_be_paths_on_one_machine(tmp_path):
    folder = tmp_path / "staged files"
    write(folder, {"a %41?#.png": b"x"})
    with running_server(tmp_path / "root", user=USER, password=PASSWORD, urls="file") as server:
        connection = open_connection(server, database="D")
        run = runner(connection)
        run(f"CREATE STAGE IMAGES URL='file://{folder}' DIRECTORY=(ENABLE=TRUE)")
        run("ALTER STAGE IMAGES REFRESH")
        (url,) = run("SELECT GET_PRESIGNED_URL(@IMAGES, RELATIVE_PATH) FROM DIRECTORY(@IMAGES)")[0]
        assert url == f"file://{quote(str(folder))}/a%20%2541%3F%23.png"
        with pytest.raises(ProgrammingError):
            run("SELECT GET_PRESIGNED_URL(@IMAGES, '../x')")
        connection.close()
    assert fetch(url) == b"x"


@pytest.fixture
def work(run):
    run("CREATE STAGE WORK ENCRYPTION=(TYPE='SNOWFLAKE_SSE') DIRECTORY=(ENABLE=TRUE)")


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("'file://{folder}/*.csv'", "@WORK/run_1/"),
        ("file://{plain}/*.csv", "@WORK/p"),
        ("'file://{folder}/*.csv'", "'@WORK/with space/'"),
        ("'file://{folder}/*.csv'", '@"WORK"/quoted'),
        ("'file://{folder}/*.csv'", "@TESTS.{schema}.WORK/"),
        ("'file://{folder}/*.csv'", "@WORK/dt=2024/"),
    ],
)
def test_put_list_get_remove(run, folder, tmp_path, work, schema, source, target):
    target = target.format(schema=schema)
    plain = tmp_path / "plain"
    for place in (folder, plain):
        write(place, {"one.csv": b"1", "two 2.csv": b"22"})
    uploaded = run(f"PUT {source.format(folder=folder, plain=plain)} {target} AUTO_COMPRESS=FALSE OVERWRITE=TRUE")
    assert [(row[0], row[6]) for row in uploaded] == [("one.csv", "UPLOADED"), ("two 2.csv", "UPLOADED")]

    listed = run(f"LIST {target}")
    assert [(row[0].rpartition("/")[2], row[1]) for row in listed] == [("one.csv", 1), ("two 2.csv", 2)]
    assert run(f"LS {target} PATTERN='.*one.*'") == listed[:1]
    assert listed[0][2] == "c4ca4238a0b923820dcc509a6f75849b"

    local = tmp_path / "local"
    local.mkdir()
    downloaded = run(f"GET {target} 'file://{local}'")
    assert {row[2] for row in downloaded} == {"DOWNLOADED"}
    assert {file.name: file.read_bytes() for file in local.iterdir()} == {"one.csv": b"1", "two 2.csv": b"22"}

    assert [row[1] for row in run(f"REMOVE {target} PATTERN='.*two.*'")] == ["removed"]
    assert run(f"LIST {target}") == listed[:1]
    assert len(run(f"RM {target}")) == 1
    assert run(f"LIST {target}") == []
    assert run(f"REMOVE {target}") == []


def test_put_with_bound_values(run, folder, work):
    write(folder, {"it is.csv": b"1"})
    run("PUT %(source)s @WORK/p AUTO_COMPRESS=FALSE", {"source": f"file://{folder}/it is.csv"})
    assert [row[0] for row in run("LIST @WORK")] == ["work/p/it is.csv"]


def test_put_compresses_unless_told_not_to(run, folder, work):
    write(folder, {"a.csv": b"1"})
    run(f"PUT 'file://{folder}/a.csv' @WORK")
    assert [row[0] for row in run("LIST @WORK")] == ["work/a.csv.gz"]


def test_put_replaces_a_file(run, folder, work):
    for content in (b"old", b"newer"):
        write(folder, {"a": content})
        run(f"PUT 'file://{folder}/a' @WORK AUTO_COMPRESS=FALSE OVERWRITE=TRUE")
    assert [row[1] for row in run("LIST @WORK")] == [5]


def test_an_uploaded_file_is_in_the_directory_table_and_behind_urls(run, folder, work):
    write(folder, {"a.bin": b"content"})
    run(f"PUT 'file://{folder}/a.bin' @WORK/models/v1 AUTO_COMPRESS=FALSE")
    run("ALTER STAGE WORK REFRESH")
    (path, url) = run("SELECT RELATIVE_PATH, GET_PRESIGNED_URL(@WORK, RELATIVE_PATH) FROM DIRECTORY(@WORK)")[0]
    assert (path, fetch(url)) == ("models/v1/a.bin", b"content")


def test_an_upload_is_durable_with_its_name_and_its_new_folders(folder, monkeypatch):
    synced: list[tuple[int, bool]] = []
    sync = os.fsync

    def recording(descriptor: int) -> None:
        sync(descriptor)
        synced.append((os.fstat(descriptor).st_ino, (folder / "models/v1/a.bin").exists()))

    monkeypatch.setattr(os, "fsync", recording)
    upload = Upload(folder, "models/v1/a.bin")
    upload.write(b"content")
    upload.finish()

    assert synced[0] == ((folder / "models/v1/a.bin").stat().st_ino, False), "the content, before it is there"
    for changed in ("models/v1", "models", ""):
        assert ((folder / changed).stat().st_ino, True) in synced, "the name, after it is there"


def test_an_upload_that_breaks_off_leaves_nothing(run, work, warehouse_server, database, schema):
    warehouse = warehouse_server.warehouse
    file = StagedFile(database, schema, "WORK", "half.bin")
    url = urlsplit(warehouse.signer.url(warehouse_server.url, file, method="PUT"))
    with socket.create_connection((warehouse_server.host, warehouse_server.port), timeout=10) as connection:
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        connection.sendall(head.encode() + b"x" * 100)
    time.sleep(0.2)
    assert run("LIST @WORK") == []
    folder = warehouse.stages.folder(warehouse.stages.get(StageKey(database, schema, "WORK")))
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("path", ["../x", "a/../../x", "//x", "./x"])
@pytest.mark.parametrize(
    "statement",
    [
        "LIST '@WORK/{path}'",
        "REMOVE '@WORK/{path}'",
        "PUT 'file://{folder}/a' '@WORK/{path}'",
        "GET '@WORK/{path}' 'file://{folder}'",
    ],
)
def test_a_stage_path_never_leaves_its_folder(run, folder, work, path, statement):
    write(folder, {"a": b"1"})
    with pytest.raises(ProgrammingError, match="not allowed") as refused:
        run(statement.format(path=path, folder=folder))
    assert refused.value.errno == 1003


def test_copy_never_leaves_its_folder(run, work):
    run("CREATE TABLE T (X VARIANT)")
    with pytest.raises(ProgrammingError, match="not allowed"):
        run("COPY INTO T FROM @WORK/../x FILE_FORMAT=(TYPE=JSON)")


@pytest.mark.parametrize("pattern", ["(", "*", "a{99999999999999999999}"])
@pytest.mark.parametrize(
    "statement",
    [
        "LIST @WORK PATTERN='{}'",
        "REMOVE @WORK PATTERN='{}'",
        "COPY INTO T FROM @WORK FILE_FORMAT=(TYPE=CSV) PATTERN='{}'",
    ],
)
def test_a_pattern_that_is_none_is_named(run, work, pattern, statement):
    run("CREATE TABLE T (X INTEGER)")
    with pytest.raises(ProgrammingError, match="Invalid regular expression") as invalid:
        run(statement.format(pattern))
    assert invalid.value.errno == 100048


def test_a_location_is_a_prefix_as_on_snowflake(run, folder, work):
    write(folder, {"a.csv": b"1"})
    for target in ("run1", "run10"):
        run(f"PUT 'file://{folder}/a.csv' @WORK/{target} AUTO_COMPRESS=FALSE")
    assert len(run("LIST @WORK/run1")) == 2
    assert len(run("LIST @WORK/run1/")) == 1


def test_a_get_of_nothing_is_an_error(run, tmp_path, work):
    with pytest.raises(OperationalError, match="does not exist"):
        run(f"GET @WORK/nothing/ 'file://{tmp_path}'")


def test_a_put_of_nothing_is_an_error(run, tmp_path, work):
    with pytest.raises(ProgrammingError, match="doesn't exist"):
        run(f"PUT 'file://{tmp_path}/nothing*' @WORK")


def test_removing_leaves_no_empty_folders(run, folder, work, warehouse_server, database, schema):
    write(folder, {"a.csv": b"1"})
    run(f"PUT 'file://{folder}/a.csv' @WORK/x/y/z AUTO_COMPRESS=FALSE")
    run("REMOVE @WORK/x/")
    stages = warehouse_server.warehouse.stages
    assert list(stages.folder(stages.get(StageKey(database, schema, "WORK"))).iterdir()) == []


def test_dropping_an_internal_stage_removes_its_files(run, folder, work):
    write(folder, {"a.csv": b"1"})
    run(f"PUT 'file://{folder}/a.csv' @WORK AUTO_COMPRESS=FALSE")
    run("DROP STAGE WORK")
    run("CREATE STAGE WORK")
    assert run("LIST @WORK") == []


def test_dropping_an_external_stage_leaves_its_files(run, folder, stage):
    write(folder, {"a.csv": b"1"})
    run("DROP STAGE IMAGES")
    assert (folder / "a.csv").exists()


def test_the_secret_is_readable_by_its_owner_only(warehouse_server, tmp_path):
    with running_server(tmp_path / "root", user=USER, password=PASSWORD):
        assert Path(tmp_path / "root" / "url_secret").stat().st_mode & 0o777 == 0o600
