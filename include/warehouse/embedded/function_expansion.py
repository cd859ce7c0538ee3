"""What calls of users' functions become: a SQL function its expression, a Python function a call that asks a worker."""

import json
from collections.abc import Iterator
from typing import Final

import sqlglot
from sqlglot import Expr, exp

from include.warehouse.embedded.errors import compilation_error
from include.warehouse.embedded.functions import Function, FunctionKey, Functions

CALL_FUNCTION: Final = "embedded_call_function"
"""The name by which DuckDB knows what `function_calls.FunctionCalls.run` does."""

_MAX_EXPANSIONS: Final = 200
_JSON_TYPES: Final = frozenset({"OBJECT", "VARIANT", "ARRAY"})


def expand_calls(statement: Expr, functions: Functions, database: str | None, schema: str | None) -> None:
    """Put in place of each call of a user's function what DuckDB can run.

    Args:
        statement: What holds the calls; it is changed.
        functions: The functions that there are.
        database: Of names that have none.
        schema: Of names that have none.

    Raises:
        SnowflakeError: A call has the wrong number of arguments, or functions call each other without end.
    """
    for _ in range(_MAX_EXPANSIONS):
        call = next(_calls(statement, functions, database, schema), None)
        if call is None:
            return
        node, function = call
        arguments = _arguments(node.find(exp.Anonymous), function)
        node.replace(_inlined(function, arguments) if function.language == "SQL" else _asked(function, arguments))
    raise compilation_error("Functions call each other without end.", errno=603)


def _calls(
    statement: Expr, functions: Functions, database: str | None, schema: str | None
) -> Iterator[tuple[Expr, Function]]:
    for call in statement.find_all(exp.Anonymous):
        node: Expr = call
        names = [_folded_name(call)]
        while isinstance(node.parent, exp.Dot) and node.arg_key == "expression":
            node = node.parent
            names[:0] = [part.name.upper() for part in node.this.find_all(exp.Identifier)]
        full = [database, schema][: max(0, 3 - len(names))] + names
        if len(full) == 3 and all(full):
            function = functions.find(FunctionKey(*map(str, full)))
            if function is not None:
                yield node, function


def _folded_name(call: exp.Anonymous) -> str:
    return call.name.upper()


def _arguments(call: Expr | None, function: Function) -> list[Expr]:
    given: list[Expr] = [argument.copy() for argument in call.expressions] if call else []
    if not function.n_needed <= len(given) <= len(function.arguments):
        text = f"Invalid argument types for function '{function.key.name}': it takes {function.signature}"
        raise compilation_error(text, errno=1044, sqlstate="42P13")
    missing = function.arguments[len(given) :]
    return given + [sqlglot.parse_one(str(argument.default), dialect="snowflake") for argument in missing]


def _inlined(function: Function, arguments: list[Expr]) -> Expr:
    """Return the body of a SQL function with the arguments in place of their names."""
    body = exp.Paren(this=sqlglot.parse_one(function.body, dialect="snowflake"))
    by_name = {argument.name: value for argument, value in zip(function.arguments, arguments, strict=True)}
    for column in list(body.find_all(exp.Column)):
        if not column.table and column.name.upper() in by_name:
            column.replace(exp.Paren(this=by_name[column.name.upper()].copy()))
    for call in body.find_all(exp.Anonymous):  # names in a body are looked up where the function is
        if not isinstance(call.parent, exp.Dot):
            database, schema, _ = function.key
            path = exp.Dot(this=exp.to_identifier(database), expression=exp.to_identifier(schema))
            call.replace(exp.Dot(this=path, expression=call.copy()))
    return body


def _asked(function: Function, arguments: list[Expr]) -> Expr:
    """Return the call of `FunctionCalls.run` that asks a Python function."""
    rows = exp.cast(exp.Anonymous(this="json_array", expressions=arguments), "VARCHAR")
    name = exp.Literal.string(json.dumps(function.key))
    answer = exp.Anonymous(this=CALL_FUNCTION, expressions=[name, rows])
    if function.returns.upper() in _JSON_TYPES:
        return exp.cast(answer, "JSON")
    text = exp.Anonymous(this="json_extract_string", expressions=[answer, exp.Literal.string("$")])
    return exp.cast(text, function.returns)
