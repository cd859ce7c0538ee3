"""What cannot be bound: identifiers, stage locations, stage URLs. It passes an allow-list or is refused."""

import re
from collections.abc import Mapping

from include.config import PipelineConfig
from include.config_types import STAGE_URL
from include.errors import WarehouseError

WORK_STAGE = "WORK"
"""The internal stage through which rows are loaded."""
MODELS_STAGE = "MODELS"
"""The internal stage that keeps the models' files."""

_IDENTIFIER = re.compile(r"[A-Z_][A-Z0-9_]{0,254}")
_STAGE_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*/?")
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
