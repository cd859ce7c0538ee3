"""A version that may become champion, as it goes from the evaluation to the gate."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from include.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Challenger:
    """A registered version that may become champion."""

    version: int
    accuracy: float
    """On the test images."""
    n_test_images: int
    champion_event_seq: int
    """The champion that it was evaluated against, by the event that made it so."""

    def to_json(self) -> dict[str, Any]:
        """Return the form in which it crosses a task border."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Rebuild it from `to_json`'s form.

        Raises:
            ConfigError: It is something else.
        """
        try:
            return cls(**value)
        except TypeError as error:
            raise ConfigError(f"not a challenger: {value!r}") from error
