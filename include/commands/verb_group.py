"""How the command finds its verbs: only the one that is called is imported, the help needs none."""

import importlib
from collections.abc import Iterable
from typing import Any, Final

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from include.commands.verbs import VERBS, Verb

CALL = "./driftgate"
HELP_OPTIONS: Final[dict[str, Any]] = {"help_option_names": ["-h", "--help"]}
_BY_NAME = {verb.name: verb for verb in VERBS}


class DeferredVerbs(TyperGroup):
    """A group that knows of its verbs what stands in the help, until one is called."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for verb in VERBS:
            self.add_command(TyperCommand(verb.name, short_help=verb.summary, rich_help_panel=verb.group))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the name of the verb that is called, the verb, and the other arguments."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load_verb(_BY_NAME[name]) if name else None, rest


def load_verb(verb: Verb) -> Any:
    """Return a verb as typer calls it."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    function = getattr(importlib.import_module(f"include.commands.{verb.module}"), verb.name)
    app.command(verb.name, epilog=_examples(verb.examples), context_settings=HELP_OPTIONS)(function)
    return typer.main.get_command(app)


def _examples(calls: Iterable[str]) -> str:
    lines = [f"  {CALL} {escape(call)}" for call in calls]
    return "\n".join(["[bold]Examples[/bold]", *lines, "", f"[dim]All verbs, and exit codes: {CALL} --help[/dim]"])
