"""`TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(…))`: how a statement reads the query log."""

from typing import Final

import pyarrow as pa
from sqlglot import Expr, exp

from include.warehouse.embedded.databases import GLOBAL
from include.warehouse.embedded.errors import compilation_error, unsupported

QUERY_HISTORY: Final = "QUERY_HISTORY"
QUERY_LOG_TABLE: Final = f"{GLOBAL}.main.query_log"

_TEXT: Final = pa.string()
_NUMBER: Final = pa.int64()
_TIME: Final = pa.timestamp("us", tz="UTC")
COLUMNS: Final = pa.schema(
    {
        "QUERY_ID": _TEXT,
        "QUERY_TYPE": _TEXT,
        "DATABASE_NAME": _TEXT,
        "SCHEMA_NAME": _TEXT,
        "SESSION_ID": _NUMBER,
        "WAREHOUSE_NAME": _TEXT,
        "WAREHOUSE_SIZE": _TEXT,
        "QUERY_TAG": _TEXT,
        "START_TIME": _TIME,
        "END_TIME": _TIME,
        "EXECUTION_STATUS": _TEXT,
        "ERROR_CODE": _TEXT,
        "TOTAL_ELAPSED_TIME": _NUMBER,
        "EXECUTION_TIME": _NUMBER,
        "ROWS_PRODUCED": _NUMBER,
    }
)
"""Those of Snowflake's columns that are kept here, with their meaning from there: times of day, and milliseconds."""

_ARGUMENTS: Final = frozenset({"END_TIME_RANGE_START", "END_TIME_RANGE_END", "RESULT_LIMIT"})
_DEFAULT_LIMIT: Final = 100


def replace_query_history(statement: Expr) -> None:
    """Put the log's table where a statement reads Snowflake's table function.

    Raises:
        SnowflakeError: It reads another function of that family, or has an argument that is not known here.
    """
    for table in list(statement.find_all(exp.TableFromRows)):
        function = table.find(exp.Anonymous)
        if function is None or not function.name.upper().startswith(QUERY_HISTORY):
            continue
        if function.name.upper() != QUERY_HISTORY:
            raise unsupported(f"{function.name.upper()}: use {QUERY_HISTORY}")
        alias = table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(QUERY_HISTORY))
        table.replace(exp.Subquery(this=_latest(function), alias=alias))


def _latest(function: exp.Anonymous) -> exp.Select:
    arguments = {argument.name.upper(): argument.expression.copy() for argument in function.expressions}
    if unknown := arguments.keys() - _ARGUMENTS:
        text = f"{QUERY_HISTORY} has no argument {', '.join(sorted(unknown))}"
        raise compilation_error(text, errno=939, sqlstate="22023")
    catalog, schema, table = QUERY_LOG_TABLE.split(".")
    columns = [exp.column(name, quoted=True) for name in COLUMNS.names]
    query = exp.select(*columns).from_(exp.table_(table, db=schema, catalog=catalog, quoted=True))
    end_time = exp.column("END_TIME", quoted=True)
    if since := arguments.get("END_TIME_RANGE_START"):
        query = query.where(exp.GTE(this=end_time.copy(), expression=since))
    if until := arguments.get("END_TIME_RANGE_END"):
        query = query.where(exp.LTE(this=end_time.copy(), expression=until))
    limit = arguments.get("RESULT_LIMIT") or exp.Literal.number(_DEFAULT_LIMIT)
    return query.order_by(exp.Ordered(this=end_time, desc=True)).limit(limit)
