"""COPY INTO a table: all files of one COPY in one INSERT … SELECT, so that it loads everything or nothing."""

import datetime
import glob
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa
from fakesnow.copy_into import CopyParams, MatchByColumnName, ReadJSON, ReadParquet, _params
from sqlglot import Expr, exp

from include.warehouse.embedded.errors import compilation_error, syntax_error, unsupported
from include.warehouse.embedded.files import FileState, matcher
from include.warehouse.embedded.stage_sql import Location, parse_location

_IGNORED_OPTIONS = frozenset({"TRUNCATECOLUMNS", "ENFORCE_LENGTH", "RETURN_FAILED_ONLY", "SIZE_LIMIT"})


class CopyPlan(NamedTuple):
    """A COPY statement, understood."""

    target: Expr
    table: exp.Table
    query: exp.Select | None
    location: Location
    options: CopyParams
    pattern: str | None


def plan_copy(
    statement: exp.Copy, duck: duckdb.DuckDBPyConnection, database: str | None, schema: str | None
) -> CopyPlan:
    """Read a COPY statement.

    Raises:
        SnowflakeError: It unloads, or reads from something else than a stage.
    """
    if not statement.args.get("kind"):
        raise unsupported("COPY INTO a location (unloading)")
    target = statement.this
    table = target.this if isinstance(target, exp.Schema) else target
    source = statement.args["files"][0]
    query = source.this if isinstance(source, exp.Subquery) else None
    named = _named_source(query.args["from_"].this if query else source)
    pattern = _take_option(statement, "PATTERN")
    force = _take_option(statement, "FORCE")
    purge = _take_option(statement, "PURGE")
    for option in _IGNORED_OPTIONS:
        _take_option(statement, option)
    options = _params(statement, None, duck_conn=duck, current_database=database, current_schema=schema)
    options.force, options.purge = _is_true(force), _is_true(purge)
    return CopyPlan(target, table, query, parse_location(named), options, pattern.name if pattern else None)


def _named_source(source: Expr) -> str:
    """Return the text of `@stage/path`, which sqlglot wraps in several ways."""
    while not isinstance(source, exp.Var | exp.Literal):
        source = source.this
        if not isinstance(source, Expr):
            raise syntax_error("COPY INTO needs FROM @stage/path")
    text = str(source.name)
    return text[1:-1].replace("''", "'") if text.startswith("'") else text


def _take_option(statement: exp.Copy, name: str) -> Expr | None:
    """Take an option out of the statement, and return its value."""
    for option in statement.args.get("params") or []:
        if option.this.name.upper() == name:
            statement.args["params"].remove(option)
            value: Expr | None = option.expression
            return value
    return None


def _is_true(value: Expr | None) -> bool:
    return value is not None and value.sql().upper() == "TRUE"


def choose_files(plan: CopyPlan, found: Mapping[str, FileState]) -> dict[str, FileState]:
    """Return those of the location's files that FILES and PATTERN name.

    Raises:
        SnowflakeError: A file that FILES names is not there, or PATTERN is no regular expression.
    """
    chosen = dict(found)
    if plan.options.files:
        named = [plan.location.path + name for name in plan.options.files]
        if missing := [name for name in named if name not in found]:
            raise compilation_error(f"Remote file '{missing[0]}' was not found", errno=91016, sqlstate="22000")
        chosen = {name: found[name] for name in named}
    if plan.pattern is not None:
        matches = matcher(plan.pattern)
        chosen = {path: state for path, state in chosen.items() if matches(path)}
    return chosen


def insert_of(plan: CopyPlan, folder: Path, paths: Iterable[str], duck: duckdb.DuckDBPyConnection) -> exp.Insert:
    """Return the INSERT, in Snowflake's SQL but for its source, that loads these files."""
    reader = _reader(plan.options, [glob.escape(str(folder / path)) for path in paths])
    if plan.query is not None:
        select = plan.query.copy()
        _read_fields(select, plan, reader, duck)
        source = exp.Table(this=reader)
        if alias := plan.query.args["from_"].this.args.get("alias"):
            source.set("alias", alias.copy())
        select.set("from_", exp.From(this=source))
        return exp.Insert(this=plan.target, expression=select)
    if not isinstance(plan.options.file_format, ReadParquet):
        return exp.Insert(this=plan.target, expression=exp.select("*").from_(exp.Table(this=reader)))
    if plan.options.match_by_column_name is MatchByColumnName.NONE:
        select = exp.select(_whole_row(_column_names(reader, duck))).from_(exp.Table(this=reader))
        return exp.Insert(this=plan.target, expression=select)
    return _insert_by_name(plan, reader, duck)


def _reader(options: CopyParams, files: list[str]) -> Expr:
    """Return the table function of DuckDB that reads all these files, with the options of the file format."""
    paths = exp.Array(expressions=[exp.Literal.string(file) for file in files])
    named = list(options.file_format.read_expression("").find_all(exp.EQ))
    function = "read_csv"
    if isinstance(options.file_format, ReadParquet):
        function, named = "read_parquet", [_argument("union_by_name", exp.true())]
    elif isinstance(options.file_format, ReadJSON):
        function = "read_json_objects"
    return exp.Anonymous(this=function, expressions=[paths, *named])


def _argument(name: str, value: Expr) -> exp.EQ:
    return exp.EQ(this=exp.Var(this=name), expression=value)


