"""The files of a stage: finding them, naming them, and never leaving the stage's folder."""

import fcntl
import hashlib
import io
import logging
import os
import re
import secrets
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

from include.warehouse.embedded.errors import SnowflakeError, syntax_error, unsupported

log = logging.getLogger(__name__)

UPLOAD_PREFIX: Final = ".upload-"
"""How the name of a file starts while it arrives; such a file is in no listing."""

_HASHING_THREADS: Final = 4
_HASHED_AT_ONCE: Final = 128
_PIECE: Final = 2**20


class FileState(NamedTuple):
    """What tells a changed file from an unchanged one, without reading it."""

    size: int
    modified_ns: int


def folder_of_url(url: str) -> Path:
    """Return the folder that a stage's URL names.

    Raises:
        SnowflakeError: The URL is not of the form file:///absolute/path.
    """
    parts = urlsplit(url)
    if parts.scheme != "file":
        raise unsupported(f"a stage at '{url}': only file:// URLs work here")
    # Snowflake takes a URL as it is; a path with a % that starts no escape stays as written
    path = Path(unquote(url.removeprefix("file://").removeprefix("localhost")))
    if not path.is_absolute() or "\0" in str(path):
        raise syntax_error(f"the URL '{url}' of a stage needs an absolute path: file:///…")
    return path


def checked_path(path: str) -> str:
    """Return the path of a staged file if it can only lie below its folder.

    Raises:
        SnowflakeError: It is absolute, empty, or has a part like `..`.
    """
    parts = path.split("/")
    if "\0" in path or any(part in {"", ".", ".."} for part in parts):
        raise _escape(path)
    return path


def checked_prefix(prefix: str) -> str:
    """Return the path of a stage location, which may be empty or end in a slash, if it stays below its folder.

    Raises:
        SnowflakeError: It is absolute, or has a part like `..`.
    """
    trimmed = prefix.removesuffix("/")
    if trimmed:
        checked_path(trimmed)
    return prefix


def matcher(pattern: str) -> Callable[[str], object]:
    """Return the test of PATTERN: whether all of a name matches the regular expression.

    Raises:
        SnowflakeError: It is no regular expression (100048).
    """
    try:
        return re.compile(pattern).fullmatch
    except (re.error, OverflowError, RecursionError) as error:
        text = f"Invalid regular expression: '{pattern}', {error}"
        raise SnowflakeError(text, errno=100048, sqlstate="2201B") from error


class OpenFile(NamedTuple):
    """A staged file, open for reading."""

    descriptor: int
    path: str
    """Where it lies, after all symlinks."""
    size: int


