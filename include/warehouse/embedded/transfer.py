"""PUT, GET, LIST and REMOVE: the client moves the bytes over HTTP, here are only names and signed URLs."""

import posixpath
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import pyarrow as pa

from include.warehouse.embedded import files
from include.warehouse.embedded.errors import compilation_error
from include.warehouse.embedded.files import FileState
from include.warehouse.embedded.stage_sql import GetFiles, ListFiles, Location, Option, PutFiles, RemoveFiles
from include.warehouse.embedded.stages import Stage, Stages, http_date
from include.warehouse.embedded.translation import Context
from include.warehouse.embedded.urls import DEFAULT_SECONDS, Signer, StagedFile

_PARALLEL: Final = 4
_WILDCARDS: Final = frozenset("*?[")


class Transfers:
    """Answers the statements about staged files."""

    def __init__(self, stages: Stages, signer: Signer) -> None:
        self._stages = stages
        self._signer = signer

    def put(self, statement: PutFiles, context: Context, base: str) -> dict[str, Any]:
        """Tell the client where to upload to.

        The client asks once for the whole statement, which may hold wildcards, and then once for each file with the
        name that it gives it in the stage; only that second answer's URL is used. Not so for one file that keeps its
        name: a client that holds a token takes the first URL.
        """
        stage = self._stages.get(context.stage_key(statement.location.stage))
        folder = files.checked_prefix(statement.location.path).removesuffix("/")
        name = posixpath.basename(statement.source)
        target = StagedFile(*stage.key, posixpath.join(folder, name))
        compresses = _flag(statement.options, "AUTO_COMPRESS", default=True)
        is_named = not compresses and not _WILDCARDS.intersection(statement.source)
        return {
            "command": "UPLOAD",
            "src_locations": [statement.source],
            "parallel": _PARALLEL,
            "autoCompress": compresses,
            "overwrite": _flag(statement.options, "OVERWRITE", default=False),
            "sourceCompression": str(statement.options.get("SOURCE_COMPRESSION", "auto_detect")).lower(),
            # of the storage services only Google's is written to by one plain PUT to a URL
            "stageInfo": {
                "locationType": "GCS",
                "location": f"{stage.key}/{folder}",
                # the token opens nothing: with a URL the connector never sends it
                "creds": {"GCS_ACCESS_TOKEN": "none"} if is_named else {},
                # where the connector would turn to without a URL: never to Google
                "endPoint": urlsplit(base).netloc,
                "presignedUrl": self._signer.url(base, target, method="PUT"),
            },
        }

    def get(self, statement: GetFiles, context: Context, base: str) -> dict[str, Any]:
        """Tell the client where to download from."""
        stage, found = self._find(statement.location, statement.pattern, context)
        paths = list(found)
        urls = [self._signer.url(base, StagedFile(*stage.key, path), seconds=DEFAULT_SECONDS) for path in paths]
        return {
            "command": "DOWNLOAD",
            "src_locations": paths,
            "presignedUrls": urls,
            "localLocation": statement.target,
            "parallel": _PARALLEL,
            "stageInfo": {
                "locationType": "GCS",
                "location": f"{stage.key}/",
                "creds": {},
                "endPoint": urlsplit(base).netloc,
            },
        }

    def list_files(self, statement: ListFiles, context: Context) -> pa.Table:
        """Return name, size, MD5 and time of the files."""
        stage, found = self._find(statement.location, statement.pattern, context)
        digests = self._stages.digests(stage, found)
        listed = [path for path in found if path in digests]
        return pa.table(
            {
                "name": pa.array([self.listed_name(stage, path) for path in listed], pa.string()),
                "size": pa.array([found[path].size for path in listed], pa.int64()),
                "md5": pa.array([digests[path] for path in listed], pa.string()),
                "last_modified": pa.array([http_date(found[path].modified_ns) for path in listed], pa.string()),
            }
        )

    def remove(self, statement: RemoveFiles, context: Context) -> pa.Table:
        """Remove the files, and return their names."""
        stage, found = self._find(statement.location, statement.pattern, context)
        files.remove_files(self._stages.folder(stage), found)
        return pa.table(
            {
                "name": pa.array([self.listed_name(stage, path) for path in found], pa.string()),
                "result": pa.array(["removed"] * len(found), pa.string()),
            }
        )

    @staticmethod
    def listed_name(stage: Stage, path: str) -> str:
        """Return a file's name as LIST and COPY show it."""
        return f"{stage.url.rstrip('/')}/{path}" if stage.url else f"{stage.key.name.lower()}/{path}"

    def _find(self, location: Location, pattern: str | None, context: Context) -> tuple[Stage, dict[str, FileState]]:
        stage = self._stages.get(context.stage_key(location.stage))
        found = self._stages.files(stage, location.path)
        if pattern is None:
            return stage, found
        matches = files.matcher(pattern)
        return stage, {path: state for path, state in found.items() if matches(self.listed_name(stage, path))}


def _flag(options: Mapping[str, Option], name: str, *, default: bool) -> bool:
    value = str(options.get(name, default)).upper()
    if value not in {"TRUE", "FALSE"}:
        raise compilation_error(f"invalid value [{value}] for parameter '{name}'", errno=1008, sqlstate="22023")
    return value == "TRUE"
