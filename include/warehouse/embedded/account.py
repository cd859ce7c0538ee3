"""What an account has beside databases: roles, grants, virtual warehouses, integrations, alerts.

It is remembered and shown, and changes nothing: whoever is logged in may do everything here, no virtual warehouse
computes, and no alert is ever evaluated. What is checked is that names stand for something.
"""

import datetime
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from include.warehouse.embedded.databases import GLOBAL, Databases
from include.warehouse.embedded.stage_sql import Option

SYSTEM_ROLES: Final = ("ACCOUNTADMIN", "ORGADMIN", "PUBLIC", "SECURITYADMIN", "SYSADMIN", "USERADMIN")
"""The roles that every account has."""

_OBJECTS: Final = f"{GLOBAL}.main.account_objects"
_GRANTS: Final = f"{GLOBAL}.main.account_grants"
_FUTURE_GRANTS: Final = f"{GLOBAL}.main.account_future_grants"

_CREATE_TABLES: Final = f"""
CREATE TABLE IF NOT EXISTS {_OBJECTS} (
    kind VARCHAR NOT NULL, name VARCHAR NOT NULL, properties VARCHAR NOT NULL, body VARCHAR NOT NULL,
    owner VARCHAR NOT NULL, created_on VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS {_GRANTS} (
    privilege VARCHAR NOT NULL, granted_on VARCHAR NOT NULL, name VARCHAR NOT NULL, granted_to VARCHAR NOT NULL,
    grantee_name VARCHAR NOT NULL, grant_option BOOLEAN NOT NULL, granted_by VARCHAR NOT NULL,
    created_on VARCHAR NOT NULL
);
CREATE TABLE IF NOT EXISTS {_FUTURE_GRANTS} (
    privilege VARCHAR NOT NULL, grant_on VARCHAR NOT NULL, container VARCHAR NOT NULL, grantee_name VARCHAR NOT NULL,
    created_on VARCHAR NOT NULL
);
"""


class AccountObject(NamedTuple):
    """An object that is remembered by its full name, with what was said about it."""

    kind: str
    name: str
    properties: Mapping[str, Option]
    body: str
    owner: str
    created_on: str


class Grant(NamedTuple):
    """A privilege on an object; a role that was granted is the privilege USAGE on that role."""

    privilege: str
    granted_on: str
    name: str
    granted_to: str
    grantee_name: str
    grant_option: bool
    granted_by: str
    created_on: str


class FutureGrant(NamedTuple):
    """A privilege on each object of a kind that is made in a schema or a database from now on."""

    privilege: str
    grant_on: str
    container: str
    grantee_name: str
    created_on: str


