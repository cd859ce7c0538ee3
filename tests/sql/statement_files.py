"""Which file below include/sql a statement comes from that was sent to the warehouse."""

import re
from functools import lru_cache

from include.warehouse.session import SQL_FOLDER, read_statement

_PLACEHOLDER = re.compile(r"%\((?P<bound>[a-z_0-9]+)\)s|\{(?P<identifier>[a-z_]+)\}")
_WORD = r"[A-Za-z0-9_@./:+=~-]+"
_IDENTIFIER = rf"(?:{_WORD}(?:,? {_WORD})*|'{_WORD}'(?:, '{_WORD}')*)"
"""Also a list of privileges, of staged files, of packages, and a comment."""
_VALUE = r"(?:NULL|TRUE|FALSE|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|'(?:[^'\\]|\\.|'')*')"
_VALUES = rf"{_VALUE}(?:,\s*{_VALUE})*"


def file_of(sql: str) -> str | None:
    """Return the statement's name below include/sql: its text is the file's, with one literal for each bound value.

    Values are bound by the connector, which puts them into the text as literals before it sends it.
    """
    matching = (name for name, pattern in _patterns().items() if pattern.fullmatch(sql.strip()))
    return next(matching, None)


@lru_cache(maxsize=1)
def _patterns() -> dict[str, re.Pattern[str]]:
    names = sorted(str(path.relative_to(SQL_FOLDER).with_suffix("")) for path in SQL_FOLDER.rglob("*.sql"))
    return {name: _pattern(read_statement(name).strip()) for name in names}


def _pattern(text: str) -> re.Pattern[str]:
    pattern, end = "", 0
    for found in _PLACEHOLDER.finditer(text):
        pattern += re.escape(text[end : found.start()].replace("%%", "%"))
        pattern += _IDENTIFIER if found["identifier"] else rf"(?:{_VALUES}|\({_VALUES}\))"
        end = found.end()
    return re.compile(pattern + re.escape(text[end:].replace("%%", "%")), re.DOTALL)
