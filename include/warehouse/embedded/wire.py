"""Values on the wire: bindings that come in, results that go out as Arrow or as JSON."""

import base64
import datetime
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from fakesnow import arrow as fakesnow_arrow
from fakesnow.rowtype import ColumnInfo

# pyarrow looks for pandas when it is first used, and two threads that do so at once can trip over each other.
pa.array([0])

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

_SNOWFLAKE_TYPES: Final = {
    "BLOB": "binary",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "real",
    "FLOAT": "real",
    "JSON": "variant",
    "TIME": "time",
    "TIMESTAMP WITH TIME ZONE": "timestamp_tz",
    "TIMESTAMP": "timestamp_ntz",
    "TIMESTAMP_NS": "timestamp_ntz",
    "TIMESTAMP_MS": "timestamp_ntz",
    "TIMESTAMP_S": "timestamp_ntz",
}
_INTEGERS: Final = frozenset(
    "TINYINT SMALLINT INTEGER BIGINT HUGEINT UTINYINT USMALLINT UINTEGER UBIGINT UHUGEINT".split()  # noqa: SIM905
)
_TEXT_BYTES: Final = 16_777_216


class Column(NamedTuple):
    """A column of a result: its name and DuckDB's name for its type."""

    name: str
    duck_type: str

    def rowtype(self) -> ColumnInfo:
        """Return the column's description in the wire protocol."""
        kind, precision, scale = _snowflake_type(self.duck_type)
        length = _TEXT_BYTES if kind in {"text", "variant"} else 8_388_608 if kind == "binary" else None
        return {
            "name": self.name,
            "database": "",
            "schema": "",
            "table": "",
            "nullable": True,
            "type": kind,
            "byteLength": length,
            "length": length,
            "scale": scale,
            "precision": precision,
            "collation": None,
        }


def _snowflake_type(duck_type: str) -> tuple[str, int | None, int | None]:
    """Return the type's name in the wire protocol, its precision and its scale."""
    if found := re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", duck_type):
        return "fixed", int(found[1]), int(found[2])
    if duck_type in _INTEGERS:
        return "fixed", 38, 0
    if duck_type.endswith("]") or duck_type.startswith(("STRUCT", "MAP")):
        return "variant", None, None
    kind = _SNOWFLAKE_TYPES.get(duck_type, "text")
    return (kind, 0, 9) if kind.startswith("time") else (kind, None, None)


def columns_of(description: list[tuple[Any, ...]] | None) -> list[Column]:
    """Return the columns of a DuckDB cursor's description."""
    return [Column(str(entry[0]), str(entry[1])) for entry in description or []]


def arrow_rowset(table: pa.Table, columns: list[Column]) -> str:
    """Return a table as the connector reads it: an Arrow stream in base64."""
    rowtype = [column.rowtype() for column in columns]
    plain = pa.table([_plain(column) for column in table.columns], names=[str(i) for i in range(len(columns))])
    encoded = fakesnow_arrow.to_sf(plain, rowtype)
    for number, column in enumerate(plain.columns):
        if pa.types.is_timestamp(column.type) and column.null_count:
            encoded = encoded.set_column(number, encoded.field(number), _with_nulls(encoded.column(number), column))
    encoded = encoded.rename_columns([column.name for column in columns])
    return base64.b64encode(fakesnow_arrow.to_ipc(encoded)).decode()


def _with_nulls(moments: pa.ChunkedArray, column: pa.ChunkedArray) -> pa.StructArray:
    """Return encoded timestamps with null where there is none; fakesnow makes them 1970."""
    encoded = moments.combine_chunks()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    return pa.StructArray.from_arrays(
        encoded.flatten(), fields=list(encoded.type), mask=column.combine_chunks().is_null()
    )


def json_rowset(table: pa.Table) -> list[list[str | None]]:
    """Return a table's values as text, which is how the counts of a DML statement travel."""
    columns = [column.to_pylist() for column in table.columns]
    return [[None if value is None else str(value) for value in row] for row in zip(*columns, strict=True)]


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the values in one of the few Arrow types that the connector reads."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("us", tz="UTC" if kind.tz else None), safe=False)
    if pa.types.is_nested(kind) or pa.types.is_interval(kind):
        # the translation makes every list and object JSON; what is left here is a DuckDB type that Snowflake has not
        values = [None if value is None else str(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(values, pa.string())])
    is_whole = pa.types.is_decimal(kind) and kind.scale == 0 and _fits_int64(column)
    if pa.types.is_integer(kind) or is_whole:
        return column.cast(pa.int64())
    for is_kind, plain in _PLAIN_TYPES:
        if is_kind(kind):
            return column.cast(plain)
    return column


_PLAIN_TYPES: Final = (
    (pa.types.is_floating, pa.float64()),
    (pa.types.is_time, pa.time64("us")),
    (pa.types.is_null, pa.string()),
    (pa.types.is_large_string, pa.string()),
)


def _fits_int64(column: pa.ChunkedArray) -> bool:
    limits = pc.min_max(column)
    low, high = limits["min"].as_py(), limits["max"].as_py()
    return low is None or (low >= -(2**63) and high < 2**63)


def parameters_of(bindings: Mapping[str, Any] | None) -> tuple[list[Any] | None, list[list[Any]] | None]:
    """Return bound values in the order of their placeholders: of one execution, or of each row of an array binding."""
    if not bindings:
        return None, None
    ordered = [bindings[str(position)] for position in range(1, len(bindings) + 1)]
    if any(isinstance(binding["value"], list) for binding in ordered):
        columns = [[_value(binding["type"], value) for value in binding["value"]] for binding in ordered]
        return None, [list(row) for row in zip(*columns, strict=True)]
    return [_value(binding["type"], binding["value"]) for binding in ordered], None


def _value(kind: str, text: str | None) -> Any:
    """Return a bound value, which travels as text."""
    if text is None:
        return None
    return _SCALARS[kind](text) if kind in _SCALARS else _moment(kind, text)


_SCALARS: Final[dict[str, Callable[[str], Any]]] = {
    "FIXED": int,
    "REAL": float,
    "BOOLEAN": lambda text: text.lower() == "true",
    "BINARY": bytes.fromhex,
}


def _moment(kind: str, text: str) -> Any:
    """Return a bound date or time; dates are milliseconds and times nanoseconds since 1970."""
    if kind == "DATE":
        return (_EPOCH + datetime.timedelta(milliseconds=int(text))).date()
    if kind == "TIME":
        return (_EPOCH + datetime.timedelta(microseconds=int(text) // 1000)).time()
    if kind.startswith("TIMESTAMP"):
        nanoseconds, _, offset = text.partition(" ")
        at = _EPOCH + datetime.timedelta(microseconds=int(nanoseconds) // 1000)
        if kind != "TIMESTAMP_TZ":
            return at.replace(tzinfo=None)
        return at.astimezone(datetime.timezone(datetime.timedelta(minutes=int(offset or 1440) - 1440)))
    return text
