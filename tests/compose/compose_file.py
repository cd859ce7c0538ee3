"""docker-compose.yaml as Docker Compose reads it: anchors merged, variables filled in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>[A-Za-z_]\w*)(?:(?P<operator>:?[-?])(?P<operand>[^}]*))?\})")
"""What our file uses of https://docs.docker.com/reference/compose-file/interpolation/, without nesting."""


class MissingVariableError(Exception):
    """A variable that the file requires is not set."""


@dataclass(frozen=True)
class ComposeFile:
    """The services of a file, as they stand in it.

    Args:
        content: The file's content, with variables as they are written.
    """

    content: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> "ComposeFile":
        return cls(yaml.safe_load(path.read_text(encoding="utf-8")))

    @property
    def services(self) -> dict[str, dict[str, Any]]:
        services: dict[str, dict[str, Any]] = self.content["services"]
        return services

    def filled_in(self, variables: Mapping[str, str]) -> "ComposeFile":
        """Return the file with its variables filled in.

        Raises:
            MissingVariableError: One that is required is not set, or empty.
        """
        return ComposeFile(_filled_in(self.content, variables))

    def variables(self) -> dict[str, set[str]]:
        """Return each variable of the file with the operators that it is used with: `:?`, `:-`, or none."""
        found: dict[str, set[str]] = {}
        for text in strings_of(self.content):
            for match in _VARIABLE.finditer(text):
                if match["name"]:
                    found.setdefault(match["name"], set()).add(match["operator"] or "")
        return found

    def environment(self, service: str) -> dict[str, str]:
        """Return a service's environment."""
        given = self.services[service].get("environment") or {}
        return {name: str(value) for name, value in given.items()}


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of a .env file; those to fill in are empty."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def strings_of(content: Any) -> list[str]:
    """Return every string below a value of YAML, without the keys."""
    if isinstance(content, Mapping):
        return [text for value in content.values() for text in strings_of(value)]
    if isinstance(content, list):
        return [text for value in content for text in strings_of(value)]
    return [content] if isinstance(content, str) else []


def _filled_in(content: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(content, Mapping):
        return {key: _filled_in(value, variables) for key, value in content.items()}
    if isinstance(content, list):
        return [_filled_in(value, variables) for value in content]
    if isinstance(content, str):
        return _VARIABLE.sub(lambda match: _value(match, variables), content)
    return content


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    if match["escaped"]:
        return "$"
    value, operator = variables.get(match["name"]), match["operator"] or ""
    if value or (value is not None and not operator.startswith(":")):
        return value
    if operator.endswith("?"):
        raise MissingVariableError(f"{match['name']}: {match['operand']}")
    return match["operand"] or ""
