"""Views of INFORMATION_SCHEMA that fakesnow lacks: PACKAGES and FUNCTIONS."""

from collections.abc import Sequence

from sqlglot import Expr, exp

from include.warehouse.embedded.functions import Functions
from include.warehouse.embedded.packages import RUNTIME_VERSION, installed_packages

_SCHEMA = "INFORMATION_SCHEMA"
_PACKAGES = ("PACKAGE_NAME", "VERSION", "LANGUAGE", "RUNTIME_VERSION")
_FUNCTIONS = (
    *("FUNCTION_CATALOG", "FUNCTION_SCHEMA", "FUNCTION_NAME", "ARGUMENT_SIGNATURE", "DATA_TYPE", "FUNCTION_LANGUAGE"),
    *("FUNCTION_DEFINITION", "CREATED", "COMMENT", "HANDLER", "RUNTIME_VERSION"),
)

Row = tuple[str | None, ...]


def replace_views(statement: Expr, functions: Functions, database: str | None) -> None:
    """Put their rows in the place of these views.

    Args:
        statement: What reads them; it is changed.
        functions: The functions that there are.
        database: The current one.
    """
    for table in list(statement.find_all(exp.Table)):
        if table.db.upper() != _SCHEMA:
            continue
        if table.name.upper() == "PACKAGES":
            rows = [(name, version, "python", RUNTIME_VERSION) for name, version in installed_packages()]
            table.replace(_rows(table, _PACKAGES, rows))
        elif table.name.upper() == "FUNCTIONS":
            of_database = table.catalog.upper() or database or ""
            table.replace(_rows(table, _FUNCTIONS, _functions(functions, of_database)))


def _functions(functions: Functions, database: str) -> list[Row]:
    return [
        (
            *(*function.key, function.signature, function.returns, function.language),
            *(function.body or None, function.created_at, function.comment or None),
            *(function.handler or None, function.runtime or None),
        )
        for function in functions.all(database)
    ]


def _rows(table: exp.Table, names: Sequence[str], rows: Sequence[Row]) -> Expr:
    """Return a subquery with these rows, of text."""
    # one row of nulls, left out again, says what the types are where there are no rows
    values = exp.values([tuple(exp.cast(exp.Null(), "VARCHAR") for _ in names), *rows], alias="V", columns=list(names))
    query = exp.select(*(exp.column(name, quoted=True) for name in names)).from_(values)
    query = query.where(exp.column(names[0], quoted=True).is_(exp.Null()).not_())
    return exp.Subquery(this=query, alias=table.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table.name)))
