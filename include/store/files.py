"""The file store: one folder, here or anywhere that fsspec reaches, whose files are whole or not there."""

import hashlib
import os
import re
import stat
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import fsspec

from include.errors import StoreError

_RELATIVE_NAME = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "created")
"""What the file systems of fsspec call the time of a file's last change: S3, Azure, local and GCS, GCS, memory."""


class StoredFile(NamedTuple):
    """A file, as a listing tells it."""

    name: str
    """Below the store's root."""
    n_bytes: int
    modified_at: datetime
    """UTC; now, if the file system does not tell."""

    @property
    def is_temporary(self) -> bool:
        """Whether nobody can see it but who writes it, or was killed while writing it."""
        base = self.name.rpartition("/")[2]
        return base.startswith(".") and base.endswith(".tmp")


def sha256_of_bytes(content: bytes) -> str:
    """Return the SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class FileStore:
    """Files below one root, which are named by what is in them and therefore do not change.

    A file is written under a temporary name and then renamed, so that nobody ever sees half of one. On S3, GCS and
    Azure, an upload is whole or not there by itself.

    Args:
        url: A path, a file:// URL or any other fsspec URL.
        cache: Where files of a remote store are kept that something wants as a local file.
    """

    def __init__(self, url: str, *, cache: Path | None = None) -> None:
        self.url = url
        self._root: Path | None = None
        if "://" not in url or url.startswith("file://"):
            self._root = Path(url.removeprefix("file://")).absolute()
        else:
            self._remote: Any
            self._remote, self._remote_root = fsspec.core.url_to_fs(url)
            self._cache = (cache or user_cache()) / sha256_of_bytes(url.encode())[:16]

    def exists(self, relative: str) -> bool:
        """Whether there is such a file."""
        _check_name(relative)
        if self._root is not None:
            return (self._root / relative).is_file()
        return bool(self._remote.isfile(self._remote_name(relative)))

    def read(self, relative: str) -> bytes:
        """Return the content of a file.

        Raises:
            StoreError: There is no such file, or it cannot be read.
        """
        _check_name(relative)
        with _explained("read", relative, self.url):
            if self._root is not None:
                return (self._root / relative).read_bytes()
            content: bytes = self._remote.cat_file(self._remote_name(relative))
            return content

    def read_part(self, relative: str, start: int, n_bytes: int) -> bytes:
        """Return some bytes of a file, and of a remote one fetch no others; fewer, where it ends before.

        Raises:
            StoreError: There is no such file, or it cannot be read.
        """
        _check_name(relative)
        with _explained("read", relative, self.url):
            if self._root is not None:
                with (self._root / relative).open("rb") as file:
                    file.seek(start)
                    return file.read(n_bytes)
            content: bytes = self._remote.cat_file(self._remote_name(relative), start=start, end=start + n_bytes)
            return content

    def write(self, relative: str, content: bytes) -> None:
        """Write a file, or replace it, at once.

        Raises:
            StoreError: It cannot be written; what was there before is still there.
        """
        with self.new_file(relative) as path:
            path.write_bytes(content)

    @contextmanager
    def new_file(self, relative: str) -> Iterator[Path]:
        """Give a local path to write to, for writers that need one; the file gets its name when the block ends well.

        Raises:
            StoreError: The name is not allowed, or the file cannot be written (an OSError of the block, too); what
                was there before is still there.
        """
        _check_name(relative)
        with _explained("written", relative, self.url):
            if self._root is not None:
                with _published(self._root / relative) as path:
                    yield path
            else:
                with tempfile.TemporaryDirectory(prefix="driftgate-") as folder:
                    path = Path(folder) / "new"
                    yield path
                    # Not put_file: where that fails midway, what was sent so far can get the final name.
                    self._remote.pipe_file(self._remote_name(relative), path.read_bytes())
                (self._cache / relative).unlink(missing_ok=True)

    def local_path(self, relative: str) -> Path:
        """Return a local path with the content of a file: the file itself, or a copy that is downloaded once.

        Raises:
            StoreError: There is no such file, or it cannot be downloaded.
        """
        _check_name(relative)
        path = (self._root or self._cache) / relative
        if path.is_file():
            return path
        if self._root is not None:
            raise StoreError(f"{relative} cannot be read in the store {self.url}: No such file or directory")
        with _explained("downloaded", relative, self.url), _published(path) as temporary:
            self._remote.get_file(self._remote_name(relative), str(temporary))
        return path

    def delete(self, relative: str) -> None:
        """Delete a file, and the copy of it here; it is no error if there is none.

        Raises:
            StoreError: It cannot be deleted.
        """
        _check_name(relative)
        with _explained("deleted", relative, self.url):
            ((self._root or self._cache) / relative).unlink(missing_ok=True)
            if self._root is None and self.exists(relative):
                self._remote.rm_file(self._remote_name(relative))

    def list_files(self, folder: str | None = None) -> list[StoredFile]:
        """Return the files below a folder (by default below the root), sorted, those that are being written too.

        Files whose names the store would not give are not listed: they are not ours.

        Raises:
            StoreError: The folder is there and cannot be listed.
        """
        if folder is not None:
            _check_name(folder)
        with _explained("listed", folder or "the root", self.url):
            if self._root is not None:
                return _listed(self._root, below=folder or "")
            top = self._remote_name(folder) if folder else self._remote_root
            self._remote.invalidate_cache()
            found: Mapping[str, Mapping[str, Any]] = self._remote.find(top, detail=True)
        start = len(self._remote_root.rstrip("/")) + 1
        files = (StoredFile(path[start:], int(info["size"] or 0), _modified(info)) for path, info in found.items())
        return sorted(file for file in files if _is_name(file.name))

    def find(self, relative: str) -> StoredFile | None:
        """Return a file as it is now; None: there is none.

        Raises:
            StoreError: It cannot be looked at.
        """
        _check_name(relative)
        with _explained("looked at", relative, self.url):
            try:
                if self._root is not None:
                    return _stored(self._root / relative, relative)
                info: Mapping[str, Any] = self._remote.info(self._remote_name(relative))
            except FileNotFoundError:
                return None
        return StoredFile(relative, int(info["size"] or 0), _modified(info))

    def delete_stale_copies(self) -> list[StoredFile]:
        """Delete the copies on this machine of files that a remote store no longer holds, and return them.

        Other machines keep their copies until this is called there.

        Raises:
            StoreError: The store cannot be listed, or a copy cannot be deleted.
        """
        if self._root is not None:
            return []
        copies = _listed(self._cache)
        held = {file.name for file in self.list_files()} if copies else set()
        # One that is being downloaded has no name yet that the store could know.
        stale = [copy for copy in copies if copy.name not in held and not copy.is_temporary]
        with _explained("deleted", "a copy", self.url):
            for copy in stale:
                (self._cache / copy.name).unlink(missing_ok=True)
        return stale

    def _remote_name(self, relative: str) -> str:
        return f"{self._remote_root.rstrip('/')}/{relative}"


def _check_name(relative: str) -> None:
    """Refuse a name that could leave the store or that some file system does not take."""
    if not _is_name(relative):
        raise StoreError(f"{relative!r} is no name for a file of the store: use A-Z a-z 0-9 . _ - and / between them")


def _is_name(relative: str) -> bool:
    return bool(_RELATIVE_NAME.fullmatch(relative)) and {".", ".."}.isdisjoint(relative.split("/"))


def _listed(root: Path, *, below: str = "") -> list[StoredFile]:
    """Return the files below a folder; one that vanishes meanwhile is left out."""
    found = []
    for path in (root / below).rglob("*"):
        name = path.relative_to(root).as_posix()
        if _is_name(name):
            try:
                file = _stored(path, name)
            except FileNotFoundError:
                continue
            if file is not None:
                found.append(file)
    return sorted(found)


def _stored(path: Path, name: str) -> StoredFile | None:
    """Return a local file; None: it is none, or a link to one somewhere else."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode):
        return None
    return StoredFile(name, found.st_size, datetime.fromtimestamp(found.st_mtime, UTC))


def _modified(info: Mapping[str, Any]) -> datetime:
    """Return when a remote file was changed, as its file system tells it."""
    value = next((info[key] for key in _TIMES if info.get(key) is not None), None)
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else datetime.now(UTC)


@contextmanager
def _published(path: Path) -> Iterator[Path]:
    """Give a temporary name beside a path; when the block ends well, sync the file and rename it, else remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    # The new name itself is safe only when the folder is.
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(action: str, relative: str, url: str) -> Iterator[None]:
    """Turn an OSError into a StoreError that names the file and the store."""
    try:
        yield
    except OSError as error:
        raise StoreError(f"{relative} cannot be {action} in the store {url}: {error.strerror or error}") from error


def user_cache() -> Path:
    """Return the folder for what this user's processes keep on this machine."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "driftgate"