class Account:
    """Remembers them in the global database, where they survive a restart."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._change(_CREATE_TABLES)
        rows = self._read(f"SELECT * FROM {_OBJECTS}")  # noqa: S608
        found = [AccountObject(row[0], row[1], json.loads(row[2]), *row[3:]) for row in rows]
        self._objects = {(one.kind, one.name): one for one in found}
        """All of them, too: each statement asks for its session's virtual warehouse."""

    def objects(self, kind: str) -> list[AccountObject]:
        """Return all objects of a kind, sorted by name."""
        return [self._objects[key] for key in sorted(self._objects) if key[0] == kind]

    def find(self, kind: str, name: str) -> AccountObject | None:
        """Return an object, or None."""
        return self._objects.get((kind, name))

    def has_role(self, name: str) -> bool:
        """Say whether there is such a role."""
        return name in SYSTEM_ROLES or self.find("ROLE", name) is not None

    def put(self, kind: str, name: str, properties: Mapping[str, Option], *, body: str, owner: str) -> None:
        """Remember an object, in place of another one of its name."""
        made = AccountObject(kind, name, properties, body, owner, now())
        self._change(f"DELETE FROM {_OBJECTS} WHERE kind = ? AND name = ?", [kind, name])  # noqa: S608
        values = list(made._replace(properties=json.dumps(properties)))  # type: ignore[arg-type]
        self._change(f"INSERT INTO {_OBJECTS} VALUES (?, ?, ?, ?, ?, ?)", values)  # noqa: S608
        self._objects[kind, name] = made

    def update(self, found: AccountObject, properties: Mapping[str, Option]) -> None:
        """Change what was said about an object."""
        changed = found._replace(properties={**found.properties, **properties})
        self._change(
            f"UPDATE {_OBJECTS} SET properties = ? WHERE kind = ? AND name = ?",  # noqa: S608
            [json.dumps(changed.properties), found.kind, found.name],
        )
        self._objects[found.kind, found.name] = changed

    def forget(self, kind: str, name: str) -> None:
        """Forget an object and all that was granted on it; a role also with all that was granted to it."""
        self._change(f"DELETE FROM {_OBJECTS} WHERE kind = ? AND name = ?", [kind, name])  # noqa: S608
        self._change(f"DELETE FROM {_GRANTS} WHERE granted_on = ? AND name = ?", [kind, name])  # noqa: S608
        self._objects.pop((kind, name), None)
        if kind == "ROLE":
            self._change(
                f"DELETE FROM {_GRANTS} WHERE granted_to = 'ROLE' AND grantee_name = ?",  # noqa: S608
                [name],
            )
            self._change(f"DELETE FROM {_FUTURE_GRANTS} WHERE grantee_name = ?", [name])  # noqa: S608

    def forget_within(self, container: str) -> None:
        """Forget all that a dropped schema or database held."""
        inside = [container, f"{container}."]
        for key in [key for key in self._objects if key[1].startswith(inside[1])]:
            del self._objects[key]
        self._change(f"DELETE FROM {_OBJECTS} WHERE starts_with(name, ?)", inside[1:])  # noqa: S608
        self._change(f"DELETE FROM {_GRANTS} WHERE name = ? OR starts_with(name, ?)", inside)  # noqa: S608
        self._change(
            f"DELETE FROM {_FUTURE_GRANTS} WHERE container = ? OR starts_with(container, ?)",  # noqa: S608
            inside,
        )

    def grant(self, grants: Iterable[Grant]) -> None:
        """Remember grants. A second one of the same changes nothing; OWNERSHIP moves."""
        for grant in grants:
            self.revoke(grant, from_anybody=grant.privilege == "OWNERSHIP")
            self._change(f"INSERT INTO {_GRANTS} VALUES (?, ?, ?, ?, ?, ?, ?, ?)", list(grant))  # noqa: S608

    def revoke(self, grant: Grant, *, from_anybody: bool = False) -> None:
        """Forget a grant; the privilege ALL stands for all but OWNERSHIP."""
        wanted = f"DELETE FROM {_GRANTS} WHERE granted_on = ? AND name = ?"  # noqa: S608
        values: list[Any] = [grant.granted_on, grant.name]
        if grant.privilege == "ALL":
            wanted += " AND privilege <> 'OWNERSHIP'"
        else:
            wanted, values = f"{wanted} AND privilege = ?", [*values, grant.privilege]
        if not from_anybody:
            wanted, values = (
                f"{wanted} AND granted_to = ? AND grantee_name = ?",
                [*values, grant.granted_to, grant.grantee_name],
            )
        self._change(wanted, values)

    def grants(self) -> list[Grant]:
        """Return all grants, in the order in which SHOW GRANTS lists them."""
        rows = self._read(f"SELECT * FROM {_GRANTS} ORDER BY granted_on, name, privilege, grantee_name")  # noqa: S608
        return [Grant(*row) for row in rows]

    def grant_in_future(self, grant: FutureGrant, *, revoke: bool) -> None:
        """Remember, or forget, a privilege on what is made from now on."""
        key = list(grant[:4])
        self._change(
            f"DELETE FROM {_FUTURE_GRANTS} "  # noqa: S608
            "WHERE privilege = ? AND grant_on = ? AND container = ? AND grantee_name = ?",
            key,
        )
        if not revoke:
            self._change(f"INSERT INTO {_FUTURE_GRANTS} VALUES (?, ?, ?, ?, ?)", list(grant))  # noqa: S608

    def future_grants(self, container: str | None = None) -> list[FutureGrant]:
        """Return what is granted on what is made from now on, in one schema or database or in all of them."""
        rows = self._read(f"SELECT * FROM {_FUTURE_GRANTS} ORDER BY container, grant_on, privilege")  # noqa: S608
        return [found for found in (FutureGrant(*row) for row in rows) if container in {None, found.container}]

    def made(self, kind: str, name: str, *, owner: str) -> None:
        """Note who owns a new object, and grant on it what was granted on all that would be made."""
        at = now()
        self.grant([Grant("OWNERSHIP", kind, name, "ROLE", owner, True, owner, at)])  # noqa: FBT003
        self.grant(
            Grant(future.privilege, kind, name, "ROLE", future.grantee_name, False, owner, at)  # noqa: FBT003
            for future in self.future_grants()
            if future.grant_on == kind and name.startswith(f"{future.container}.")
        )

    def is_known(self, kind: str, name: str) -> bool:
        """Say whether it is noted who owns an object."""
        sql = f"SELECT 1 FROM {_GRANTS} WHERE granted_on = ? AND name = ? LIMIT 1"  # noqa: S608
        return bool(self._read(sql, [kind, name]))

    def _read(self, sql: str, values: list[Any] | None = None) -> list[tuple[Any, ...]]:
        with self._databases.connection() as duck:
            return duck.execute(sql, values or []).fetchall()

    def _change(self, sql: str, values: list[Any] | None = None) -> None:
        with self._databases.ddl_lock, self._databases.connection() as duck:
            duck.execute(sql, values) if values else duck.execute(sql)


def now() -> str:
    """Return the present moment as SHOW tells it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
