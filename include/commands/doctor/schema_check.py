"""The pipeline's schema: whether all that setup makes in it is there."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from include.commands.doctor.findings import Found, Patient, missing, ok
from include.config import PipelineConfig
from include.warehouse.schema import schema_statements
from include.warehouse.session import read_statement

_MADE = re.compile(r"CREATE (?:OR REPLACE )?(?:TABLE|VIEW) (?:IF NOT EXISTS )?(?P<name>[A-Z_]+)")


class _Table(NamedTuple):
    table_name: str


def tables_of(config: PipelineConfig) -> set[str]:
    """Return the names of the tables and views that setup makes."""
    made = (_MADE.search(read_statement(statement.name)) for statement in schema_statements(config))
    return {found["name"] for found in made if found}


def check_schema(patient: Patient) -> Iterable[Found]:
    """Every table and view is there."""
    config = patient.config
    rows = patient.warehouse.fetch("doctor/select_tables", _Table, schema_name=config.schema_name)
    expected = tables_of(config)
    lacking = sorted(expected - {row.table_name for row in rows})
    place = f"{config.warehouse.database}.{config.schema_name}"
    if lacking:
        yield missing(f"{place} has no {', '.join(lacking)}", mend=f"./driftgate setup {config.name}")
    else:
        yield ok(f"{place} has all {len(expected)} tables and views")
