"""What a task hands to the next one: small, JSON, and not trusted on the other side."""

from dataclasses import asdict, is_dataclass
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from include.errors import ConfigError


class Handover:
    """A base for frozen dataclasses that cross a task border."""

    def to_json(self) -> dict[str, Any]:
        """Return the form in which it crosses the border."""
        if not is_dataclass(self):
            raise TypeError(f"{type(self).__name__} is no dataclass")
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Rebuild it on the other side.

        Raises:
            ConfigError: A field is missing or of another type: whoever may write an XCom may write anything.
        """
        try:
            return TypeAdapter(cls).validate_python(value)
        except ValidationError as error:
            fields = ", ".join(str(finding["loc"][0]) for finding in error.errors() if finding["loc"])
            raise ConfigError(f"not a {cls.__name__} ({fields or 'no fields'}): {value!r}") from error
