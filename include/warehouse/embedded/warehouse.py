"""Everything of the embedded warehouse but HTTP, put together over one folder."""

import json
import threading
from pathlib import Path
from typing import Final, Literal

import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from include.warehouse.embedded.account import Account
from include.warehouse.embedded.account_statements import AccountStatements
from include.warehouse.embedded.changes import Changes
from include.warehouse.embedded.databases import Databases
from include.warehouse.embedded.ddl import Ddl
from include.warehouse.embedded.execution import Executor
from include.warehouse.embedded.files import checked_path
from include.warehouse.embedded.sessions import IDLE_TRANSACTION_S, Sessions
from include.warehouse.embedded.stage_statements import StageStatements
from include.warehouse.embedded.stages import StageKey, Stages
from include.warehouse.embedded.stream_statements import StreamStatements
from include.warehouse.embedded.streams import Streams
from include.warehouse.embedded.transfer import Transfers
from include.warehouse.embedded.translation import PRESIGNED_URL_FUNCTION
from include.warehouse.embedded.urls import MAX_SECONDS, Signer, StagedFile


class Warehouse:
    """The warehouse below one root: databases/, stages/, and the secret that URLs are signed with."""

    def __init__(
        self,
        root: Path,
        *,
        user: str,
        password: str,
        urls: Literal["signed", "file"] = "signed",
        idle_transaction_s: float = IDLE_TRANSACTION_S,
    ) -> None:
        """Open it.

        Raises:
            RootInUseError: Another server has this root open.
        """
        root = root.resolve()
        root.mkdir(parents=True, exist_ok=True)
        self.databases = Databases(root)
        self.signer = Signer.from_file(root / "url_secret")
        self.stages = Stages(self.databases, root)
        self.memory = Account(self.databases)
        self.account = AccountStatements(self.memory, self.databases, self.stages)
        self.sessions = Sessions(
            self.databases, self.stages, user=user, password=password, idle_transaction_s=idle_transaction_s
        )
        self.transfers = Transfers(self.stages, self.signer)
        self.streams = Streams(self.databases, self.stages)
        self.executor = Executor(
            self.databases,
            self.sessions,
            stages=StageStatements(self.stages, self.transfers, self.memory),
            account=self.account,
            streams=StreamStatements(self.streams, self.memory),
            ddl=Ddl(self.databases, self.stages, self.streams, self.memory),
            changes=Changes(self.stages, self.streams),
        )
        self._urls = urls
        self._closed = False
        self._lock = threading.Lock()
        text: Final = "VARCHAR"
        self.databases.duck.create_function(
            PRESIGNED_URL_FUNCTION,
            self._presigned_urls,
            [text, text, text, "BIGINT"],
            text,
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
            side_effects=True,
        )

    def close(self) -> None:
        """Roll back what is open, and write everything to the database files. Once is enough."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self.sessions.close_all()
        self.databases.close()

    def _presigned_urls(
        self, base: pa.ChunkedArray, stage: pa.ChunkedArray, path: pa.ChunkedArray, seconds: pa.ChunkedArray
    ) -> pa.Array:
        """Return a URL for each row: what the translation makes of GET_PRESIGNED_URL.

        Args:
            base: The address that the session's client reached us by.
            stage: The stage's full name, as a JSON list.
            path: The path of a file, which need not exist.
            seconds: How long the URL is to be valid.
        """
        keys = {name: StageKey(*json.loads(name)) for name in stage.unique().to_pylist()}
        columns = (column.to_pylist() for column in (base, stage, path, seconds))
        urls = [
            None if path is None or seconds is None else self._presigned_url(base, keys[name], path, seconds)
            for base, name, path, seconds in zip(*columns, strict=True)
        ]
        return pa.array(urls, pa.string())

    def _presigned_url(self, base: str, key: StageKey, path: str, seconds: int) -> str:
        if self._urls == "file":
            return (self.stages.folder(self.stages.get(key)) / checked_path(path)).as_uri()
        return self.signer.url(base, StagedFile(*key, path), seconds=min(max(seconds, 1), MAX_SECONDS))
