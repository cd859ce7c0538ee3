"""The parser of the statements about stages.

Their grammar is not that of SQL: `PUT file:///a/b.parquet @S/p` holds paths without quotes, and `//` starts a comment
elsewhere. So these statements, and only these, are not left to sqlglot.
"""

import re
from collections.abc import Callable
from typing import Final

from include.warehouse.embedded.errors import syntax_error
from include.warehouse.embedded.stage_sql import (
    IDENTIFIER,
    AlterStage,
    CreateStage,
    DescribeStage,
    DropStage,
    GetFiles,
    ListFiles,
    Location,
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
from include.warehouse.embedded.statement_parser import END, LEADING_COMMENTS, StatementParser


def parse_stage_statement(sql: str) -> StageStatement | None:
    """Return the parsed statement, or None if it is not about a stage.

    Raises:
        SnowflakeError: It is about a stage, and is wrong (001003).
    """
    if not _STARTS_LIKE_ONE.match(LEADING_COMMENTS.sub("", sql)):
        return None
    return _Parser(sql).statement()


_STARTS_LIKE_ONE: Final = re.compile(
    r"(CREATE\s+(OR\s+REPLACE\s+)?(TEMP(ORARY)?\s+)?STAGE|(ALTER|DROP|DESC|DESCRIBE)\s+STAGE|SHOW\s+STAGES"
    r"|LIST|LS|REMOVE|RM|PUT|GET)(\s|;|/\*|--|\Z)",
    re.IGNORECASE,
)


class _Parser(StatementParser):
    """Recursive descent over the tokens of one statement about stages."""

    def statement(self) -> StageStatement:
        parsers: dict[str, Callable[[], StageStatement]] = {
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
        }
        return self._parsed_by_verb(parsers)

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
        while first.kind == "word" and self._peek() is not END and not self._peek().text.startswith("@"):
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
