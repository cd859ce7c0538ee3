"""Where the command writes: what a person reads, or one JSON object and nothing else on standard output."""

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from include.printable import printable

__all__ = ["Output", "printable"]


class Output:
    """The command's output.

    Args:
        as_json: Whether standard output gets the result as JSON; what is told on the way then goes to standard error.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._console = Console(stderr=as_json, highlight=False, soft_wrap=True)

    def say(self, line: str, *, style: str | None = None) -> None:
        """Write a line for people; `style` (a colour of rich) shows on a terminal only."""
        self._console.print(line, style=style, markup=False)

    def table(self, table: Table) -> None:
        """Write a table for people."""
        self._console.print(table)

    def result(self, result: Mapping[str, Any]) -> None:
        """Write the result, if it was asked for as JSON."""
        if self.as_json:
            print(json.dumps(result, indent=2, default=str))