def open_file(folder: Path, path: str) -> OpenFile | None:
    """Open an existing staged file, or return None: no such file, or not below the folder after all symlinks.

    What counts is where the open file lies, so nobody can put a link in the place of what has been checked.
    """
    try:
        checked_path(path)
        root = _place(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), close=True)
        # a pipe would let its opener wait for a writer
        descriptor = os.open(f"{root}/{path}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, SnowflakeError, ValueError):
        return None
    status = os.fstat(descriptor)
    place = _place(descriptor, close=False)
    if stat.S_ISREG(status.st_mode) and place.startswith(root.rstrip("/") + "/"):
        return OpenFile(descriptor, place, status.st_size)
    os.close(descriptor)
    return None


def _place(descriptor: int, *, close: bool) -> str:
    """Return where an open file or folder lies, after all symlinks."""
    try:
        if sys.platform == "darwin":
            return os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
        return os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - twice for each file that is served
    finally:
        if close:
            os.close(descriptor)


def find_files(folder: Path, prefix: str = "") -> Iterator[tuple[str, FileState]]:
    """Yield each regular file whose path starts with the prefix, with its state, in no order.

    Symbolic links are not followed, those that the prefix names neither, so nothing outside the folder is ever listed.

    Raises:
        FileNotFoundError: The folder is not there.
    """
    start = prefix.rpartition("/")[0]
    root = os.fspath(folder)
    if start and folder.is_dir() and not _is_without_links(folder, start):
        return
    pending = [f"{start}/" if start else ""]
    first = True
    while pending:
        parent = pending.pop()
        try:
            entries = os.scandir(f"{root}/{parent}")
        except FileNotFoundError:
            if first and start and folder.is_dir():
                return
            if first:
                raise
            continue  # removed while we walk
        first = False
        with entries:
            for entry in entries:
                path = parent + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if path.startswith(prefix) or prefix.startswith(f"{path}/"):
                        pending.append(f"{path}/")
                elif path.startswith(prefix) and (state := _state(entry)):
                    yield path, state


def _is_without_links(folder: Path, path: str) -> bool:
    """Say whether a path leads below the folder without a symbolic link on the way."""
    try:
        return (folder / path).resolve() == folder.resolve() / path
    except (OSError, RuntimeError):  # links in a circle
        return False


def _state(entry: os.DirEntry[str]) -> FileState | None:
    """Return the state of what is listed: a regular file, complete, whose name is text."""
    if entry.name.startswith(UPLOAD_PREFIX) or not entry.is_file(follow_symlinks=False):
        return None
    try:
        entry.name.encode()
        status = entry.stat(follow_symlinks=False)
    except UnicodeEncodeError:
        log.warning("a staged file is left out: its name is not UTF-8: %r", entry.name)
        return None
    except FileNotFoundError:
        return None  # removed while we walk
    return FileState(status.st_size, status.st_mtime_ns)


def md5_of(folder: Path, paths: Iterable[str]) -> dict[str, str]:
    """Return the MD5 of each file's content, as hexadecimal digits; a file that has gone meanwhile is left out."""
    paths = list(paths)
    # in batches: most files are small, and handing one over to a thread takes longer than reading it
    batches = [paths[start : start + _HASHED_AT_ONCE] for start in range(0, len(paths), _HASHED_AT_ONCE)]
    with ThreadPoolExecutor(_HASHING_THREADS, thread_name_prefix="md5") as pool:
        digests = [digest for batch in pool.map(lambda batch: _md5s(folder, batch), batches) for digest in batch]
    return {path: digest for path, digest in zip(paths, digests, strict=True) if digest}


def _md5s(folder: Path, paths: list[str]) -> list[str | None]:
    root = os.fspath(folder)
    return [_md5(f"{root}/{path}") for path in paths]


def _md5(file: str) -> str | None:
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with io.FileIO(file) as content:
            while piece := content.read(_PIECE):
                digest.update(piece)
    except FileNotFoundError:
        return None
    return digest.hexdigest()


class Upload:
    """A file that arrives: invisible until it is complete, then there at once, and after a crash never half."""

    def __init__(self, folder: Path, path: str) -> None:
        """Open it.

        Raises:
            SnowflakeError: The path leaves the folder.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._target = folder / checked_path(path)
        if not self._target.parent.resolve().is_relative_to(folder.resolve()):
            raise _escape(path)
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._partial = self._target.with_name(f"{UPLOAD_PREFIX}{secrets.token_hex(8)}")
        self._file = self._partial.open("xb")

    def write(self, chunk: bytes) -> None:
        """Add a chunk."""
        self._file.write(chunk)

    def finish(self) -> None:
        """Make it durable and visible."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._partial.replace(self._target)
        # the name is durable only when its folder is, and a folder that was made for it when that one's is
        for parent in self._target.parents:
            _sync_folder(parent)
            if parent == self._folder:
                break

    def discard(self) -> None:
        """Drop what has arrived."""
        self._file.close()
        self._partial.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_files(folder: Path, paths: Iterable[str]) -> None:
    """Remove files, and the folders that are empty then; what is gone already is no error.

    A file stays if a folder on its path is a symbolic link: it may lie outside, and is in no listing.
    """
    for path in paths:
        file = folder / checked_path(path)
        if not _is_without_links(folder, path.rpartition("/")[0]):
            log.warning("a file is not removed: there is a symbolic link on the way to %s", file)
            continue
        file.unlink(missing_ok=True)
        for parent in file.parents:
            if parent == folder or not _remove_if_empty(parent):
                break


def _remove_if_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _escape(path: str) -> SnowflakeError:
    return syntax_error(
        f"the path {path!r} is not allowed: it must stay inside its stage, without empty, . or .. parts"
    )
