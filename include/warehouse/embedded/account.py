"""What an account has beside databases: roles, grants, virtual warehouses, integrations, alerts.

It is remembered and shown, and changes nothing: whoever is logged in may do everything here, no virtual warehouse
computes, and no alert is ever evaluated. What is checked is that names stand for something.
"""

import datetime
import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
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
    """Remembers them in the global database, where they survive a restart; a copy in memory is what is read."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._lock = threading.RLock()
        with databases.ddl_lock, databases.connection() as duck:
            duck.execute(_CREATE_TABLES)
            objects = duck.execute(f"SELECT * FROM {_OBJECTS}").fetchall()  # noqa: S608
            grants = duck.execute(f"SELECT * FROM {_GRANTS}").fetchall()  # noqa: S608
            future = duck.execute(f"SELECT * FROM {_FUTURE_GRANTS}").fetchall()  # noqa: S608
        self._objects = {row[:2]: AccountObject(row[0], row[1], json.loads(row[2]), *row[3:]) for row in objects}
        self._grants: defaultdict[_Key, list[Grant]] = defaultdict(list)
        for row in grants:
            self._grants[row[1], row[2]].append(Grant(*row))
        self._future = [FutureGrant(*row) for row in future]

    def objects(self, kind: str) -> list[AccountObject]:
        """Return all objects of a kind, sorted by name."""
        return [self._objects[key] for key in sorted(self._objects) if key[0] == kind]

    def find(self, kind: str, name: str) -> AccountObject | None:
        """Return an object, or None."""
        return self._objects.get((kind, name))

    def has_role(self, name: str) -> bool:
        """Say whether there is such a role."""
        return name in SYSTEM_ROLES or self.find("ROLE", name) is not None

    def put(self, made: AccountObject) -> None:
        """Remember an object, in place of another one of its name."""
        key = (made.kind, made.name)
        values = list(made._replace(properties=json.dumps(made.properties)))  # type: ignore[arg-type]
        with self._lock:
            self._objects[key] = made
            self._write([(_DELETE_OBJECT, key), (_INSERT_OBJECT, values)])

    def forget(self, kind: str, name: str) -> None:
        """Forget an object and all that was granted on it; a role also with all that was granted to it."""
        with self._lock:
            if self._objects.pop((kind, name), None):
                self._write([(_DELETE_OBJECT, (kind, name))])
            if (kind, name) in self._grants:
                self._keep_grants((kind, name), [])
            if kind == "ROLE":
                self._forget_grantee(name)

    def _forget_grantee(self, role: str) -> None:
        for key, grants in list(self._grants.items()):
            kept = [grant for grant in grants if (grant.granted_to, grant.grantee_name) != ("ROLE", role)]
            if len(kept) < len(grants):
                self._keep_grants(key, kept)
        for future in [future for future in self._future if future.grantee_name == role]:
            self.grant_in_future(future, revoke=True)

    def forget_within(self, container: str) -> None:
        """Forget all that a dropped schema or database held."""
        inside = f"{container}."
        with self._lock:
            for kind, name in [key for key in {*self._objects, *self._grants} if key[1].startswith(inside)]:
                self.forget(kind, name)
            for kind in ("SCHEMA", "DATABASE"):
                self.forget(kind, container)
            for future in [one for one in self._future if f"{one.container}.".startswith(inside)]:
                self.grant_in_future(future, revoke=True)

    def grant(self, grants: Iterable[Grant]) -> None:
        """Remember grants. A second one of the same changes nothing; OWNERSHIP moves."""
        with self._lock:
            for grant in grants:
                key = (grant.granted_on, grant.name)
                known = self._grants[key]
                if not any(_is_same(grant, other) for other in known):
                    others = [one for one in known if not (grant.privilege == one.privilege == "OWNERSHIP")]
                    self._keep_grants(key, [*others, grant])

    def revoke(self, revoked: Grant) -> None:
        """Forget a grant; the privilege ALL stands for all but OWNERSHIP."""
        key = (revoked.granted_on, revoked.name)
        with self._lock:
            self._keep_grants(key, [grant for grant in self._grants[key] if not _is_revoked(grant, revoked)])

    def grants(self) -> list[Grant]:
        """Return all grants, in the order in which SHOW GRANTS lists them."""
        with self._lock:
            found = [grant for grants in self._grants.values() for grant in grants]
        return sorted(found, key=lambda grant: (grant.granted_on, grant.name, grant.privilege, grant.grantee_name))

    def is_known(self, kind: str, name: str) -> bool:
        """Say whether it is noted who owns an object."""
        return bool(self._grants.get((kind, name)))

    def grant_in_future(self, grant: FutureGrant, *, revoke: bool) -> None:
        """Remember, or forget, a privilege on what is made from now on."""
        with self._lock:
            self._future = [one for one in self._future if one[:4] != grant[:4]]
            changes: list[_Change] = [(_DELETE_FUTURE_GRANT, grant[:4])]
            if not revoke:
                self._future.append(grant)
                changes.append((_INSERT_FUTURE_GRANT, grant))
            self._write(changes)

    def future_grants(self, container: str) -> list[FutureGrant]:
        """Return what is granted on what is made from now on in a schema or a database."""
        return sorted(one for one in self._future if one.container == container)

    def made(self, kind: str, name: str, *, owner: str) -> None:
        """Note who owns a new object, and grant on it what was granted on all that would be made."""
        at = now()
        granted = [
            Grant(
                one.privilege, kind, name, "ROLE", one.grantee_name, grant_option=False, granted_by=owner, created_on=at
            )
            for one in self._future
            if one.grant_on == kind and name.startswith(f"{one.container}.")
        ]
        ownership = Grant("OWNERSHIP", kind, name, "ROLE", owner, grant_option=True, granted_by=owner, created_on=at)
        with self._lock:
            self._keep_grants((kind, name), [ownership, *granted])

    def _keep_grants(self, key: "_Key", grants: list[Grant]) -> None:
        """Let these be all grants on an object."""
        if grants:
            self._grants[key] = grants
        else:
            self._grants.pop(key, None)
        self._write([(_DELETE_GRANTS, key), *((_INSERT_GRANT, grant) for grant in grants)])

    def _write(self, changes: Iterable["_Change"]) -> None:
        """Make changes to the database, all in one transaction: to be safe on the disk is what takes time."""
        with self._databases.ddl_lock, self._databases.connection() as duck:
            duck.execute("BEGIN")
            for sql, values in changes:
                duck.execute(sql, list(values))
            duck.execute("COMMIT")


_Key = tuple[str, str]
"""The kind of an object and its full name."""

_Change = tuple[str, Sequence[Any]]
"""A statement and its values."""

_DELETE_OBJECT: Final = f"DELETE FROM {_OBJECTS} WHERE kind = ? AND name = ?"  # noqa: S608
_INSERT_OBJECT: Final = f"INSERT INTO {_OBJECTS} VALUES (?, ?, ?, ?, ?, ?)"  # noqa: S608
_DELETE_GRANTS: Final = f"DELETE FROM {_GRANTS} WHERE granted_on = ? AND name = ?"  # noqa: S608
_INSERT_GRANT: Final = f"INSERT INTO {_GRANTS} VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_DELETE_FUTURE_GRANT: Final = (
    f"DELETE FROM {_FUTURE_GRANTS} WHERE privilege = ? AND grant_on = ? AND container = ? AND grantee_name = ?"  # noqa: S608
)
_INSERT_FUTURE_GRANT: Final = f"INSERT INTO {_FUTURE_GRANTS} VALUES (?, ?, ?, ?, ?)"  # noqa: S608


def _is_same(grant: Grant, other: Grant) -> bool:
    return grant[:5] == other[:5] and grant.grant_option <= other.grant_option


def _is_revoked(grant: Grant, revoked: Grant) -> bool:
    privileges = {revoked.privilege} if revoked.privilege != "ALL" else {grant.privilege} - {"OWNERSHIP"}
    return grant.privilege in privileges and grant[3:5] == revoked[3:5]


def now() -> str:
    """Return the present moment as SHOW tells it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
