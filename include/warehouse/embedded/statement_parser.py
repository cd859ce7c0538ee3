"""What the parsers of statements have in common whose grammar sqlglot does not know: tokens, options, lists."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple, TypeVar

from include.warehouse.embedded.errors import SnowflakeError, syntax_error
from include.warehouse.embedded.stage_sql import Option

StatementT = TypeVar("StatementT")

LEADING_COMMENTS: Final = re.compile(r"\A(?:\s+|--[^\n]*\n?|//[^\n]*\n?|/\*.*?\*/)+", re.DOTALL)
_TOKEN: Final = re.compile(
    r"""
      (?P<space>\s+ | --[^\n]* | /\*.*?\*/ )
    | (?P<string>'(?:[^'\\]|''|\\.)*' | \$\$.*?\$\$ )
    | (?P<path>(?:@|file://)(?:"(?:[^"]|"")*"|[^\s;'"])+)
    | (?P<punctuation>[=(),;])
    | (?P<word>(?:"(?:[^"]|"")*" | [^\s=(),;'"])+)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "b": "\b", "f": "\f"}


class Token(NamedTuple):
    """A word, a string, or a mark; a path without quotes is a word."""

    kind: str
    text: str
    start: int = 0
    end: int = 0

    def is_word(self, *words: str) -> bool:
        """Say whether it is one of these words, in whatever case."""
        return self.kind == "word" and self.text.upper() in words

    def is_mark(self, mark: str) -> bool:
        """Say whether it is this mark."""
        return self.kind == "punctuation" and self.text == mark


END: Final = Token("end", "the end of the statement")


def _scan(sql: str) -> Iterator[Token]:
    position = 0
    while position < len(sql):
        found = _TOKEN.match(sql, position)
        if not found or not found.lastgroup:
            raise syntax_error(f"unexpected {sql[position : position + 20]!r}")
        kind, text, start = found.lastgroup, found.group(), position
        position = found.end()
        if kind == "string":
            yield Token("string", _string(text), start, position)
        elif kind != "space" and text != ";":
            yield Token("word" if kind == "path" else kind, text, start, position)


def _string(literal: str) -> str:
    if literal.startswith("$$"):
        return literal[2:-2]
    return re.sub(
        r"''|\\(.)",
        lambda found: "'" if found[1] is None else _ESCAPES.get(found[1], found[1]),
        literal[1:-1],
        flags=re.DOTALL,
    )


class StatementParser:
    """Recursive descent over the tokens of one statement."""

    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._tokens = list(_scan(sql))
        self._position = 0

    def _parsed_by_verb(self, parsers: Mapping[str, Callable[[], StatementT]]) -> StatementT:
        """Read the statement's first word, and by the parser for it all of the rest."""
        statement = parsers[self._next().text.upper()]()
        if self._peek() is not END:
            raise self._unexpected()
        return statement

    def _options(self) -> dict[str, Option]:
        """Read `NAME = value` pairs, as many as there are; a value may be a parenthesised list of such pairs."""
        options: dict[str, Option] = {}
        while self._peek().kind == "word":
            options.update(self._option())
        return options

    def _option(self) -> dict[str, Option]:
        name = self._value().upper()
        self._expect_mark("=")
        value = self._nested() if self._peek().is_mark("(") else self._value()
        if self._peek().is_mark(","):
            self._next()
        return {name: value}

    def _nested(self) -> Option:
        self._expect_mark("(")
        nested: dict[str, Option] = {}
        while not self._peek().is_mark(")"):
            if self._peek().kind == "string":
                nested[self._value()] = ""
            else:
                nested.update(self._options())
            if self._peek().is_mark(","):
                self._next()
            elif not self._peek().is_mark(")"):
                raise self._unexpected()
        self._expect_mark(")")
        return nested

    def _value(self) -> str:
        if self._peek().kind not in {"word", "string"}:
            raise self._unexpected()
        return self._next().text

    def _peek(self) -> Token:
        return self._tokens[self._position] if self._position < len(self._tokens) else END

    def _next(self) -> Token:
        token = self._peek()
        self._position += 1
        return token

    def _accept(self, *words: str) -> bool:
        ahead = self._tokens[self._position : self._position + len(words)]
        if len(ahead) < len(words) or not all(token.is_word(word) for token, word in zip(ahead, words, strict=True)):
            return False
        self._position += len(words)
        return True

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise self._unexpected()

    def _expect_mark(self, mark: str) -> None:
        if not self._peek().is_mark(mark):
            raise self._unexpected()
        self._next()

    def _unexpected(self) -> SnowflakeError:
        return syntax_error(f"syntax error: unexpected '{self._peek().text}'")
