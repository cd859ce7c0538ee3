"""What cannot be bound: identifiers, stage locations, stage URLs. It passes an allow-list or is refused."""

import re
from collections.abc import Mapping, Sequence

from include.config import PipelineConfig
from include.config_types import STAGE_URL
from include.errors import WarehouseError

WORK_STAGE = "WORK"
"""The internal stage through which rows are loaded."""
MODELS_STAGE = "MODELS"
"""The internal stage that keeps the models' files."""

_IDENTIFIER = re.compile(r"[A-Z_][A-Z0-9_]{0,254}")
_STAGE_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*/?")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9._-]*==[0-9][0-9A-Za-z.]*")
_COMMENT = re.compile(r"[a-z0-9 ]+")
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def quote_identifier(name: str) -> str:
    """Return the identifier as it may stand in a statement.

    It stands there in upper case and without quotes, which need no quotes of their own in `'@STAGE/path'`; reserved
    words, which would need them, are refused with the pipeline file.

    Raises:
        WarehouseError: It is not a plain identifier.
    """
    upper = name.upper()
    if not _IDENTIFIER.fullmatch(upper):
        raise WarehouseError(f"{name!r} is not an identifier: letters, digits and _, not a digit first")
    return upper


def stream_of(stage: str) -> str:
    """Return the name of the stream on a stage, as it may stand in a statement.

    Raises:
        WarehouseError: The stage's name is not a plain identifier.
    """
    return quote_identifier(f"{stage}_CHANGES")


def stage_location(stage: str, path: str = "") -> str:
    """Return `@STAGE/path` for a stage's name and a path below it.

    Raises:
        WarehouseError: The stage's name or the path is not one of ours (no `..`, nothing that would need quotes).
    """
    if path and not _STAGE_PATH.fullmatch(path):
        raise WarehouseError(f"{path!r} is not a path that Driftgate gives to staged files")
    return f"@{quote_identifier(stage)}/{path}"


def quote_url(url: str) -> str:
    """Return a stage's URL as it may stand between single quotes.

    Raises:
        WarehouseError: It is not what `include.config_types.STAGE_URL` allows.
    """
    if not STAGE_URL.fullmatch(url):
        raise WarehouseError(f"{url!r} is not a URL that a stage can have")
    return url


def quote_imports(stage: str, paths: Sequence[str]) -> str:
    """Return staged files as they may stand in IMPORTS = (…).

    Raises:
        WarehouseError: As for `stage_location`.
    """
    return ", ".join(f"'{stage_location(stage, path)}'" for path in paths)


def quote_packages(packages: Sequence[str]) -> str:
    """Return packages, each `name==version`, as they may stand in PACKAGES = (…).

    Raises:
        WarehouseError: One is not of this form.
    """
    for package in packages:
        if not _PACKAGE.fullmatch(package):
            raise WarehouseError(f"{package!r} is not a package with a version, as in numpy==2.1.0")
    return ", ".join(f"'{package}'" for package in packages)


def function_comment(comment: str) -> str:
    """Return the comment of a function as it may stand between single quotes.

    Raises:
        WarehouseError: It has other characters than small letters, digits and blanks.
    """
    if not _COMMENT.fullmatch(comment):
        raise WarehouseError(f"{comment!r} is not a comment that Driftgate gives to functions")
    return comment


def with_identifiers(statement: str, identifiers: Mapping[str, str]) -> str:
    """Fill the `{name}` placeholders of a statement with text that one of the functions above has returned.

    Raises:
        WarehouseError: A placeholder has no value.
    """

    def fill(match: re.Match[str]) -> str:
        try:
            return identifiers[match.group(1)]
        except KeyError:
            raise WarehouseError(f"the statement needs an identifier {match.group(1)!r}") from None

    return _PLACEHOLDER.sub(fill, statement)


def pipeline_identifiers(config: PipelineConfig) -> dict[str, str]:
    """Return the identifiers that the statements of a pipeline may name."""
    return {
        "database": quote_identifier(config.warehouse.database),
        "schema": quote_identifier(config.schema_name),
        "compute": quote_identifier(config.warehouse.compute),
    }
