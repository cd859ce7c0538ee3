"""What the environment of snowflake-ml-python is asked, and what it answers.

The request has the connection's secrets in it: it crosses over in a file that nobody else may read, and that is gone as
soon as it was read. The answer has none.
"""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from include.config import PipelineConfig
from include.handover import Handover

_BYTES = "base64"


class RegistryRequest(NamedTuple):
    """Put the champion of a pipeline into Snowflake's Model Registry."""

    connection: Mapping[str, Any]
    """Parameters of the connector."""
    config: PipelineConfig

    def write(self, path: Path) -> None:
        """Write it into a new file that only this user may read."""
        content = {"connection": dict(self.connection), "config": self.config.to_json()}
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(content, file, default=_from_bytes)

    @classmethod
    def take(cls, path: Path) -> "RegistryRequest":
        """Read it and remove the file."""
        content = json.loads(path.read_text(encoding="utf-8"), object_hook=_to_bytes)
        path.unlink()
        return cls(content["connection"], PipelineConfig.from_json(content["config"]))


@dataclass(frozen=True, kw_only=True)
class RegistryAnswer(Handover):
    """What became of a request."""

    version: int | None = None
    """Which version is champion in the registry now; None: there is no champion, or it failed."""
    model: str | None = None
    """The model's full name."""
    error: str | None = None
    is_transient: bool = False
    """Whether the same may succeed when it is tried again."""


def _from_bytes(value: Any) -> dict[str, str]:
    """Return the form of a private key, which is the only parameter that JSON does not know."""
    if not isinstance(value, bytes):
        raise TypeError(f"a parameter of the connection is of type {type(value).__name__}")
    return {_BYTES: base64.b64encode(value).decode()}


def _to_bytes(value: dict[str, Any]) -> Any:
    return base64.b64decode(value[_BYTES]) if value.keys() == {_BYTES} else value
