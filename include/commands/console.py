"""Where the command writes: what a person reads, or one JSON object and nothing else on standard output."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from include.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Output", "Step", "printable"]


class Output:
    """The command's output.

    Args:
        as_json: Whether standard output gets the result as JSON; what is told on the way then goes to standard error.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._console = Console(stderr=as_json, highlight=False, soft_wrap=True)

    @property
    def is_watched(self) -> bool:
        """Whether a person sits before it, whom a bar tells more than lines do."""
        return self._console.file.isatty() and not self._console.is_dumb_terminal

    def say(self, line: str, *, style: str | None = None) -> None:
        """Write a line for people; `style` (a colour of rich) shows on a terminal only."""
        self._console.print(line, style=style, markup=False)

    def table(self, table: Table) -> None:
        """Write a table for people."""
        self._console.print(table)

    @contextmanager
    def progress(self, what: str) -> Iterator["Step"]:
        """Show below the lines that something is under way, and how far it is; on a terminal only.

        Args:
            what: What is done, in a few words.
        """
        from rich.markup import escape
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[count]}", style="dim"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, transient=True, disable=not self.is_watched) as progress:
            yield Step(progress, progress.add_task(escape(printable(what)), total=None, count=""))

    def result(self, result: Mapping[str, Any]) -> None:
        """Write the result, if it was asked for as JSON."""
        if self.as_json:
            print(json.dumps(result, indent=2, default=str))


@dataclass(frozen=True)
class Step:
    """Something that is under way, as `Output.progress` shows it."""

    progress: "Progress"
    task: "TaskID"

    def show(self, n_done: int, total: int) -> None:
        """Show how much is done, of how much."""
        self.progress.update(self.task, completed=n_done, total=total, count=f"{n_done:,} of {total:,}")
