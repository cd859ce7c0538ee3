"""CURRENT_USER, CURRENT_ROLE and the like: a session's own facts, which DuckDB does not know."""

from sqlglot import Expr, exp

from include.warehouse.embedded.account_statements import ACCOUNT_NAME
from include.warehouse.embedded.sessions import Session


def put_facts_into(statement: Expr, session: Session) -> None:
    """Put a session's facts in the place of the functions that ask for them."""
    facts: dict[type[Expr], tuple[str, str | None]] = {
        exp.CurrentAccount: ("CURRENT_ACCOUNT()", ACCOUNT_NAME),
        exp.CurrentUser: ("CURRENT_USER()", session.user),
        exp.CurrentRole: ("CURRENT_ROLE()", session.role),
        exp.CurrentWarehouse: ("CURRENT_WAREHOUSE()", session.compute),
    }
    for function in list(statement.find_all(*facts)):
        name, value = facts[type(function)]
        literal: Expr = exp.Null() if value is None else exp.Literal.string(value)
        is_column = isinstance(function.parent, exp.Select)
        function.replace(exp.alias_(literal, name, quoted=True) if is_column else literal)
