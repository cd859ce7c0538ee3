"""The statements about stages and staged files, as they were understood; `stage_parser` reads them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from include.warehouse.embedded.errors import syntax_error, unsupported

Option = str | Mapping[str, "Option"]


class StageName(NamedTuple):
    """A stage's name as written: missing parts come from the session."""

    database: str | None
    schema: str | None
    name: str


class Location(NamedTuple):
    """`@stage/path`: the path is a prefix, without a leading slash."""

    stage: StageName
    path: str


@dataclass(frozen=True)
class CreateStage:
    """CREATE STAGE."""

    stage: StageName
    replace: bool
    if_not_exists: bool
    temporary: bool
    options: Mapping[str, Option]


@dataclass(frozen=True)
class AlterStage:
    """ALTER STAGE … SET."""

    stage: StageName
    if_exists: bool
    options: Mapping[str, Option]


@dataclass(frozen=True)
class RefreshStage:
    """ALTER STAGE … REFRESH."""

    stage: StageName
    if_exists: bool
    subpath: str


@dataclass(frozen=True)
class DropStage:
    """DROP STAGE."""

    stage: StageName
    if_exists: bool


@dataclass(frozen=True)
class DescribeStage:
    """DESCRIBE STAGE."""

    stage: StageName


@dataclass(frozen=True)
class ShowStages:
    """SHOW STAGES; `scope` names the schema or the database that was asked for."""

    like: str | None
    scope: tuple[str, ...]
    everywhere: bool


@dataclass(frozen=True)
class ListFiles:
    """LIST."""

    location: Location
    pattern: str | None


@dataclass(frozen=True)
class RemoveFiles:
    """REMOVE."""

    location: Location
    pattern: str | None


@dataclass(frozen=True)
class PutFiles:
    """PUT: the client uploads what `source`, a path with wildcards on its own machine, matches."""

    source: str
    location: Location
    options: Mapping[str, Option] = field(default_factory=dict)


@dataclass(frozen=True)
class GetFiles:
    """GET: the client downloads into `target`, a folder on its own machine."""

    location: Location
    target: str
    pattern: str | None


StageStatement = (
    CreateStage
    | AlterStage
    | RefreshStage
    | DropStage
    | DescribeStage
    | ShowStages
    | ListFiles
    | RemoveFiles
    | PutFiles
    | GetFiles
)


def parse_location(text: str) -> Location:
    """Read `@[database.][schema.]stage[/path]`.

    Raises:
        SnowflakeError: The text is no stage location (001003), or names a user's or a table's stage.
    """
    if not text.startswith("@"):
        raise syntax_error(f"a stage location starts with @, got '{text}'")
    if text.startswith(("@~", "@%")):
        raise unsupported("the stage of a user or of a table")
    found = _LOCATION.fullmatch(text)
    if not found:
        raise syntax_error(f"'{text}' is not a stage location")
    return Location(stage_name(found["stage"]), found["path"] or "")


def stage_name(text: str) -> StageName:
    """Read `[database.][schema.]stage`, unquoted parts in upper case."""
    parts = IDENTIFIER.findall(text)
    if not 1 <= len(parts) <= 3 or ".".join(parts) != text:
        raise syntax_error(f"'{text}' is not the name of a stage")
    names = [unquoted(part) for part in parts]
    return StageName(*([None] * (3 - len(names)) + names))  # type: ignore[arg-type]


IDENTIFIER: Final = re.compile(r'"(?:[^"]|"")+"|[A-Za-z_][\w$]*')
_LOCATION: Final = re.compile(r'@(?P<stage>(?:"(?:[^"]|"")+"|[^"/])+)(?:/(?P<path>.*))?', re.DOTALL)


def unquoted(text: str) -> str:
    """Return an identifier as Snowflake stores it: in upper case if it has no quotes."""
    return text[1:-1].replace('""', '"') if text.startswith('"') else text.upper()
