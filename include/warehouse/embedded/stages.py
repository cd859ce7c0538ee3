"""The stages, and their directory tables as of the last REFRESH.

Both lie in the global database: they survive a restart, and a transaction on a pipeline's tables may read them.
"""

import datetime
import logging
import shutil
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

import duckdb

from include.warehouse.embedded import files
from include.warehouse.embedded.databases import GLOBAL, Databases
from include.warehouse.embedded.directory_tables import DirectoryTables, KnownFile
from include.warehouse.embedded.errors import SnowflakeError, existing_object, missing_object, unsupported
from include.warehouse.embedded.files import FileState

log = logging.getLogger(__name__)

STAGES_TABLE: Final = f"{GLOBAL}._fs_information_schema._fs_stages"
"""fakesnow's table of stages, which SHOW STAGES reads."""

_INSERT_STAGE: Final = f"""
INSERT INTO {STAGES_TABLE} (
    created_on, name, database_name, schema_name, url, has_credentials, has_encryption_key, owner, comment, type,
    storage_integration, owner_role_type, directory_enabled
)
VALUES (now(), ?, ?, ?, ?, 'N', 'N', 'SYSADMIN', ?, ?, ?, 'ROLE', ?)
"""  # noqa: S608


class StageKey(NamedTuple):
    """A stage's full name."""

    database: str
    schema: str
    name: str

    def __str__(self) -> str:
        return ".".join(self)


class Stage(NamedTuple):
    """A stage: an external one has a URL, the files of an internal one lie below the server's root."""

    key: StageKey
    url: str
    directory_enabled: bool
    comment: str = ""
    storage_integration: str | None = None
    session: int | None = None
    """The session that a temporary stage ends with."""

    @property
    def temporary(self) -> bool:
        """Whether it ends with its session; then it is nowhere but in memory."""
        return self.session is not None


class Refreshed(NamedTuple):
    """What a REFRESH did to the directory table."""

    registered: list[str]
    updated: list[str]
    removed: list[str]


