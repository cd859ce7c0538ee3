"""The file store: one folder, here or anywhere that fsspec reaches, whose files are whole or not there."""

import hashlib
import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec

from include.errors import StoreError

_RELATIVE_NAME = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")


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
            self._cache = (cache or _user_cache()) / sha256_of_bytes(url.encode())[:16]

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

    def _remote_name(self, relative: str) -> str:
        return f"{self._remote_root.rstrip('/')}/{relative}"


def _check_name(relative: str) -> None:
    """Refuse a name that could leave the store or that some file system does not take."""
    if not _RELATIVE_NAME.fullmatch(relative) or not {".", ".."}.isdisjoint(relative.split("/")):
        raise StoreError(f"{relative!r} is no name for a file of the store: use A-Z a-z 0-9 . _ - and / between them")


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


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "driftgate"
