"""The scanner and the parser of the statements about stages.

Their grammar is not that of SQL: `PUT file:///a/b.parquet @S/p` holds paths without quotes, and `//` starts a comment
elsewhere. So these statements, and only these, are not left to sqlglot.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from include.warehouse.embedded.errors import SnowflakeError, syntax_error
from include.warehouse.embedded.stage_sql import (
    IDENTIFIER,
    AlterStage,
    CreateStage,
    DescribeStage,
    DropStage,
    GetFiles,
    ListFiles,
    Location,
    Option,
    PutFiles,
    RefreshStage,
    RemoveFiles,
    ShowStages,
    StageName,
    StageStatement,
    parse_location,
    stage_name,
    unquoted,
)


def parse_stage_statement(sql: str) -> StageStatement | None:
    """Return the parsed statement, or None if it is not about a stage.

    Raises:
        SnowflakeError: It is about a stage, and is wrong (001003).
    """
    if not _STARTS_LIKE_ONE.match(_LEADING_COMMENTS.sub("", sql)):
        return None
    return _Parser(sql).statement()


_LEADING_COMMENTS: Final = re.compile(r"\A(?:\s+|--[^\n]*\n?|//[^\n]*\n?|/\*.*?\*/)+", re.DOTALL)
_STARTS_LIKE_ONE: Final = re.compile(
    r"(CREATE\s+(OR\s+REPLACE\s+)?(TEMP(ORARY)?\s+)?STAGE|(ALTER|DROP|DESC|DESCRIBE)\s+STAGE|SHOW\s+STAGES"
    r"|LIST|LS|REMOVE|RM|PUT|GET)(\s|;|/\*|--|\Z)",
    re.IGNORECASE,
)
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


class _Token(NamedTuple):
    kind: str
    text: str
    start: int = 0
    end: int = 0

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.upper() in words

    def is_mark(self, mark: str) -> bool:
        return self.kind == "punctuation" and self.text == mark


_END: Final = _Token("end", "the end of the statement")


def _scan(sql: str) -> Iterator[_Token]:
    position = 0
    while position < len(sql):
        found = _TOKEN.match(sql, position)
        if not found or not found.lastgroup:
            raise syntax_error(f"unexpected {sql[position : position + 20]!r}")
        kind, text, start = found.lastgroup, found.group(), position
        position = found.end()
        if kind == "string":
            yield _Token("string", _string(text), start, position)
        elif kind != "space" and text != ";":
            yield _Token("word" if kind == "path" else kind, text, start, position)


def _string(literal: str) -> str:
    if literal.startswith("$$"):
        return literal[2:-2]
    return re.sub(
        r"''|\\(.)",
        lambda found: "'" if found[1] is None else _ESCAPES.get(found[1], found[1]),
        literal[1:-1],
        flags=re.DOTALL,
    )


class _Parser:
    """Recursive descent over the tokens of one statement."""

    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._tokens = list(_scan(sql))
        self._position = 0

    def statement(self) -> StageStatement:
        verb = self._next().text.upper()
        parse = {
            "CREATE": self._create,
            "ALTER": self._alter,
            "DROP": self._drop,
            "DESC": self._describe,
            "DESCRIBE": self._describe,
            "SHOW": self._show,
            "LIST": self._list,
            "LS": self._list,
            "REMOVE": self._remove,
            "RM": self._remove,
            "PUT": self._put,
            "GET": self._get,
        }[verb]
        statement: StageStatement = parse()
        if self._peek() is not _END:
            raise self._unexpected()
        return statement

    def _create(self) -> CreateStage:
        replace = self._accept("OR", "REPLACE")
        temporary = self._accept("TEMPORARY") or self._accept("TEMP")
        self._expect("STAGE")
        if_not_exists = self._accept("IF", "NOT", "EXISTS")
        return CreateStage(self._name(), replace, if_not_exists, temporary, self._options())

    def _alter(self) -> AlterStage | RefreshStage:
        self._expect("STAGE")
        if_exists = self._accept("IF", "EXISTS")
        stage = self._name()
        if self._accept("REFRESH"):
            subpath = self._options().get("SUBPATH", "")
            return RefreshStage(stage, if_exists, str(subpath))
        self._expect("SET")
        return AlterStage(stage, if_exists, self._options())

    def _drop(self) -> DropStage:
        self._expect("STAGE")
        if_exists = self._accept("IF", "EXISTS")
        return DropStage(self._name(), if_exists)

    def _describe(self) -> DescribeStage:
        self._expect("STAGE")
        return DescribeStage(self._name())

    def _show(self) -> ShowStages:
        self._expect("STAGES")
        like = self._value() if self._accept("LIKE") else None
        if not self._accept("IN"):
            return ShowStages(like, (), everywhere=False)
        if self._accept("ACCOUNT"):
            return ShowStages(like, (), everywhere=True)
        if self._peek().is_word("SCHEMA", "DATABASE"):
            self._next()
        scope = tuple(unquoted(part) for part in IDENTIFIER.findall(self._next().text))
        return ShowStages(like, scope, everywhere=False)

    def _list(self) -> ListFiles:
        return ListFiles(self._location(), self._pattern())

    def _remove(self) -> RemoveFiles:
        return RemoveFiles(self._location(), self._pattern())

    def _put(self) -> PutFiles:
        first = last = self._peek()
        source = self._local_path()
        # the connector asks again for each file, with its bare name in place of the path: with blanks, without quotes
        while first.kind == "word" and self._peek() is not _END and not self._peek().text.startswith("@"):
            last = self._next()
        if last is not first:
            source = self._sql[first.start : last.end].removeprefix("file://")
        return PutFiles(source, self._location(), self._options())

    def _get(self) -> GetFiles:
        location = self._location()
        return GetFiles(location, self._local_path(), self._pattern())

    def _name(self) -> StageName:
        return stage_name(self._value())

    def _location(self) -> Location:
        return parse_location(self._value())

    def _local_path(self) -> str:
        url = self._value()
        if not url.startswith("file://"):
            raise syntax_error(f"a local path starts with file://, got '{url}'")
        return url.removeprefix("file://")

    def _pattern(self) -> str | None:
        pattern = self._options().get("PATTERN")
        return None if pattern is None else str(pattern)

    def _options(self) -> dict[str, Option]:
        """Read `NAME = value` pairs, as many as there are; a value may be a parenthesised list of such pairs."""
        options: dict[str, Option] = {}
        while self._peek().kind == "word" and (name := self._next().text.upper()):
            self._expect_mark("=")
            options[name] = self._nested() if self._peek().is_mark("(") else self._value()
            if self._peek().is_mark(","):
                self._next()
        return options

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

    def _peek(self) -> _Token:
        return self._tokens[self._position] if self._position < len(self._tokens) else _END

    def _next(self) -> _Token:
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
