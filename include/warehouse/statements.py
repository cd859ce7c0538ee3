"""Statements that wait to be run or shown: a set-up, a teardown."""

import logging
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from snowflake.connector.converter import SnowflakeConverter

from include.errors import WarehouseError
from include.warehouse.identifiers import with_identifiers
from include.warehouse.session import Warehouse, read_statement

log = logging.getLogger(__name__)

_BOUND_NAME = re.compile(r"%\(([a-z_0-9]+)\)s")


class Statement(NamedTuple):
    """A statement below include/sql with all that it is run with."""

    name: str
    identifiers: Mapping[str, str] = MappingProxyType({})
    values: Mapping[str, Any] = MappingProxyType({})
    is_optional: bool = False
    """Whether the pipeline works without what it makes, if slower."""


def run_all(warehouse: Warehouse, statements: Iterable[Statement]) -> int:
    """Run statements one after the other, and return how many there were.

    Raises:
        WarehouseError: The warehouse refused one; those before it have been run.
    """
    n_run = 0
    for statement in statements:
        try:
            warehouse.run(statement.name, identifiers=statement.identifiers, **statement.values)
        except WarehouseError as error:
            if error.is_transient or not statement.is_optional:
                raise
            log.warning("the pipeline does without %s: %s", statement.name, error)
        else:
            n_run += 1
    return n_run


def script_of(statements: Iterable[Statement], identifiers: Mapping[str, str]) -> str:
    """Return statements as a script for a worksheet, with their values in them as the connector would write them.

    Args:
        statements: The statements.
        identifiers: Text for the placeholders that every statement of the pipeline may have.
    """
    return "\n\n".join(f"{_shown(statement, identifiers)};" for statement in statements) + "\n"


def _shown(statement: Statement, identifiers: Mapping[str, str]) -> str:
    text = with_identifiers(read_statement(statement.name), {**identifiers, **statement.identifiers})
    return _BOUND_NAME.sub(lambda found: _literal(statement.values[found.group(1)]), text)


def _literal(value: Any) -> str:
    """Return a value as the connector puts it into a statement; of a list the items, with commas between them."""
    converter = SnowflakeConverter()
    quoted = converter.quote(converter.escape(converter.to_snowflake(value)))
    return str(quoted)
