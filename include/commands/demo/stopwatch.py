"""How long each step of the demo takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from include.commands.console import Output


@dataclass
class Stopwatch:
    """Says and keeps how long each step took."""

    output: Output
    seconds: dict[str, float] = field(default_factory=dict)
    _begun: float = field(default_factory=time.monotonic)

    @property
    def total(self) -> float:
        """The seconds since the beginning."""
        return time.monotonic() - self._begun

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[None]:
        """Say that a step begins, and keep how long it took."""
        started = time.monotonic()
        self.output.say(f"\n[{self.total:5.1f} s] {title}", style="bold")
        yield
        self.seconds[name] = round(time.monotonic() - started, 2)
