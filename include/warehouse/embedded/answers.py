"""What a statement returned, before it goes on the wire."""

from dataclasses import dataclass
from typing import Any, Final

import duckdb
import pyarrow as pa
from fakesnow import statement_type

from include.warehouse.embedded.wire import Column, columns_of

_DUCK_TYPES: Final = {
    "int64": "BIGINT",
    "string": "VARCHAR",
    "null": '"NULL"',
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "timestamp[us, tz=UTC]": "TIMESTAMP WITH TIME ZONE",
}


@dataclass(frozen=True)
class Answer:
    """What a statement returned."""

    table: pa.Table
    columns: list[Column]
    type_id: int
    transfer: dict[str, Any] | None = None
    """What the client has to move, for PUT and GET."""


def fetched(duck: duckdb.DuckDBPyConnection, type_id: int) -> Answer:
    """Return the rows of what DuckDB has just run."""
    columns = columns_of(duck.description)
    return Answer(duck.to_arrow_table(), columns, type_id)


def answer_of(table: pa.Table, type_id: int) -> Answer:
    """Return an answer made of rows that we made ourselves."""
    columns = [Column(item.name, _DUCK_TYPES[str(item.type)]) for item in table.schema]
    return Answer(table, columns, type_id)


def succeeded(text: str = "Statement executed successfully.", *, type_id: int = statement_type.UNKNOWN) -> Answer:
    """Return the answer of a statement that returns no rows."""
    return answer_of(pa.table({"status": [text]}), type_id)
