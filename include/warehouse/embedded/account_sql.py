"""The statements about the objects of an account, as they were understood; `account_parser` reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from include.warehouse.embedded.stage_sql import Option

ObjectKind = Literal["ROLE", "WAREHOUSE", "INTEGRATION", "ALERT"]

IN_SCHEMAS: Final = frozenset({"ALERT", "FILE FORMAT", "TABLE", "VIEW", "STAGE", "STREAM", "FUNCTION"})
"""The kinds of objects whose full name has three parts."""

Name = tuple[str, ...]
"""A name as written, by its parts, each as Snowflake stores it; missing parts come from the session."""


@dataclass(frozen=True)
class CreateObject:
    """CREATE of something that is only remembered; `body` is what stands behind an alert's options."""

    kind: ObjectKind
    name: Name
    replace: bool
    if_not_exists: bool
    options: Mapping[str, Option]
    body: str = ""


@dataclass(frozen=True)
class AlterObject:
    """ALTER … SET, SUSPEND or RESUME."""

    kind: ObjectKind
    name: Name
    if_exists: bool
    action: Literal["SET", "SUSPEND", "RESUME"]
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True)
class DropObject:
    """DROP."""

    kind: ObjectKind
    name: Name
    if_exists: bool


@dataclass(frozen=True)
class DescribeObject:
    """DESCRIBE."""

    kind: ObjectKind
    name: Name


@dataclass(frozen=True)
class Securable:
    """What privileges are granted on: an object, or all (or all later) ones of a kind in a schema or a database."""

    kind: str
    name: Name
    extent: Literal["one", "all", "future"] = "one"
    container: str = ""
    """SCHEMA or DATABASE, where the extent is not one object."""


@dataclass(frozen=True)
class GrantPrivileges:
    """GRANT or REVOKE of privileges. OWNERSHIP is one that moves."""

    privileges: tuple[str, ...]
    on: Securable
    role: str
    with_grant_option: bool = False
    revoke: bool = False
    keep_grants: bool = False
    """COPY CURRENT GRANTS: what others were granted stays when the owner changes."""


@dataclass(frozen=True)
class GrantRole:
    """GRANT or REVOKE of a role, to a role or to a user."""

    role: str
    to: Literal["ROLE", "USER"]
    grantee: str
    revoke: bool = False


@dataclass(frozen=True)
class ShowObjects:
    """SHOW ROLES, WAREHOUSES, INTEGRATIONS, ALERTS."""

    kind: ObjectKind
    like: str | None = None
    scope: Name | None = None
    everywhere: bool = False
    category: str | None = None
    """Of integrations: STORAGE or NOTIFICATION."""


@dataclass(frozen=True)
class ShowGrants:
    """SHOW GRANTS: on an object, to a role, of a role, or (future) in a schema; without any, of the session's role."""

    by: Literal["on", "to", "of", "future", "session"]
    kind: str = ""
    name: Name = ()


AccountChange = CreateObject | AlterObject | DropObject | GrantPrivileges | GrantRole

AccountStatement = AccountChange | DescribeObject | ShowObjects | ShowGrants
