"""What the pipeline's role may do, compared with what setup grants it."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from include.commands.doctor.findings import Found, Patient, missing, ok
from include.config import PipelineConfig
from include.errors import WarehouseError
from include.warehouse.account import account_statements
from include.warehouse.grants import grant_statements
from include.warehouse.identifiers import pipeline_identifiers
from include.warehouse.names import roles_of
from include.warehouse.statements import Statement

_GRANT = "setup/grant_"
_PLACES = {"usage_on_warehouse": "WAREHOUSE", "usage_on_database": "DATABASE", "usage_on_schema": "SCHEMA"}


class Privilege(NamedTuple):
    """A privilege on an object, as SHOW GRANTS names both."""

    privilege: str
    granted_on: str
    name: str


class _ShownGrant(NamedTuple):
    privilege: str
    granted_on: str
    name: str


class Needed(NamedTuple):
    """A statement that grants, and what it grants."""

    statement: Statement
    privileges: frozenset[Privilege]


def needed_grants(config: PipelineConfig) -> Iterator[Needed]:
    """Return what setup grants the role that runs the DAGs."""
    role = roles_of(config).pipeline
    for statement in (*account_statements(config), *grant_statements(config)):
        if statement.name.startswith(_GRANT) and statement.identifiers.get("role") == role:
            privileges = frozenset(_granted_by(statement, config))
            if privileges:
                yield Needed(statement, privileges)


def check_privileges(patient: Patient) -> Iterable[Found]:
    """The role that runs the DAGs has every privilege that setup grants it."""
    role = roles_of(patient.config).pipeline
    needed = list(needed_grants(patient.config))
    try:
        shown = patient.warehouse.show("doctor/show_grants", _ShownGrant, identifiers={"role": role})
    except WarehouseError as error:
        if error.is_transient:
            raise
        yield missing(f"there is no role {role}: {error}", mend=f"./driftgate setup {patient.config.name}")
        return
    granted = {Privilege(grant.privilege, grant.granted_on.replace("_", " "), grant.name) for grant in shown}
    n_missing = 0
    for need in needed:
        lacking = [one for one in need.privileges if not granted & {one, one._replace(privilege="OWNERSHIP")}]
        n_missing += len(lacking)
        if lacking:
            names = ", ".join(sorted(one.privilege for one in lacking))
            yield missing(
                f"{role} lacks {names} on {lacking[0].granted_on.lower()} {lacking[0].name}",
                mend=patient.script(need.statement),
            )
    if not n_missing:
        n_privileges = sum(len(need.privileges) for need in needed)
        yield ok(f"{role} has all {n_privileges} privileges that setup grants it")


def _granted_by(statement: Statement, config: PipelineConfig) -> Iterator[Privilege]:
    """Return what a statement grants; nothing of one that grants on what is made later, or a role."""
    identifiers = {**pipeline_identifiers(config), **statement.identifiers}
    schema = f"{identifiers['database']}.{identifiers['schema']}"
    what = statement.name.removeprefix(_GRANT)
    if what in _PLACES:
        kind = _PLACES[what]
        names = {"WAREHOUSE": identifiers["compute"], "DATABASE": identifiers["database"], "SCHEMA": schema}
        yield Privilege("USAGE", kind, names[kind])
    elif what.startswith("on_"):
        kind = what.removeprefix("on_")
        for privilege in identifiers.get("privileges", "USAGE").split(", "):
            yield Privilege(privilege, kind.replace("_", " ").upper(), f"{schema}.{identifiers[kind]}")
