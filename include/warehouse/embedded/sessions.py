"""Sessions: who is logged in, what each has open, and who has to give way."""

import hmac
import itertools
import logging
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import duckdb
from fakesnow.transforms.stage import TableStages

from include.warehouse.embedded.databases import Databases, quoted
from include.warehouse.embedded.errors import SnowflakeError
from include.warehouse.embedded.functions import Functions
from include.warehouse.embedded.locks import Locks
from include.warehouse.embedded.results import Results
from include.warehouse.embedded.stages import StageKey, Stages
from include.warehouse.embedded.translation import BASE_VARIABLE, Context, Translator

log = logging.getLogger(__name__)

IDLE_TRANSACTION_S: Final = 60.0
"""How long a transaction may hold its locks without a statement while another waits for them."""

IDLE_SESSION_S: Final = 4 * 3600.0
"""How long a session lives without a request, as on Snowflake."""

DEFAULT_ROLE: Final = "ACCOUNTADMIN"
"""The role of a session that has chosen none."""


class StreamRead(NamedTuple):
    """How far a statement reads a stream: what changed after one version, up to another."""

    stream: StageKey
    """The stream's full name."""
    after: int
    up_to: int


@dataclass
class Transaction:
    """An open transaction."""

    begun: bool = False
    """Whether DuckDB's transaction has begun: it does with the first change."""
    aborted: str | None = None
    """Why nothing but ROLLBACK is possible."""
    snapshot_at: int | None = None
    """When DuckDB's transaction began to read, in the time of the locks."""
    versions: Mapping[str, int] = field(default_factory=dict)
    """The versions of directory tables when it was begun: streams show nothing newer, however long it takes."""
    stream_reads: dict[StageKey, StreamRead] = field(default_factory=dict)
    """How far it reads each stream: always the same, also after it has consumed it."""
    consumed: set[StageKey] = field(default_factory=set)
    """The streams that a change of it has read."""


class Session:
    """One client's session: a DuckDB connection, a transaction, and what it last asked."""

    def __init__(
        self,
        number: int,
        *,
        databases: Databases,
        stages: Stages,
        functions: Functions,
        locks: "Locks[Session]",
        base: str,
    ) -> None:
        self.id = number
        self.locks = locks
        self.token = secrets.token_urlsafe(32)
        self.master_token = secrets.token_urlsafe(32)
        self.base = base
        self.duck = databases.connection()
        self.duck.execute(f"SET VARIABLE {BASE_VARIABLE} = ?", [base])
        self.context = Context(TableStages(self.duck))
        self.translator = Translator(self.duck, self.context, stages, functions)
        self.lock = threading.RLock()
        """Held while a statement runs: a session runs one at a time."""
        self.autocommit = True
        self.lock_timeout: float | None = None
        self.user = ""
        self.role = DEFAULT_ROLE
        self.compute: str | None = None
        """The current virtual warehouse."""
        self.query_tag = ""
        self.transaction: Transaction | None = None
        self.results = Results()
        self.last_used = time.monotonic()
        self.running = False

    def use(self, database: str | None, schema: str | None) -> None:
        """Make a database and a schema, which exist, the current ones."""
        if database is not None:
            path = f"{quoted(database)}.{quoted(schema or 'main')}"
            self.duck.execute(f"SET schema = '{path.replace(chr(39), chr(39) * 2)}'")
        else:
            self.duck.execute("SET schema = 'memory.main'")
        self.context.use(database, schema)

    @property
    def idle_s(self) -> float:
        """Seconds since the last statement ended; none while one runs."""
        return 0.0 if self.running else time.monotonic() - self.last_used

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Hold the session for one statement."""
        with self.lock:
            self.running = True
            try:
                yield
            finally:
                self.last_used = time.monotonic()
                self.running = False

    def begin(self) -> None:
        """Begin DuckDB's transaction."""
        now = self.locks.now
        self.duck.execute("BEGIN")
        if self.transaction:
            self.transaction.begun, self.transaction.snapshot_at = True, now

    def commit(self) -> None:
        """Commit DuckDB's transaction, and give the locks back.

        Raises:
            duckdb.Error: It conflicts with another, or was aborted; nothing of it is written.
        """
        committed = False
        try:
            # DuckDB answers the COMMIT of an aborted transaction with success, but no query in it
            self.duck.execute("SELECT 1").fetchall()
            self.duck.execute("COMMIT")
            committed = True
        finally:
            if committed:
                self._end(committed=True)
            else:
                self.roll_back()

    def roll_back(self) -> None:
        """End the transaction without a trace."""
        try:
            self.duck.execute("ROLLBACK")
        except duckdb.TransactionException as error:
            # there is none, or DuckDB has ended it by itself
            log.debug("session %d: %s", self.id, error)
        self._end(committed=False)

    def _end(self, *, committed: bool) -> None:
        self.transaction = None
        self.locks.release(self, committed=committed)

    def close(self) -> None:
        """Roll back and let go of the connection."""
        self.duck.interrupt()
        with self.lock:
            self.roll_back()
            self.duck.close()


