"""From Snowflake's SQL to DuckDB's: fakesnow's translation, and what it lacks.

fakesnow translates one statement after the other in the context of a connection. Here that context is the session's.
"""

import json
import logging
from dataclasses import dataclass, field
from typing import Any, Final, cast

import duckdb
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.dialect import parse
from fakesnow.transforms.stage import TableStages
from fakesnow.variables import Variables
from sqlglot import Expr, exp

from include.warehouse.embedded.directory_tables import CHANGES_FUNCTION, DIRECTORY_TABLE
from include.warehouse.embedded.errors import SnowflakeError, compilation_error, syntax_error, unsupported
from include.warehouse.embedded.function_expansion import expand_calls
from include.warehouse.embedded.functions import Functions
from include.warehouse.embedded.information_schema import replace_views
from include.warehouse.embedded.query_history import replace_query_history
from include.warehouse.embedded.rewriting import (
    drop_unenforced_constraints,
    keep_integer_sums,
    quote_words_of_duckdb,
    rows_of,
    take_plain_rows,
)
from include.warehouse.embedded.stage_sql import StageName, parse_location
from include.warehouse.embedded.stages import StageKey, Stages

# it warns of each property that DuckDB does not have, like TRANSIENT
logging.getLogger("sqlglot").setLevel(logging.ERROR)

PRESIGNED_URL_FUNCTION: Final = "embedded_presigned_url"
SCOPED_URL_FUNCTION: Final = "embedded_scoped_url"
BASE_VARIABLE: Final = "embedded_base_url"
"""The session's variable with the address that its client reached us by."""


@dataclass
class Context:
    """What a session's statements are read in; fakesnow's names, as it reads it in place of its own connection."""

    table_stages: TableStages
    database: str | None = None
    _schema: str | None = None
    database_set: bool = False
    schema_set: bool = False
    db_path: None = None
    nop_regexes: None = None
    variables: Variables = field(default_factory=Variables)
    temporary: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    """Temporary tables by name, with the database and schema they were made in, which DuckDB does not keep."""
    _paramstyle: str = "qmark"

    @property
    def schema(self) -> str | None:
        """The current schema."""
        return "INFORMATION_SCHEMA" if self._schema == "_FS_INFORMATION_SCHEMA" else self._schema

    def use(self, database: str | None, schema: str | None) -> None:
        """Change the current database and schema."""
        self.database, self._schema = database, schema
        self.database_set, self.schema_set = database is not None, schema is not None

    def add_temporary(self, create: Expr) -> None:
        """Remember a temporary table that is about to be made."""
        table = create.find(exp.Table)
        if table is not None:
            self.temporary[folded(table.this)] = self._schema_of(table)

    def unqualify_temporary(self, statement: Expr) -> None:
        """Let qualified names of temporary tables find them where DuckDB keeps them, which is in no schema."""
        for table in statement.find_all(exp.Table):
            if table.args.get("db") and self.is_temporary(table):
                table.set("db", None)
                table.set("catalog", None)

    def is_temporary(self, table: exp.Table) -> bool:
        """Say whether the table is a temporary one of this session."""
        return self.temporary.get(folded(table.this)) == self._schema_of(table)

    def _schema_of(self, table: exp.Table) -> tuple[str | None, str | None]:
        database, schema = table.args.get("catalog"), table.args.get("db")
        return folded(database) if database else self.database, folded(schema) if schema else self.schema

    def stage_key(self, name: StageName) -> StageKey:
        """Complete a stage's name.

        Raises:
            SnowflakeError: A part is missing and the session has none either (090105, 090106).
        """
        database, schema = name.database or self.database, name.schema or self.schema
        if not database:
            raise compilation_error("This session does not have a current database.", errno=90105, sqlstate="22000")
        if not schema:
            raise compilation_error("This session does not have a current schema.", errno=90106, sqlstate="22000")
        return StageKey(database, schema, name.name)


