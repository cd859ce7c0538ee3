"""CREATE FUNCTION and DROP FUNCTION, for functions in Python from staged files and for SQL expressions."""

from typing import Any

import sqlglot
from fakesnow import statement_type
from sqlglot import Expr, exp

from include.warehouse.embedded.answers import Answer, succeeded
from include.warehouse.embedded.errors import SnowflakeError, compilation_error, unsupported
from include.warehouse.embedded.function_calls import imported_file
from include.warehouse.embedded.functions import Argument, Function, FunctionKey, Functions
from include.warehouse.embedded.packages import missing_packages
from include.warehouse.embedded.stage_sql import parse_location
from include.warehouse.embedded.stages import Stages
from include.warehouse.embedded.translation import Context, folded


class FunctionStatements:
    """Runs them."""

    def __init__(self, functions: Functions, stages: Stages) -> None:
        self._functions = functions
        self._stages = stages

    def run(self, context: Context, statement: exp.Create | exp.Drop) -> Answer:
        """Run one of them.

        Raises:
            SnowflakeError: It is refused; nothing is changed then.
        """
        if isinstance(statement, exp.Drop):
            return self._drop(context, statement)
        function = _described(context, statement)
        if function.language == "PYTHON":
            self._check(function)
        is_new = self._functions.create(
            function, replace=bool(statement.args.get("replace")), if_not_exists=bool(statement.args.get("exists"))
        )
        said = "successfully created." if is_new else "already exists, statement succeeded."
        return succeeded(f"Function {function.key.name} {said}", type_id=statement_type.DDL)

    def _drop(self, context: Context, statement: exp.Drop) -> Answer:
        key = function_key(context, statement.args["tables"][0])
        if_exists = bool(statement.args.get("exists"))
        function = self._functions.find(key)
        if function is not None and len(statement.expressions) != len(function.arguments):
            if if_exists:  # it is another function of this name that is there
                return succeeded("Drop statement executed successfully.", type_id=statement_type.DDL)
            given = ", ".join(kind.sql(dialect="snowflake") for kind in statement.expressions)
            raise compilation_error(f"Function '{key.name}({given})' does not exist.", errno=2003, sqlstate="42S02")
        self._functions.drop(key, if_exists=if_exists)
        return succeeded(f"{key.name} successfully dropped.", type_id=statement_type.DDL)

    def _check(self, function: Function) -> None:
        """Refuse a Python function whose files or packages are not there, as Snowflake does."""
        if missing := missing_packages(function.packages):
            text = (
                "Cannot create a Python function with the specified packages. Please check your packages specification "
                f"and try again. Packages not found: {', '.join(missing)}"
            )
            raise compilation_error(text, errno=391546, sqlstate="22023")
        paths = [imported_file(self._stages, location) for location in function.imports]
        names = [path.name for path in paths]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise compilation_error(f"Two imports are called {twice[0]}.", errno=2139, sqlstate="22023")


def function_key(context: Context, table: exp.Table) -> FunctionKey:
    """Complete a function's name.

    Raises:
        SnowflakeError: A part is missing and the session has none either (090105).
    """
    database = folded(table.args["catalog"]) if table.args.get("catalog") else context.database
    schema = folded(table.args["db"]) if table.args.get("db") else context.schema
    if not database or not schema:
        raise compilation_error("This session does not have a current schema.", errno=90105, sqlstate="22000")
    return FunctionKey(database, schema, folded(table.this))


def _described(context: Context, statement: exp.Create) -> Function:
    signature = statement.this
    if not isinstance(signature, exp.UserDefinedFunction):
        raise unsupported("this form of CREATE FUNCTION")
    if statement.find(exp.TemporaryProperty) or statement.find(exp.SecureProperty):
        raise unsupported("temporary and secure functions")
    found = _properties(statement)
    language = str(found.get("LANGUAGE", "SQL")).upper()
    key = function_key(context, signature.this)
    arguments = tuple(_argument(column) for column in signature.expressions)
    returns, comment = str(found["RETURNS"]), str(found.get("COMMENT", ""))
    body = statement.expression.name if isinstance(statement.expression, exp.Literal | exp.RawString) else ""
    if language == "SQL":
        _check_expression(body)
        return Function(key=key, arguments=arguments, returns=returns, language="SQL", body=body, comment=comment)
    if language != "PYTHON" or body:
        raise unsupported(f"a function in {language} with its code in the statement; stage a Python module")
    if not found.get("HANDLER") or not found.get("RUNTIME_VERSION"):
        raise compilation_error("A Python function needs HANDLER and RUNTIME_VERSION", errno=2139, sqlstate="22023")
    return Function(
        key=key,
        arguments=arguments,
        returns=returns,
        language="PYTHON",
        handler=str(found["HANDLER"]),
        imports=tuple(_full_location(context, text) for text in found.get("IMPORTS", ())),
        packages=tuple(found.get("PACKAGES", ())),
        runtime=str(found["RUNTIME_VERSION"]),
        comment=comment,
    )


def _full_location(context: Context, text: str) -> str:
    parsed = parse_location(text)
    return f"@{context.stage_key(parsed.stage)}/{parsed.path}"


def _properties(statement: exp.Create) -> dict[str, Any]:
    """Return what stands between the arguments and the body, by name."""
    found: dict[str, Any] = {}
    for item in statement.args["properties"].expressions if statement.args.get("properties") else ():
        match item:
            case exp.ReturnsProperty() if isinstance(item.this, exp.DataType):
                found["RETURNS"] = item.this.sql(dialect="snowflake")
            case exp.LanguageProperty():
                found["LANGUAGE"] = item.name
            case exp.HandlerProperty():
                found["HANDLER"] = item.name
            case exp.SchemaCommentProperty():
                found["COMMENT"] = item.name
            case exp.Property() if isinstance(item.this, exp.Var):
                found[item.name.upper()] = _value(item.args["value"])
    if "RETURNS" not in found:
        raise unsupported("a function that returns a table")
    return found


def _value(value: Expr) -> str | tuple[str, ...]:
    if isinstance(value, exp.Tuple):
        return tuple(part.name for part in value.expressions)
    return (value.this.name,) if isinstance(value, exp.Paren) else str(value.name)


def _argument(column: Expr) -> Argument:
    if not isinstance(column, exp.ColumnDef):
        raise unsupported("arguments of a function without a type")
    default = column.find(exp.DefaultColumnConstraint)
    kind = column.args["kind"].sql(dialect="snowflake")
    return Argument(folded(column.this), kind, default.this.sql(dialect="snowflake") if default else None)


def _check_expression(body: str) -> None:
    try:
        parsed = sqlglot.parse_one(body, dialect="snowflake")
    except sqlglot.ParseError as error:
        raise SnowflakeError(f"SQL compilation error:\n{error}", errno=1003, sqlstate="42000") from error
    if isinstance(parsed, exp.Query | exp.DDL):
        raise unsupported("a SQL function with a query; only with an expression")