class Sessions:
    """All sessions of the server."""

    def __init__(
        self,
        databases: Databases,
        stages: Stages,
        functions: Functions,
        *,
        user: str,
        password: str,
        idle_transaction_s: float = IDLE_TRANSACTION_S,
    ) -> None:
        self._databases = databases
        self._stages = stages
        self._functions = functions
        self._user = user
        self._password = password
        self._idle_transaction_s = idle_transaction_s
        self._sessions: dict[str, Session] = {}
        self._locks: Locks[Session] = Locks()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._sessions)

    def login(self, *, user: str, password: str, base: str, database: str | None, schema: str | None) -> Session:
        """Open a session. A database or schema that is not there is made, so that a first connection can set it up.

        Raises:
            SnowflakeError: Wrong user or password (390100).
        """
        known = hmac.compare_digest(user.upper().encode(), self._user.upper().encode())
        if not (hmac.compare_digest(password.encode(), self._password.encode()) and known):
            log.warning("a login was refused")
            raise SnowflakeError("Incorrect username or password was specified.", errno=390100, sqlstate="08001")
        self._evict()
        if database:
            self._databases.create(database, if_not_exists=True)
            schema = schema or "PUBLIC"
            if schema != "INFORMATION_SCHEMA":
                self._databases.create_schema(database, schema)
        session = Session(
            next(self._numbers),
            databases=self._databases,
            stages=self._stages,
            functions=self._functions,
            locks=self._locks,
            base=base,
        )
        session.use(database, "_FS_INFORMATION_SCHEMA" if schema == "INFORMATION_SCHEMA" else schema)
        session.user = self._user.upper()
        with self._lock:
            self._sessions[session.token] = session
        return session

    def get(self, token: str) -> Session:
        """Return a session.

        Raises:
            SnowflakeError: There is none: it was closed, was idle for hours, or the server was restarted (390104).
        """
        session = self._sessions.get(token)
        if session is None:
            raise SnowflakeError("User must login again to access the service.", errno=390104, sqlstate="08001")
        session.last_used = time.monotonic()
        return session

    def renew(self, master_token: str) -> Session:
        """Give a session a new token in place of one that has expired; what it has open stays open.

        Raises:
            SnowflakeError: There is no session with this master token (390113).
        """
        with self._lock:
            for session in self._sessions.values():
                if hmac.compare_digest(session.master_token.encode(), master_token.encode()):
                    del self._sessions[session.token]
                    session.token = secrets.token_urlsafe(32)
                    self._sessions[session.token] = session
                    return session
        raise SnowflakeError("Master token not found. User must login again.", errno=390113, sqlstate="08001")

    def close(self, token: str) -> None:
        """End a session; its open transaction is rolled back."""
        with self._lock:
            session = self._sessions.pop(token, None)
        if session:
            session.close()
            self._stages.drop_temporary(session.id)

    def close_all(self) -> None:
        """End every session."""
        for token in list(self._sessions):
            self.close(token)

    def make_way(self, blocked: Session, table: str) -> bool:
        """Roll back the transaction that holds this table if it has been idle for too long, and say if it was."""
        session = self._locks.holder(table)
        if session is None or session is blocked or not self._is_in_the_way(session, table):
            return False
        if not session.lock.acquire(blocking=False):
            return False
        try:
            # a statement may have run since we looked; none can now
            if not self._is_in_the_way(session, table):
                return False
            session.roll_back()
            reason = f"it was idle for more than {self._idle_transaction_s:g} s while another waited for its locks"
            session.transaction = Transaction(aborted=reason)
        finally:
            session.lock.release()
        log.warning("session %d was rolled back: it was idle while session %d waited", session.id, blocked.id)
        return True

    def _is_in_the_way(self, session: Session, table: str) -> bool:
        return self._locks.holder(table) is session and session.idle_s >= self._idle_transaction_s

    def _evict(self) -> None:
        for token, session in list(self._sessions.items()):
            if session.idle_s > IDLE_SESSION_S:
                log.info("session %d is closed: idle for %.0f s", session.id, session.idle_s)
                self.close(token)
