"""What each statement about the objects of an account does."""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from typing import Final

import pyarrow as pa
from sqlglot import exp

from include.warehouse.embedded import account_sql
from include.warehouse.embedded.account import Account, AccountObject, FutureGrant, Grant, now
from include.warehouse.embedded.account_rows import SHOWN, future_rows, grant_rows, rows_of, shown_value, status
from include.warehouse.embedded.account_sql import IN_SCHEMAS, AccountChange, AccountStatement, Name
from include.warehouse.embedded.answers import Answer, succeeded
from include.warehouse.embedded.databases import Databases
from include.warehouse.embedded.errors import (
    SnowflakeError,
    compilation_error,
    existing_object,
    missing_object,
    unsupported,
)
from include.warehouse.embedded.sessions import Session
from include.warehouse.embedded.stage_sql import StageName
from include.warehouse.embedded.stages import Stages
from include.warehouse.embedded.translation import Context, folded

ACCOUNT_NAME: Final = "EMBEDDED"
"""What the account is called, in grants on it."""

_DONE: Final = "Statement executed successfully."
_UNCHECKED: Final = frozenset({"FILE FORMAT", "FUNCTION", "STREAM"})
"""What is kept elsewhere, so that nobody here knows whether it is there."""


class AccountStatements:
    """Runs the statements of `account_sql`."""

    def __init__(self, account: Account, databases: Databases, stages: Stages) -> None:
        self._account = account
        self._databases = databases
        self._stages = stages

    def changes_catalog(self, statement: AccountStatement) -> bool:
        """Say whether the statement is DDL, which commits the open transaction."""
        return isinstance(statement, AccountChange)

    def run(self, statement: AccountStatement, session: Session) -> pa.Table:
        """Run a statement."""
        match statement:
            case account_sql.ShowObjects():
                return self._show(statement, session.context)
            case account_sql.ShowGrants():
                return self._show_grants(statement, session)
            case account_sql.DescribeObject():
                return self._describe(statement, session.context)
            case _:
                return status(self._change(statement, session))

    def choose(self, session: Session, *, role: str | None, compute: str | None) -> None:
        """Take over what a connection names: as on Snowflake, a virtual warehouse that is not there is no error yet.

        Raises:
            SnowflakeError: There is no such role (390189).
        """
        if role is not None:
            if not self._account.has_role(role):
                text = (
                    f"Role '{role}' specified in the connect string is not granted to this user. "
                    "Contact your local system administrator, or attempt to login with another role, e.g. PUBLIC."
                )
                raise SnowflakeError(text, errno=390189, sqlstate="08001")
            session.role = role
        session.compute = compute

    def use(self, session: Session, statement: exp.Use) -> Answer | None:
        """USE ROLE and USE WAREHOUSE; None if the statement is another USE.

        Raises:
            SnowflakeError: There is none of this name (002043).
        """
        kind = str(statement.args.get("kind") or "").upper()
        if kind not in {"ROLE", "WAREHOUSE"}:
            return None
        name = folded(statement.this.this if isinstance(statement.this, exp.Table) else statement.this)
        known = self._account.has_role(name) if kind == "ROLE" else self._account.find(kind, name) is not None
        if not known:
            text = "Object does not exist, or operation cannot be performed."
            raise compilation_error(text, errno=2043, sqlstate="02000")
        if kind == "ROLE":
            session.role = name
        else:
            session.compute = name
        return succeeded()

    def refuse_if_suspended(self, session: Session) -> None:
        """Refuse a statement whose virtual warehouse was suspended and does not resume by itself.

        Raises:
            SnowflakeError: It is (000606). A virtual warehouse that is not known may pass.
        """
        found = self._account.find("WAREHOUSE", session.compute) if session.compute else None
        if found is None or found.properties.get("STATE") != "SUSPENDED":
            return
        if str(found.properties.get("AUTO_RESUME", "TRUE")).upper() == "TRUE":
            return
        text = "No active warehouse selected in the current session.  Select an active warehouse with the "
        raise SnowflakeError(f"{text}'use warehouse' command.\n", errno=606, sqlstate="57P03")

    def _change(self, statement: AccountChange, session: Session) -> str:
        match statement:
            case account_sql.CreateObject():
                return self._create(statement, session)
            case account_sql.AlterObject():
                return self._alter(statement, session.context)
            case account_sql.DropObject():
                return self._drop(statement, session.context)
            case account_sql.GrantRole():
                return self._grant_role(statement, session)
            case account_sql.GrantPrivileges():
                return self._grant(statement, session)

    def _create(self, statement: account_sql.CreateObject, session: Session) -> str:
        name = _full_name(statement.kind, statement.name, session.context)
        existing = self._account.find(statement.kind, name)
        if existing is not None and not statement.replace:
            if statement.if_not_exists:
                return f"{statement.name[-1]} already exists, statement succeeded."
            raise existing_object(statement.name[-1])
        if existing is not None:
            self._account.forget(statement.kind, name)
        options = dict(statement.options)
        if statement.kind in {"WAREHOUSE", "ALERT"}:
            suspended = statement.kind == "ALERT" or str(options.get("INITIALLY_SUSPENDED", "FALSE")).upper() == "TRUE"
            options["STATE"] = "SUSPENDED" if suspended else "STARTED"
        self._account.put(AccountObject(statement.kind, name, options, statement.body, session.role, now()))
        self._account.made(statement.kind, name, owner=session.role)
        return f"{statement.kind.capitalize()} {statement.name[-1]} successfully created."

    def _alter(self, statement: account_sql.AlterObject, context: Context) -> str:
        found = self._found(statement.kind, statement.name, context, if_exists=statement.if_exists)
        if found is not None:
            states = {"SUSPEND": "SUSPENDED", "RESUME": "STARTED"}
            state = states.get(statement.action)
            changes = {"STATE": state} if state else statement.options
            self._account.put(found._replace(properties={**found.properties, **changes}))
        return _DONE

    def _drop(self, statement: account_sql.DropObject, context: Context) -> str:
        found = self._found(statement.kind, statement.name, context, if_exists=statement.if_exists)
        if found is None:
            return f"Drop statement executed successfully ({statement.name[-1]} already dropped)."
        self._account.forget(found.kind, found.name)
        return f"{statement.name[-1]} successfully dropped."

    def _describe(self, statement: account_sql.DescribeObject, context: Context) -> pa.Table:
        found = self._found(statement.kind, statement.name, context)
        properties = found.properties if found else {}
        rows = [(name, "String", shown_value(value), "") for name, value in properties.items()]
        return rows_of(("property", "property_type", "property_value", "property_default"), rows)

    def _found(self, kind: str, name: Name, context: Context, *, if_exists: bool = False) -> AccountObject | None:
        found = self._account.find(kind, _full_name(kind, name, context))
        if found is None and not if_exists:
            raise missing_object(kind.capitalize(), ".".join(name))
        return found

    def _grant_role(self, statement: account_sql.GrantRole, session: Session) -> str:
        self._need_role(statement.role)
        if statement.to == "ROLE":
            self._need_role(statement.grantee)
        grant = Grant("USAGE", "ROLE", statement.role, statement.to, statement.grantee, False, session.role, now())  # noqa: FBT003
        self._change_grants([grant], revoke=statement.revoke)
        return _DONE

    def _grant(self, statement: account_sql.GrantPrivileges, session: Session) -> str:
        self._need_role(statement.role)
        on = statement.on
        if on.extent == "future":
            container = _full_name(on.container, on.name, session.context)
            for privilege in statement.privileges:
                future = FutureGrant(privilege, on.kind, container, statement.role, now())
                self._account.grant_in_future(future, revoke=statement.revoke)
            return _DONE
        grants = [
            Grant(
                privilege,
                on.kind,
                name,
                "ROLE",
                statement.role,
                statement.with_grant_option or privilege == "OWNERSHIP",
                statement.role if privilege == "OWNERSHIP" else session.role,
                now(),
            )
            for name in self._granted_names(statement, session.context)
            for privilege in statement.privileges
        ]
        if "ALL" in statement.privileges and not statement.revoke:
            raise unsupported("GRANT ALL: name the privileges")
        self._change_grants(grants, revoke=statement.revoke)
        return _DONE

    def _change_grants(self, grants: Sequence[Grant], *, revoke: bool) -> None:
        if revoke:
            for grant in grants:
                self._account.revoke(grant)
        else:
            self._account.grant(grants)

    def _granted_names(self, statement: account_sql.GrantPrivileges, context: Context) -> list[str]:
        on = statement.on
        if on.extent == "all":
            container = _full_name(on.container, on.name, context)
            return [name for name in self._names(on.kind, container) if name.startswith(f"{container}.")]
        if on.kind == "ACCOUNT":
            return [ACCOUNT_NAME]
        name = _full_name(on.kind, on.name, context)
        if on.kind not in _UNCHECKED and name not in self._names(on.kind, name.rpartition(".")[0]):
            raise missing_object(on.kind.capitalize(), name)
        return [name]

    def _names(self, kind: str, container: str) -> list[str]:
        """Return the full names of all objects of a kind, of tables and views those of one schema."""
        match kind:
            case "TABLE" | "VIEW":
                database, _, schema = container.partition(".")
                return [f"{container}.{name}" for name in self._databases.relations(kind, database, schema)]
            case "STAGE":
                return [str(stage.key) for stage in self._stages.all()]
            case "DATABASE":
                return self._databases.names()
            case "SCHEMA":
                return self._databases.schemas()
            case _:
                return [found.name for found in self._account.objects(kind)]

    def _need_role(self, name: str) -> None:
        if not self._account.has_role(name):
            raise missing_object("Role", name)

    def _show(self, statement: account_sql.ShowObjects, context: Context) -> pa.Table:
        shown = self._account.objects(statement.kind)
        if statement.category:
            shown = [found for found in shown if found.properties.get("CATEGORY") == statement.category]
        if statement.kind in IN_SCHEMAS and not statement.everywhere:
            scope = statement.scope or tuple(filter(None, (context.database, context.schema)))
            shown = [found for found in shown if tuple(found.name.split("."))[: len(scope)] == tuple(scope)]
        if statement.like is not None:
            like = re.compile(fnmatch.translate(statement.like.replace("%", "*").replace("_", "?")), re.IGNORECASE)
            shown = [found for found in shown if like.match(found.name.rpartition(".")[2])]
        return SHOWN[statement.kind](shown)

    def _show_grants(self, statement: account_sql.ShowGrants, session: Session) -> pa.Table:
        if statement.by == "future":
            container = _full_name(statement.kind, statement.name, session.context)
            return future_rows(self._account.future_grants(container))
        grants = self._account.grants()
        if statement.by == "of":
            name = statement.name[-1]
            self._need_role(name)
            rows = [grant for grant in grants if grant[:3] == ("USAGE", "ROLE", name)]
            names = ("created_on", "role", "granted_to", "grantee_name", "granted_by")
            return rows_of(names, [(g.created_on, g.name, g.granted_to, g.grantee_name, g.granted_by) for g in rows])
        return grant_rows(self._chosen(statement, grants, session))

    def _chosen(self, statement: account_sql.ShowGrants, grants: Iterable[Grant], session: Session) -> list[Grant]:
        if statement.by == "on":
            name = (
                "EMBEDDED"
                if statement.kind == "ACCOUNT"
                else _full_name(statement.kind, statement.name, session.context)
            )
            return [grant for grant in grants if (grant.granted_on, grant.name) == (statement.kind, name)]
        grantee = ("ROLE", session.role) if statement.by == "session" else (statement.kind, statement.name[-1])
        if grantee[0] == "ROLE":
            self._need_role(grantee[1])
        return [grant for grant in grants if (grant.granted_to, grant.grantee_name) == grantee]


def _full_name(kind: str, name: Name, context: Context) -> str:
    """Complete a name: of three parts in a schema, of two a schema's own, else of one."""
    if kind in IN_SCHEMAS:
        return str(context.stage_key(StageName(*([None] * (3 - len(name)) + list(name)))))  # type: ignore[arg-type]
    if kind == "SCHEMA" and len(name) == 1:
        if not context.database:
            raise compilation_error("This session does not have a current database.", errno=90105, sqlstate="22000")
        return f"{context.database}.{name[0]}"
    return ".".join(name)
