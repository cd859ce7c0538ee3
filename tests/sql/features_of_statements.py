"""Which features of Snowflake's SQL a statement uses, as sqlfluff's snowflake dialect reads it.

A feature is a line of text:

- `statement MERGE`: a kind of statement,
- `MERGE: USING`: a word of that kind of statement,
- `query: QUALIFY`: a word of a query, wherever the query stands,
- `function SHA2`: a function, table functions among them,
- `type VARIANT`: a data type, without its length,
- `operator ::`: an operator, or another sign that is more than a comma, a bracket or a dot.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from sqlfluff.core import FluffConfig, Linter

from include.warehouse.session import SQL_FOLDER

_QUERIES = {"select_statement", "with_compound_statement", "set_expression"}
_OPERATORS = {"comparison_operator", "binary_operator", "column_index_identifier_segment"}
_NAMING = {"CREATE FUNCTION", "DROP FUNCTION"}
"""Kinds of statements that name a function which is not Snowflake's."""
_SIGNS = {"::", ":", "=>", "[", "+", "-", "/", "%"}


@lru_cache(maxsize=1)
def _linter() -> Linter:
    return Linter(config=FluffConfig.from_path(str(SQL_FOLDER)))


def features_of(sql: str) -> set[str]:
    """Return the features that one statement uses.

    Raises:
        ValueError: It is no statement of the snowflake dialect.
    """
    with _uncollected():
        parsed = _linter().parse_string(sql)
        variant = parsed.root_variant()
        if variant is None or parsed.violations or variant.tree is None or "unparsable" in variant.tree.type_set():
            raise ValueError(f"sqlfluff cannot parse: {parsed.violations or sql}")
        [statement] = [found.segments[0] for found in variant.tree.recursive_crawl("statement", recurse_into=False)]
        kind = _kind(statement)
        return {f"statement {kind}", *_inside(statement, kind, "query" if statement.type in _QUERIES else kind)}


@contextmanager
def _uncollected() -> Iterator[None]:
    """Let nobody look for garbage meanwhile: among all the objects of a tree, that is a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _kind(statement: Any) -> str:
    """Return what kind of statement it is, in as many words as its type has: `CREATE TABLE`."""
    if statement.type in _QUERIES:
        return "SELECT"
    named = statement.type.removesuffix("_statement").removesuffix("_segment").replace("_", " ").upper()
    first = next(statement.recursive_crawl("keyword")).raw.upper()
    return named if named.split()[0] == first else first


def _inside(segment: Any, kind: str, place: str) -> Iterator[str]:
    for part in segment.segments:
        if part.is_type("keyword"):
            if part.raw.upper() not in kind.split() or place == "query":
                yield f"{place}: {part.raw.upper()}"
        elif part.is_type("function_name"):
            if place not in _NAMING:
                yield f"function {part.raw.upper()}"
        elif part.is_type("data_type"):
            yield f"type {part.raw.upper().partition('(')[0].strip()}"
        elif part.type in _OPERATORS or part.raw in _SIGNS:
            yield f"operator {part.raw.upper()}"
        else:
            yield from _inside(part, kind, "query" if part.type in _QUERIES else place)