class Stages:
    """Keeps the stages and refreshes their directory tables."""

    def __init__(self, databases: Databases, root: Path) -> None:
        self._databases = databases
        self._internal = root / "stages"
        self._temporary = root / "tmp" / "stages"
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._lock = threading.RLock()
        self._refreshing: defaultdict[StageKey, threading.Lock] = defaultdict(threading.Lock)
        self.directories = DirectoryTables(databases)
        with databases.connection() as duck:
            rows = duck.execute(
                f"SELECT database_name, schema_name, name, url, directory_enabled = 'Y', comment, storage_integration "  # noqa: S608
                f"FROM {STAGES_TABLE}"
            ).fetchall()
        self._stages = {StageKey(*row[:3]): Stage(StageKey(*row[:3]), *row[3:]) for row in rows}

    def get(self, key: StageKey) -> Stage:
        """Return a stage.

        Raises:
            SnowflakeError: There is none with this name (002003).
        """
        try:
            return self._stages[key]
        except KeyError:
            raise missing_object("Stage", str(key)) from None

    def find(self, key: StageKey) -> Stage | None:
        """Return a stage, or None."""
        return self._stages.get(key)

    def all(self) -> list[Stage]:
        """Return all stages, sorted by name."""
        return [self._stages[key] for key in sorted(self._stages)]

    def folder(self, stage: Stage) -> Path:
        """Return where the stage's files lie."""
        if stage.url:
            return files.folder_of_url(stage.url)
        parent = self._temporary if stage.temporary else self._internal
        return parent.joinpath(*(_folder_name(part) for part in stage.key))

    def create(self, stage: Stage, *, replace: bool = False, if_not_exists: bool = False) -> bool:
        """Make a stage, and say whether it is new. A replaced stage starts empty, an internal one without files.

        Raises:
            SnowflakeError: It is there already (002002), its schema is not (002003), its URL is wrong, or it would be
                temporary in place of a permanent one.
        """
        with self._lock:
            existing = self.find(stage.key)
            if existing is not None and not replace:
                if if_not_exists:
                    return False
                raise existing_object(stage.key.name)
            if existing is not None and stage.temporary and not existing.temporary:
                # on Snowflake it would hide the permanent one until the session ends; here both have one name
                raise unsupported(f"a temporary stage in place of the permanent {stage.key}: take another name")
            if not self._databases.schema_exists(stage.key.database, stage.key.schema):
                raise missing_object("Schema", f"{stage.key.database}.{stage.key.schema}")
            folder = self.folder(stage)
            self.drop(stage.key, if_exists=True)
            if not stage.url:
                folder.mkdir(parents=True, exist_ok=True)
            with self._databases.connection() as duck:
                # a REFRESH of a dropped stage of this name may have ended after the drop
                self.directories.delete(duck, str(stage.key))
                if not stage.temporary:
                    _insert(duck, stage)
            self._stages[stage.key] = stage
            return True

    def refreshing(self, key: StageKey) -> threading.Lock:
        """Return the lock that a REFRESH of the stage holds."""
        return self._refreshing[key]

    def alter(self, stage: Stage) -> None:
        """Change a stage's URL or properties; its directory table stays as it is until the next REFRESH."""
        with self._lock:
            self.folder(stage)
            with self._databases.connection() as duck:
                duck.execute("BEGIN")
                if not stage.temporary:
                    _delete(duck, stage.key)
                    _insert(duck, stage)
                duck.execute("COMMIT")
            self._stages[stage.key] = stage

    def drop(self, key: StageKey, *, if_exists: bool = False) -> None:
        """Drop a stage, with the files of an internal one.

        Raises:
            SnowflakeError: There is none (002003).
        """
        with self._lock:
            stage = self.find(key) if if_exists else self.get(key)
            if stage is None:
                return
            with self._databases.connection() as duck:
                _delete(duck, key)
                self.directories.drop(duck, str(key))
            del self._stages[key]
            if not stage.url:
                paths = (
                    [path for path, _ in files.find_files(self.folder(stage))] if self.folder(stage).is_dir() else []
                )
                files.remove_files(self.folder(stage), paths)

    def drop_all(self, database: str, schema: str | None = None) -> None:
        """Drop the stages of a database, or of one schema of it."""
        for stage in self.all():
            if stage.key.database == database and schema in {None, stage.key.schema}:
                self.drop(stage.key)

    def drop_temporary(self, session: int) -> None:
        """Drop the temporary stages of a session."""
        with self._lock:
            for stage in self.all():
                if stage.session == session:
                    self.drop(stage.key)

    def files(self, stage: Stage, prefix: str = "") -> dict[str, FileState]:
        """Return the stage's files whose path starts with the prefix.

        Raises:
            SnowflakeError: The folder of the stage is not there, or the prefix leaves it.
        """
        files.checked_prefix(prefix)
        folder = self.folder(stage)
        try:
            return dict(sorted(files.find_files(folder, prefix)))
        except (FileNotFoundError, NotADirectoryError):
            if not stage.url:
                return {}
            raise SnowflakeError(
                f"Failure using stage area. The folder {folder} of stage {stage.key} does not exist. "
                "Make it, mount it, or give the stage another URL.",
                errno=91016,
                sqlstate="22000",
            ) from None

    def refresh(self, stage: Stage, subpath: str = "") -> Refreshed:
        """Bring the directory table up to date; only new and changed files are read.

        Raises:
            SnowflakeError: The stage has no directory table, or its folder is not there.
        """
        if not stage.directory_enabled:
            text = f"Stage {stage.key} has no directory table: set DIRECTORY = (ENABLE = TRUE)."
            raise SnowflakeError(text, errno=2003, sqlstate="02000")
        prefix = f"{subpath.strip('/')}/" if subpath.strip("/") else ""
        started = time.monotonic()
        with self.refreshing(stage.key), self._databases.connection() as duck:
            found = self.files(stage, prefix)
            known = self.directories.known(duck, str(stage.key), prefix)
            changed = [path for path, state in found.items() if path not in known or known[path].state != state]
            digests = files.md5_of(self.folder(stage), changed)
            gone = [path for path in known if path not in found]
            if changed or gone:
                new = {path: KnownFile(found[path], md5) for path, md5 in digests.items()}
                self.directories.replace(duck, str(stage.key), [*changed, *gone], new)
        log.info(
            "refreshed %s: %d files, %d read, %d gone, %.2f s",
            stage.key,
            len(found),
            len(changed),
            len(gone),
            time.monotonic() - started,
        )
        return Refreshed(
            registered=[path for path in changed if path not in known],
            updated=[path for path in changed if path in known],
            removed=gone,
        )

    def digests(self, stage: Stage, found: dict[str, FileState]) -> dict[str, str]:
        """Return the MD5 of these files of a stage, from the directory table where the file has not changed since."""
        with self._databases.connection() as duck:
            known = self.directories.known(duck, str(stage.key), "")
        digests = {
            path: known[path].md5 for path, state in found.items() if path in known and known[path].state == state
        }
        return digests | files.md5_of(self.folder(stage), [path for path in found if path not in digests])


def http_date(modified_ns: int) -> str:
    """Return a time as LIST shows it: `Fri, 13 Nov 2026 10:00:00 GMT`."""
    at = datetime.datetime.fromtimestamp(modified_ns // 1_000_000_000, datetime.UTC)
    return at.strftime("%a, %d %b %Y %H:%M:%S GMT")


def _insert(duck: duckdb.DuckDBPyConnection, stage: Stage) -> None:
    kind = "EXTERNAL" if stage.url else "INTERNAL"
    database, schema, name = stage.key
    enabled = "Y" if stage.directory_enabled else "N"
    values = [name, database, schema, stage.url, stage.comment, kind, stage.storage_integration, enabled]
    duck.execute(_INSERT_STAGE, values)


def _delete(duck: duckdb.DuckDBPyConnection, key: StageKey) -> None:
    sql = f"DELETE FROM {STAGES_TABLE} WHERE database_name = ? AND schema_name = ? AND name = ?"  # noqa: S608
    duck.execute(sql, list(key))


def _folder_name(name: str) -> str:
    """Return a folder name for an identifier, which may hold anything: one level, and never `.` or `..`."""
    return quote(name, safe="").replace(".", "%2E")