def _column_names(reader: Expr, duck: duckdb.DuckDBPyConnection) -> list[str]:
    described = duck.execute(f"DESCRIBE SELECT * FROM {reader.sql(dialect='duckdb')}").fetchall()  # noqa: S608
    return [row[0] for row in described]


def _read_fields(select: exp.Select, plan: CopyPlan, reader: Expr, duck: duckdb.DuckDBPyConnection) -> None:
    """Replace `$1`, `$2`, … by what they mean in files of this format."""
    parameters = list(select.find_all(exp.Parameter))
    names = _column_names(reader, duck) if isinstance(plan.options.file_format, ReadParquet) else []
    for parameter in parameters:
        number = int(parameter.this.name)
        reference = parameter.parent if isinstance(parameter.parent, exp.Column) else parameter
        if not isinstance(plan.options.file_format, ReadParquet | ReadJSON):
            reference.replace(exp.column(f"column{number - 1}", quoted=True))
        elif number != 1:
            raise compilation_error(f"invalid identifier '${number}': the file has one column, $1", errno=904)
        elif isinstance(plan.options.file_format, ReadJSON):
            reference.replace(exp.column("json", quoted=True))
        else:
            _read_parquet_field(reference, names)


def _read_parquet_field(reference: Expr, names: list[str]) -> None:
    """Replace `$1:NAME` by the file's column of exactly this name, and by NULL if it has none, as Snowflake does."""
    extract = reference.parent
    if not isinstance(extract, exp.JSONExtract) or reference.arg_key != "this":
        reference.replace(_whole_row(names))
        return
    keys = [part for part in extract.expression.expressions if not isinstance(part, exp.JSONPathRoot)]
    name = str(keys[0].this)
    column: Expr = exp.column(name, quoted=True) if name in names else exp.Null()
    if len(keys) == 1:
        extract.replace(column)
    else:
        extract.expression.set("expressions", [exp.JSONPathRoot(), *keys[1:]])
        reference.replace(exp.Anonymous(this="to_json", expressions=[column]))


def _whole_row(names: list[str]) -> Expr:
    pairs = [item for name in names for item in (exp.Literal.string(name), exp.column(name, quoted=True))]
    return exp.Anonymous(this="json_object", expressions=pairs)


def _insert_by_name(plan: CopyPlan, reader: Expr, duck: duckdb.DuckDBPyConnection) -> exp.Insert:
    """MATCH_BY_COLUMN_NAME: the file's columns by the table's names; what the file has not is NULL."""
    described = duck.execute(f"DESCRIBE {plan.table.sql(dialect='duckdb')}").fetchall()
    fold: Callable[[str], str] = (
        str.upper if plan.options.match_by_column_name is MatchByColumnName.CASE_INSENSITIVE else str
    )
    in_file = {fold(name): name for name in _column_names(reader, duck)}
    matched = [(row[0], in_file[fold(row[0])]) for row in described if fold(row[0]) in in_file]
    target = exp.Schema(this=plan.table, expressions=[exp.to_identifier(name, quoted=True) for name, _ in matched])
    select = exp.select(*(exp.column(name, quoted=True) for _, name in matched)).from_(exp.Table(this=reader))
    return exp.Insert(this=target, expression=select)


def result_of(names: Iterable[str], *, status: str, rows: int) -> pa.Table:
    """Return what COPY answers: one row per file. The rows are counted once, on the first: one INSERT loads all."""
    names = list(names)
    if not names:
        return pa.table({"status": ["Copy executed with 0 files processed."]})
    loaded = [rows if position == 0 else 0 for position in range(len(names))]
    nothing = pa.nulls(len(names), pa.string())
    return pa.table(
        {
            "file": names,
            "status": [status] * len(names),
            "rows_parsed": loaded,
            "rows_loaded": loaded,
            "error_limit": [1] * len(names),
            "errors_seen": [0] * len(names),
            "first_error": nothing,
            "first_error_line": pa.nulls(len(names), pa.int64()),
            "first_error_character": pa.nulls(len(names), pa.int64()),
            "first_error_column_name": nothing,
        }
    )


class LoadHistory:
    """Which files a table has loaded: COPY takes none a second time unless it has changed or FORCE is set.

    The history of a permanent table is a table beside it, so it is rolled back with the load. That of a temporary
    table, which belongs to the session as the table does, is a temporary table.
    """

    def __init__(self, duck: duckdb.DuckDBPyConnection) -> None:
        self._duck = duck

    def new_files(self, history: str, table: tuple[str, str], found: Mapping[str, FileState]) -> dict[str, FileState]:
        """Return those files that the table has not loaded since they changed last."""
        rows = self._duck.execute(
            f"SELECT file_name, epoch_ns(max(last_load_time)) FROM {history} "  # noqa: S608
            "WHERE schema_name = ? AND table_name = ? GROUP BY file_name",
            list(table),
        ).fetchall()
        loaded = dict(rows)
        return {path: state for path, state in found.items() if loaded.get(path, -1) < state.modified_ns}

    def record(self, history: str, table: tuple[str, str], paths: Iterable[str], rows: int) -> None:
        """Record a load."""
        now = datetime.datetime.now(datetime.UTC)
        self._duck.executemany(
            f"INSERT INTO {history} (schema_name, table_name, file_name, last_load_time, status, row_count) "  # noqa: S608
            "VALUES (?, ?, ?, ?, 'LOADED', ?)",
            [[*table, path, now, rows] for path in paths],
        )