class Translator:
    """Translates the statements of one session."""

    def __init__(self, duck: duckdb.DuckDBPyConnection, context: Context, stages: Stages, functions: Functions) -> None:
        self._fakesnow = FakeSnowflakeCursor(cast("FakeSnowflakeConnection", context), duck)
        self._context = context
        self._stages = stages
        self._functions = functions

    def parse(self, sql: str) -> Expr:
        """Parse one statement.

        Raises:
            SnowflakeError: There is none, or more than one.
        """
        if "$" in sql and self._context.variables._variables:
            sql = self._fakesnow._inline_variables(sql)
        parsed = [statement for statement in parse(sql) if statement and not isinstance(statement, exp.Semicolon)]
        if not parsed:
            raise compilation_error("Empty SQL statement.", errno=900)
        if len(parsed) > 1:
            text = f"Actual statement count {len(parsed)} did not match the desired statement count 1."
            raise SnowflakeError(text, errno=8, sqlstate="0A000")
        return parsed[0]

    def translate(self, statement: Expr, parameters: list[Any] | None) -> list[Expr]:
        """Return the statements for DuckDB that do what a Snowflake statement does, mostly one."""
        expand_calls(statement, self._functions, self._context.database, self._context.schema)
        replace_views(statement, self._functions, self._context.database)
        self._replace_stage_references(statement)
        replace_query_history(statement)
        quote_words_of_duckdb(statement)
        self._context.unqualify_temporary(statement)
        keep_integer_sums(statement)
        if isinstance(statement, exp.Create):
            drop_unenforced_constraints(statement)
        rows = take_plain_rows(statement)
        self._fakesnow.check_db_and_schema(statement)
        parts = [statement] if isinstance(statement, exp.Merge) else self._fakesnow._transform_explode(statement)
        translated = [self._fakesnow._transform(part, parameters) for part in parts]
        if rows:
            rows_of(translated[-1]).extend(rows)
        return translated

    def _replace_stage_references(self, statement: Expr) -> None:
        """Put directory tables and URLs where the statement speaks of stages."""
        for table in list(statement.find_all(exp.Table)):
            if isinstance(table.this, exp.DirectoryStage):
                table.replace(self._directory_table(table))
            elif isinstance(table.this, exp.Var) and table.this.name.startswith("@"):
                raise unsupported("SELECT … FROM @stage; use COPY INTO a table")
        for function in list(statement.find_all(exp.Anonymous)):
            name = function.name.upper()
            if name in {"GET_PRESIGNED_URL", "BUILD_STAGE_FILE_URL", "BUILD_SCOPED_FILE_URL"}:
                function.replace(self._url(name, function.expressions))

    def _directory_table(self, table: exp.Table) -> Expr:
        key = self._key(table.this.this.name)
        stage = self._stages.get(key)
        if not stage.directory_enabled:
            raise compilation_error(f"Stage '{key}' has no directory table.", errno=2003, sqlstate="02000")
        return _directory_query(key, table.args.get("alias"))

    def _url(self, function: str, arguments: list[Expr]) -> Expr:
        if len(arguments) not in {2, 3}:
            raise compilation_error(f"{function} takes a stage, a path and seconds", errno=938, sqlstate="22023")
        reference = arguments[0]
        key = self._key(reference.name if isinstance(reference, exp.Literal) else _reference_text(reference))
        self._stages.get(key)
        if function == "BUILD_STAGE_FILE_URL":
            return _file_url(key, arguments[1].copy())
        if function == "BUILD_SCOPED_FILE_URL":
            return exp.Anonymous(
                this=SCOPED_URL_FUNCTION, expressions=[_base_url(), _literal(json.dumps(key)), arguments[1].copy()]
            )
        seconds = arguments[2].copy() if len(arguments) == 3 else exp.Literal.number(3600)
        return exp.Anonymous(
            this=PRESIGNED_URL_FUNCTION,
            expressions=[_base_url(), _literal(json.dumps(key)), arguments[1].copy(), seconds],
        )

    def _key(self, reference: str) -> StageKey:
        location = parse_location(reference)
        if location.path:
            raise syntax_error(f"'{reference}' should name a stage, without a path")
        return self._context.stage_key(location.stage)


def _reference_text(reference: Expr) -> str:
    """Return `@database.schema.stage` as written; sqlglot reads it as a parameter and its fields."""
    if isinstance(reference, exp.Dot):
        return f"{_reference_text(reference.this)}.{_reference_text(reference.expression)}"
    if isinstance(reference, exp.Parameter):
        return f"@{_reference_text(reference.this)}"
    return reference.sql(dialect="snowflake")


def folded(identifier: Expr) -> str:
    """Return an identifier's name as Snowflake stores it."""
    is_quoted = isinstance(identifier, exp.Identifier) and identifier.quoted
    return str(identifier.name if is_quoted else identifier.name.upper())


def _literal(text: str) -> Expr:
    return exp.Literal.string(text)


def _base_url() -> Expr:
    return exp.Anonymous(this="getvariable", expressions=[_literal(BASE_VARIABLE)])


def _file_url(key: StageKey, path: Expr) -> Expr:
    """Return an expression for a file's URL, which is no secret: it opens nothing without a session."""
    prefix = "/api/files/" + "/".join(key) + "/"
    encoded = exp.Anonymous(this="url_encode", expressions=[path])
    return exp.DPipe(this=exp.DPipe(this=_base_url(), expression=_literal(prefix)), expression=encoded)


def changes_query(key: StageKey, alias: Expr, *, after: int, up_to: int) -> Expr:
    """Return a subquery with what a stream on a stage shows: what changed after one version, up to another."""
    bounds = [_literal(str(key)), exp.Literal.number(after), exp.Literal.number(up_to)]
    catalog, schema, _ = DIRECTORY_TABLE.split(".")
    function = exp.Anonymous(this=CHANGES_FUNCTION, expressions=bounds)
    source = exp.Table(this=function, db=exp.to_identifier(schema), catalog=exp.to_identifier(catalog))
    query = _file_columns(key).select(
        *(
            exp.alias_(_column(name), f"METADATA${shown}", quoted=True)
            for name, shown in (("action", "ACTION"), ("is_update", "ISUPDATE"), ("row_id", "ROW_ID"))
        )
    )
    return exp.Subquery(this=query.from_(source), alias=alias)


def _directory_query(key: StageKey, alias: Expr | None) -> Expr:
    """Return a subquery with the columns of Snowflake's directory tables."""
    catalog, schema, table = DIRECTORY_TABLE.split(".")
    source = exp.table_(table, db=schema, catalog=catalog, quoted=True)
    query = _file_columns(key).from_(source).where(_column("stage").eq(_literal(str(key))))
    return exp.Subquery(this=query, alias=alias or exp.TableAlias(this=exp.to_identifier("_DIRECTORY")))


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)


def _file_columns(key: StageKey) -> exp.Select:
    """Select what Snowflake shows of a staged file."""
    modified = exp.Anonymous(
        this="make_timestamptz",
        expressions=[exp.IntDiv(this=_column("modified_ns"), expression=exp.Literal.number(1000))],
    )
    return exp.select(
        exp.alias_(_column("relative_path"), "RELATIVE_PATH", quoted=True),
        exp.alias_(_column("size"), "SIZE", quoted=True),
        exp.alias_(modified, "LAST_MODIFIED", quoted=True),
        exp.alias_(_column("md5"), "MD5", quoted=True),
        exp.alias_(_column("md5"), "ETAG", quoted=True),
        exp.alias_(_file_url(key, _column("relative_path")), "FILE_URL", quoted=True),
    )
