"""The file store, on a folder and on a remote file system (fsspec's memory)."""

import hashlib
import resource
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from include.errors import StoreError
from include.store.files import FileStore, sha256_of_bytes, sha256_of_file


@pytest.fixture(params=["path", "file", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    url = {
        "path": str(tmp_path / "store"),
        "file": f"file://{tmp_path}/store",
        "memory": f"memory://{uuid.uuid4().hex}/store",
    }[request.param]
    return FileStore(url, cache=tmp_path / "cache")


@contextmanager
def full_disk(n_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond some bytes, which is how a full disk looks to whoever writes one."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_digests_are_sha256(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"content")

    assert sha256_of_bytes(b"content") == sha256_of_file(path) == hashlib.sha256(b"content").hexdigest()


def test_what_is_written_can_be_read(store: FileStore) -> None:
    assert not store.exists("a/b/c.bin")

    store.write("a/b/c.bin", b"content")

    assert store.exists("a/b/c.bin")
    assert store.read("a/b/c.bin") == b"content"
    assert store.local_path("a/b/c.bin").read_bytes() == b"content"


def test_a_part_of_a_file_can_be_read(store: FileStore, tmp_path: Path) -> None:
    store.write("a.bin", b"0123456789")

    assert store.read_part("a.bin", 2, 3) == b"234"
    assert store.read_part("a.bin", 8, 9) == b"89"
    assert files_below(tmp_path / "cache") == [], "no copy was downloaded"
    with pytest.raises(StoreError):
        store.read_part("b.bin", 0, 1)


def test_writing_again_replaces(store: FileStore) -> None:
    store.write("a.bin", b"first")
    assert store.local_path("a.bin").read_bytes() == b"first"

    store.write("a.bin", b"second")

    assert store.read("a.bin") == b"second"
    assert store.local_path("a.bin").read_bytes() == b"second"


def test_a_new_file_appears_when_the_block_ends(store: FileStore) -> None:
    with store.new_file("a.bin") as path:
        path.write_bytes(b"content")
        assert not store.exists("a.bin")

    assert store.read("a.bin") == b"content"


def test_a_block_that_fails_leaves_what_was_there(store: FileStore, tmp_path: Path) -> None:
    store.write("a.bin", b"before")

    def write_half() -> None:
        with store.new_file("a.bin") as path:
            path.write_bytes(b"half of the new con")
            raise KeyError("in the block")

    with pytest.raises(KeyError, match="in the block"):
        write_half()

    assert store.read("a.bin") == b"before"
    assert not [name for name in files_below(tmp_path) if name.endswith(".tmp")]


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path / "store"))
    store.write("kept.bin", b"before")

    with full_disk(10_000):
        with pytest.raises(StoreError, match=r"new\.bin cannot be written in the store .*: File too large"):
            store.write("new.bin", bytes(20_000))
        with pytest.raises(StoreError, match=r"kept\.bin cannot be written"):
            store.write("kept.bin", bytes(20_000))

    assert files_below(tmp_path) == ["store/kept.bin"]
    assert store.read("kept.bin") == b"before"


def test_others_can_read_what_is_written(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path))
    store.write("a.bin", b"content")
    (tmp_path / "plain").write_bytes(b"")

    assert stat.S_IMODE((tmp_path / "a.bin").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_a_remote_file_is_downloaded_once(tmp_path: Path) -> None:
    root = f"memory://{uuid.uuid4().hex}"
    store = FileStore(root, cache=tmp_path)
    store.write("a.bin", b"content")
    first = store.local_path("a.bin")

    fsspec.filesystem("memory").rm(root, recursive=True)

    assert FileStore(root, cache=tmp_path).local_path("a.bin") == first
    assert first.read_bytes() == b"content"
    assert len(files_below(tmp_path)) == 1


def test_caches_of_two_stores_do_not_mix(tmp_path: Path) -> None:
    stores = [FileStore(f"memory://{uuid.uuid4().hex}", cache=tmp_path) for _ in range(2)]
    for number, store in enumerate(stores):
        store.write("a.bin", b"%d" % number)

    assert [store.local_path("a.bin").read_bytes() for store in stores] == [b"0", b"1"]


def test_a_deleted_file_is_gone(store: FileStore) -> None:
    store.write("a.bin", b"content")
    store.local_path("a.bin")

    store.delete("a.bin")
    store.delete("a.bin")

    assert not store.exists("a.bin")
    with pytest.raises(StoreError, match=r"a\.bin cannot be read"):
        store.read("a.bin")
    with pytest.raises(StoreError, match=r"a\.bin cannot be (read|downloaded)"):
        store.local_path("a.bin")


@pytest.mark.parametrize(
    "name",
    ["", "/etc/passwd", "../a", "a/../../b", "a/..", "./a", "a//b", "a/", "a\x00b", "a b", "a\nb", "ä", "a\\b", "a:b"],
)
def test_a_name_that_could_leave_the_store_is_refused(store: FileStore, name: str) -> None:
    for use in (store.exists, store.read, store.local_path, store.delete):
        with pytest.raises(StoreError, match="is no name for a file of the store"):
            use(name)
    with pytest.raises(StoreError, match="is no name for a file of the store"):
        store.write(name, b"content")


def test_files_are_listed_with_their_size_and_time(store: FileStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    store.write("b/c.bin", b"content")
    store.write("b/d/e.bin", b"")
    store.write("bc/f.bin", b"123")

    assert [(file.name, file.n_bytes) for file in store.list_files()] == [
        ("b/c.bin", 7),
        ("b/d/e.bin", 0),
        ("bc/f.bin", 3),
    ]
    assert [file.name for file in store.list_files("b")] == ["b/c.bin", "b/d/e.bin"]
    assert store.list_files("nothing") == []
    [found] = store.list_files("bc")
    assert before < found.modified_at < datetime.now(UTC) + timedelta(seconds=2)
    assert store.find("bc/f.bin") == found
    assert store.find("bc/g.bin") is None


def test_a_listing_has_what_is_being_written_and_nothing_that_is_not_ours(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path / "store"))
    with store.new_file("a.bin") as path:
        path.write_bytes(b"half")
        (tmp_path / "store/it's theirs.txt").write_bytes(b"")
        (tmp_path / "elsewhere").write_bytes(b"")
        (tmp_path / "store/link.bin").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "store/folder.bin").mkdir()

        [listed] = store.list_files()

    assert listed.is_temporary
    assert listed.n_bytes == 4
    [listed] = store.list_files()
    assert (listed.name, listed.is_temporary) == ("a.bin", False)


