"""What SHOW and DESCRIBE answer about the objects of an account: rows with Snowflake's names of columns."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from include.warehouse.embedded.account import AccountObject, FutureGrant, Grant

_GRANT_COLUMNS: Final = (
    "created_on", "privilege", "granted_on", "name", "granted_to", "grantee_name", "grant_option", "granted_by",
)  # fmt: skip


def shown_value(value: Any) -> str:
    """Return an option as SHOW and DESCRIBE tell it: a list's items with commas between them."""
    return ",".join(value) if isinstance(value, Mapping) else str(value)


def _property(found: AccountObject, name: str, default: str = "") -> str:
    return shown_value(found.properties.get(name, default))


def _show_roles(found: Sequence[AccountObject]) -> pa.Table:
    rows = [(role.created_on, role.name, role.owner, _property(role, "COMMENT")) for role in found]
    return rows_of(("created_on", "name", "owner", "comment"), rows)


def _show_warehouses(found: Sequence[AccountObject]) -> pa.Table:
    names = ("name", "state", "type", "size", "auto_suspend", "auto_resume", "created_on", "owner", "comment")
    rows = [
        (
            one.name,
            _property(one, "STATE"),
            _property(one, "WAREHOUSE_TYPE", "STANDARD"),
            _SIZES.get(_property(one, "WAREHOUSE_SIZE", "XSMALL").upper(), _property(one, "WAREHOUSE_SIZE")),
            _property(one, "AUTO_SUSPEND", "600"),
            _property(one, "AUTO_RESUME", "true").lower(),
            one.created_on,
            one.owner,
            _property(one, "COMMENT"),
        )
        for one in found
    ]
    return rows_of(names, rows)


_SIZES: Final = {
    "XSMALL": "X-Small", "SMALL": "Small", "MEDIUM": "Medium", "LARGE": "Large", "XLARGE": "X-Large",
    "XXLARGE": "2X-Large",
}  # fmt: skip


def _show_integrations(found: Sequence[AccountObject]) -> pa.Table:
    names = ("name", "type", "category", "enabled", "comment", "created_on")
    rows = [
        (
            one.name,
            _property(one, "TYPE"),
            _property(one, "CATEGORY"),
            _property(one, "ENABLED").lower(),
            _property(one, "COMMENT"),
            one.created_on,
        )
        for one in found
    ]
    return rows_of(names, rows)


def _show_alerts(found: Sequence[AccountObject]) -> pa.Table:
    names = (
        "created_on", "name", "database_name", "schema_name", "owner", "comment", "warehouse", "schedule", "state",
        "condition", "action",
    )  # fmt: skip
    rows = []
    for one in found:
        database, schema, name = one.name.split(".")
        body = re.fullmatch(r"(?is)IF\s*\(\s*EXISTS\s*\((?P<condition>.*)\)\s*\)\s*THEN\s+(?P<action>.*)", one.body)
        rows.append(
            (
                *(one.created_on, name, database, schema, one.owner, _property(one, "COMMENT")),
                *(_property(one, "WAREHOUSE"), _property(one, "SCHEDULE"), _property(one, "STATE").lower()),
                *((body["condition"].strip(), body["action"].strip()) if body else ("", "")),
            )
        )
    return rows_of(names, rows)


SHOWN: Final = {
    "ROLE": _show_roles,
    "WAREHOUSE": _show_warehouses,
    "INTEGRATION": _show_integrations,
    "ALERT": _show_alerts,
}


def grant_rows(grants: Iterable[Grant]) -> pa.Table:
    """Return what SHOW GRANTS answers."""
    return rows_of(
        _GRANT_COLUMNS,
        [
            (
                *(grant.created_on, grant.privilege, grant.granted_on, grant.name, grant.granted_to),
                *(grant.grantee_name, str(grant.grant_option).lower(), grant.granted_by),
            )
            for grant in grants
        ],
    )


def future_rows(grants: Iterable[FutureGrant]) -> pa.Table:
    """Return what SHOW FUTURE GRANTS answers."""
    names = ("created_on", "privilege", "grant_on", "name", "grant_to", "grantee_name", "grant_option")
    return rows_of(
        names,
        [
            (g.created_on, g.privilege, g.grant_on, f"{g.container}.<{g.grant_on}>", "ROLE", g.grantee_name, "false")
            for g in grants
        ],
    )


def rows_of(names: Sequence[str], rows: Sequence[Sequence[str]]) -> pa.Table:
    """Return rows of text under the names of their columns."""
    return pa.table({name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(names)})


def status(text: str) -> pa.Table:
    """Return the answer of a statement that returns no rows."""
    return pa.table({"status": [text]})
