"""What a statement needs before fakesnow translates it."""

from typing import Final

from sqlglot import Expr, exp

_WORDS_OF_DUCKDB: Final = frozenset(
    {
        "ANTI", "ASC", "ASOF", "AT", "AUTHORIZATION", "BINARY", "COLLATION", "CONCURRENTLY", "DESC", "DESCRIBE", "END",
        "FREEZE", "ISNULL", "LAMBDA", "OVERLAPS", "PIVOT", "PIVOT_LONGER", "PIVOT_WIDER", "POSITIONAL", "SEMI", "SHOW",
        "SIMILAR", "SUMMARIZE", "UNPACK", "UNPIVOT", "VERBOSE",
    }
)  # fmt: skip
"""Names that Snowflake takes as they are, DuckDB only in quotes, which sqlglot does not know."""


def quote_words_of_duckdb(statement: Expr) -> None:
    """Quote names that only DuckDB takes for something else."""
    for identifier in statement.find_all(exp.Identifier):
        if not identifier.quoted and identifier.name.upper() in _WORDS_OF_DUCKDB:
            identifier.set("this", identifier.name.upper())
            identifier.set("quoted", True)  # noqa: FBT003


def keep_integer_sums(statement: Expr) -> None:
    """Hide SUM from fakesnow, which would make every sum a float."""
    for total in list(statement.find_all(exp.Sum)):
        replacement: Expr = exp.Anonymous(this="SUM", expressions=[total.this.copy()])
        if isinstance(total.parent, exp.Select):
            name = f"SUM({total.this.sql(dialect='snowflake').upper()})"
            replacement = exp.alias_(replacement, name, quoted=True)
        total.replace(replacement)


def take_plain_rows(statement: Expr) -> list[Expr]:
    """Take all rows of an INSERT … VALUES but the first, if they hold only constants, which need no translation.

    An executemany of thousands of rows comes as one such statement.
    """
    if not isinstance(statement, exp.Insert) or not isinstance(statement.expression, exp.Values):
        return []
    rows = statement.expression.expressions
    if not all(isinstance(item, _CONSTANTS) for row in rows for item in row.expressions):
        return []
    statement.expression.set("expressions", rows[:1])
    return list(rows[1:])


_CONSTANTS: Final = (exp.Literal, exp.Null, exp.Boolean)


def rows_of(insert: Expr) -> list[Expr]:
    """Return the rows of an INSERT … VALUES."""
    rows: list[Expr] = insert.expression.expressions
    return rows


def drop_unenforced_constraints(create: exp.Create) -> None:
    """Drop what Snowflake accepts and does not enforce: keys and references. A primary key means NOT NULL."""
    if not isinstance(create.this, exp.Schema):
        return
    not_null: set[str] = set()
    kept = []
    for part in create.this.expressions:
        keys = [part, *part.find_all(exp.PrimaryKey)] if not isinstance(part, exp.ColumnDef) else []
        primary = next((key for key in keys if isinstance(key, exp.PrimaryKey)), None)
        if primary is not None:
            not_null.update(key.name.upper() for key in primary.expressions)
        if isinstance(part, exp.ColumnDef):
            kept.append(part)
    create.this.set("expressions", kept)
    for column in kept:
        _keep_enforced(column, is_key=column.name.upper() in not_null)


_UNENFORCED: Final = (
    exp.PrimaryKeyColumnConstraint,
    exp.UniqueColumnConstraint,
    exp.Reference,
    exp.CommentColumnConstraint,
    exp.CheckColumnConstraint,
)


def _keep_enforced(column: exp.ColumnDef, *, is_key: bool) -> None:
    kinds = [constraint.args.get("kind") for constraint in column.constraints]
    is_key = is_key or any(isinstance(kind, exp.PrimaryKeyColumnConstraint) for kind in kinds)
    enforced = [
        constraint
        for constraint in column.constraints
        if not isinstance(constraint.args.get("kind"), _UNENFORCED) and not isinstance(constraint, exp.Reference)
    ]
    if is_key and not any(isinstance(kind, exp.NotNullColumnConstraint) for kind in kinds):
        enforced.append(exp.ColumnConstraint(kind=exp.NotNullColumnConstraint()))
    column.set("constraints", enforced)