def test_copies_of_what_a_remote_store_no_longer_holds_are_deleted(tmp_path: Path) -> None:
    url = f"memory://{uuid.uuid4().hex}"
    here, elsewhere = FileStore(url, cache=tmp_path / "here"), FileStore(url, cache=tmp_path / "elsewhere")
    for name in ("a.bin", "b.bin"):
        here.write(name, b"content")
        here.local_path(name)
    elsewhere.delete("a.bin")
    assert len(files_below(tmp_path / "here")) == 2

    assert [copy.name for copy in here.delete_stale_copies()] == ["a.bin"]

    assert [Path(name).name for name in files_below(tmp_path / "here")] == ["b.bin"]
    assert FileStore(str(tmp_path)).delete_stale_copies() == []


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"LastModified": datetime(2026, 1, 2, 3, tzinfo=UTC)}, datetime(2026, 1, 2, 3, tzinfo=UTC)),
        ({"last_modified": datetime(2026, 1, 2, 3)}, datetime(2026, 1, 2, 3, tzinfo=UTC)),
        ({"mtime": 86_400.0}, datetime(1970, 1, 2, tzinfo=UTC)),
        ({"updated": "2026-01-02T03:00:00Z", "created": None}, datetime(2026, 1, 2, 3, tzinfo=UTC)),
    ],
)
def test_each_file_system_tells_the_time_in_its_own_way(
    monkeypatch: pytest.MonkeyPatch, info: dict[str, object], expected: datetime
) -> None:
    store = FileStore("memory://times")
    monkeypatch.setattr(MemoryFileSystem, "info", lambda *_: {"name": "/times/a", "size": 1, **info})

    found = store.find("a")

    assert found is not None
    assert found.modified_at == expected
