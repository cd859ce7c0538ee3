"""CREATE STREAM … ON STAGE, DROP STREAM and SHOW STREAMS, which sqlglot leaves unparsed."""

import datetime
import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pyarrow as pa

from include.warehouse.embedded.account import Account
from include.warehouse.embedded.errors import syntax_error, unsupported
from include.warehouse.embedded.session_statements import commit
from include.warehouse.embedded.sessions import Session
from include.warehouse.embedded.stage_sql import IDENTIFIER, stage_name, unquoted
from include.warehouse.embedded.stages import StageKey
from include.warehouse.embedded.streams import Stream, Streams

_NAME: Final = rf"(?:{IDENTIFIER.pattern})(?:\.(?:{IDENTIFIER.pattern})){{0,2}}"
_TEXT: Final = r"'(?:[^']|'')*'"

_ABOUT_STREAMS: Final = re.compile(r"\s*(?:(?:CREATE\s+(?:OR\s+REPLACE\s+)?|DROP\s+)STREAM|SHOW\s+STREAMS)\b", re.I)
_CREATE: Final = re.compile(
    rf"""CREATE\s+(?P<replace>OR\s+REPLACE\s+)?STREAM\s+(?P<keep>IF\s+NOT\s+EXISTS\s+)?(?P<name>{_NAME})
    (?P<copy>\s+COPY\s+GRANTS)?\s+ON\s+(?P<kind>STAGE|(?:EXTERNAL\s+|DYNAMIC\s+)?TABLE|VIEW)\s+(?P<source>{_NAME})
    (?:\s+COMMENT\s*=\s*(?P<comment>{_TEXT}))?""",
    re.VERBOSE | re.IGNORECASE,
)
_DROP: Final = re.compile(rf"DROP\s+STREAM\s+(?P<lenient>IF\s+EXISTS\s+)?(?P<name>{_NAME})", re.IGNORECASE)
_SHOW: Final = re.compile(
    rf"""SHOW\s+STREAMS(?:\s+LIKE\s+(?P<like>{_TEXT}))?
    (?:\s+IN\s+(?:(?P<account>ACCOUNT)|(?:(?:SCHEMA|DATABASE)\s+)?(?P<scope>{_NAME})))?""",
    re.VERBOSE | re.IGNORECASE,
)

_SHOWN: Final = (
    *("created_on", "name", "database_name", "schema_name", "owner", "comment", "table_name", "source_type"),
    *("base_tables", "type", "stale", "mode", "stale_after", "invalid_reason", "owner_role_type"),
)


class StreamStatements:
    """Runs them."""

    def __init__(self, streams: Streams, account: Account) -> None:
        self.streams = streams
        self._account = account

    def understand(self, sql: str) -> Callable[[Session], pa.Table] | None:
        """Return what runs the statement and returns its rows, or None if it is not about streams.

        Raises:
            SnowflakeError: It is about streams, and is wrong (001003).
        """
        if not _ABOUT_STREAMS.match(sql):
            return None
        text = sql.strip().rstrip(";").rstrip()
        for grammar, run in ((_CREATE, self._create), (_DROP, self._drop), (_SHOW, self._show)):
            if found := grammar.fullmatch(text):
                return partial(run, found)
        raise syntax_error(f"this is not understood: {text}")

    def _create(self, found: re.Match[str], session: Session) -> pa.Table:
        if found["kind"].upper() != "STAGE":
            raise unsupported(f"CREATE STREAM … ON {found['kind'].upper()}")
        commit(session)
        stream = Stream(
            _key(session, found["name"]),
            _key(session, found["source"]),
            datetime.datetime.now(datetime.UTC),
            _text(found["comment"]) or "",
        )
        if self.streams.create(stream, replace=bool(found["replace"]), if_not_exists=bool(found["keep"])):
            if not (found["copy"] and self._account.is_known("STREAM", str(stream.key))):
                self._account.forget("STREAM", str(stream.key))
                self._account.made("STREAM", str(stream.key), owner=session.role)
            return _status(f"Stream {stream.key.name} successfully created.")
        return _status(f"{stream.key.name} already exists, statement succeeded.")

    def _drop(self, found: re.Match[str], session: Session) -> pa.Table:
        commit(session)
        key = _key(session, found["name"])
        self.streams.drop(key, if_exists=bool(found["lenient"]))
        self._account.forget("STREAM", str(key))
        return _status(f"{key.name} successfully dropped.")

    def _show(self, found: re.Match[str], session: Session) -> pa.Table:
        context = session.context
        scope = [unquoted(part) for part in IDENTIFIER.findall(found["scope"] or "")]
        if not scope and not found["account"]:
            scope = [part for part in (context.database, context.schema) if part]
        like = _text(found["like"])
        owners = {
            grant.name: grant.grantee_name
            for grant in self._account.grants()
            if (grant.granted_on, grant.privilege) == ("STREAM", "OWNERSHIP")
        }
        rows = [
            _shown(stream, owners.get(str(stream.key), ""), is_stale=consumed is None)
            for stream, consumed in self.streams.all()
            if _is_in(stream.key, scope) and (like is None or _is_like(stream.key.name, like))
        ]
        types = {"created_on": pa.timestamp("us", tz="UTC")}
        return pa.table({name: pa.array([row[name] for row in rows], types.get(name, pa.string())) for name in _SHOWN})


def _shown(stream: Stream, owner: str, *, is_stale: bool) -> dict[str, Any]:
    return {
        "created_on": stream.created_on,
        "name": stream.key.name,
        "database_name": stream.key.database,
        "schema_name": stream.key.schema,
        "owner": owner,
        "comment": stream.comment,
        "table_name": str(stream.stage),
        "source_type": "Stage",
        "base_tables": str(stream.stage),
        "type": "DELTA",
        "stale": str(is_stale).lower(),
        "mode": "DEFAULT",
        # what a stage's streams show is never thrown away before they have shown it
        "stale_after": None,
        "invalid_reason": "N/A",
        "owner_role_type": "ROLE",
    }


def _is_in(key: StageKey, scope: list[str]) -> bool:
    """Say whether a stream is in a schema (`[database, schema]`), or in a database or schema with a name."""
    return not scope or (scope[0] in key[:2] if len(scope) == 1 else list(key[:2]) == scope)


def _is_like(name: str, pattern: str) -> bool:
    wildcards = {"%": ".*", "_": "."}
    return bool(re.fullmatch("".join(wildcards.get(c) or re.escape(c) for c in pattern), name, re.IGNORECASE))


def _key(session: Session, name: str) -> StageKey:
    return session.context.stage_key(stage_name(name))


def _text(literal: str | None) -> str | None:
    return None if literal is None else literal[1:-1].replace("''", "'")


def _status(text: str) -> pa.Table:
    return pa.table({"status": [text]})
