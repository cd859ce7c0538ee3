"""What Snowflake refuses, and what mends it: its own messages say what is wrong, seldom what to do."""

import re
from typing import Final, NamedTuple

from include.errors import AccessDeniedError, MissingObjectError, WarehouseError


class _Refusal(NamedTuple):
    """A refusal by Snowflake's number for it, and by its text where the number stands for several."""

    errnos: frozenset[int]
    pattern: str
    mend: str
    error_class: type[WarehouseError] = WarehouseError


_REFUSALS: Final = (
    _Refusal(
        frozenset({606}),
        "",
        "the virtual warehouse is suspended and does not resume by itself (ALTER WAREHOUSE … SET AUTO_RESUME = TRUE), "
        "is not there, or the role may not use it (./driftgate setup NAME --part account makes it and grants it); "
        "the connection's extra names it as warehouse, else the pipeline file as warehouse.compute",
    ),
    _Refusal(
        frozenset({2003, 2043}),
        r"(?i)integration '",
        "SHOW INTEGRATIONS lists those that are there; ./driftgate setup NAME --part account makes those that the "
        "pipeline file's stages name, or with account.integrations: given lets the owner role use them",
    ),
    _Refusal(
        frozenset({2003}),
        "",
        "is the pipeline set up? ./driftgate setup NAME; if it is, the connection's role lacks a privilege: "
        "./driftgate doctor NAME says which",
        MissingObjectError,
    ),
    _Refusal(
        frozenset({3001, 3003, 3041}),
        "",
        "the connection's role lacks a privilege: ./driftgate setup NAME grants the role …_PIPELINE what the DAGs "
        "need, and ./driftgate doctor NAME says what is missing",
        AccessDeniedError,
    ),
    _Refusal(
        frozenset({2043, 3013}),
        "(?i)requested role|setup/use_role",
        "the role is not there, or not granted to the connection's user (GRANT ROLE … TO USER …)",
        AccessDeniedError,
    ),
    _Refusal(
        frozenset({2043}),
        "setup/use_warehouse",
        "the virtual warehouse is not there, or the role may not use it: ./driftgate setup NAME --part account",
    ),
    _Refusal(
        frozenset({390100}),
        "",
        "the connection's login or password is wrong; a wrong account identifier can look the same: it is the part of "
        "the account's address before .snowflakecomputing.com, like organisation-account",
    ),
    _Refusal(
        frozenset({390144, 390101, 394304}),
        "",
        "the connection's private key does not belong to its user: DESCRIBE USER shows the fingerprint of the public "
        "key that is set (RSA_PUBLIC_KEY_FP), ALTER USER … SET RSA_PUBLIC_KEY sets another; login and account must be "
        "right, too",
    ),
    _Refusal(
        frozenset({390189}),
        "",
        "the connection's extra names a role that its user does not have: GRANT ROLE … TO USER …, or name another "
        "role; ./driftgate setup NAME --part account makes the roles",
        AccessDeniedError,
    ),
    _Refusal(
        frozenset({390422, 390420}),
        "",
        "a network policy of the account does not let this address in: have an administrator allow it",
    ),
    _Refusal(
        frozenset({290403, 290404, 250001, 251001, 540001}),
        r"\b40[34]\b|Verify the account name",
        "there is no such account: the connection's extra names it as account, the part of its address before "
        ".snowflakecomputing.com, like organisation-account",
    ),
)


def refusal_of(errno: int | None, message: str) -> WarehouseError | None:
    """Return the error for a refusal of which it is known what mends it, or None for any other.

    Args:
        errno: Snowflake's or the connector's number.
        message: What was tried, and what Snowflake said about it.
    """
    for refusal in _REFUSALS:
        if errno in refusal.errnos and re.search(refusal.pattern, message):
            return refusal.error_class(f"{message.rstrip()} ({refusal.mend})")
    return None
