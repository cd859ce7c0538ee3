"""Write docs/commands.md, all that the command's help says: `python -m include.commands.reference`, `make docs`."""

import inspect
from collections.abc import Iterator
from itertools import groupby

import typer
from typer.cli import get_docs_for_click

from include.commands.app import driftgate
from include.commands.exit_codes import ExitCode
from include.commands.verb_group import CALL, HELP_OPTIONS, load_verb
from include.commands.verbs import VERBS, Verb
from include.config_types import PROJECT_ROOT

FILE = PROJECT_ROOT / "docs" / "commands.md"


def reference() -> str:
    """Return the page: verbs by group, exit codes, completion, and the help of each verb with its examples."""
    return "\n".join((*_overview(), *(line for verb in VERBS for line in _help(verb)))).rstrip() + "\n"


def _overview() -> Iterator[str]:
    yield "<!-- `make docs` writes this page from the command itself. -->\n"
    yield f"# The command `{CALL}`\n"
    yield f"{inspect.getdoc(driftgate)}\n"
    yield "| verb | what it does |\n| --- | --- |"
    for group, verbs in groupby(VERBS, key=lambda verb: verb.group):
        yield f"| **{group}** | |"
        yield from (f"| [`{verb.name}`](#driftgate-{verb.name}) | {verb.summary} |" for verb in verbs)
    yield "\n## Exit codes\n\n| code | what it means |\n| ---: | --- |"
    yield from (f"| {code} | {code.meaning} |" for code in ExitCode)
    yield (
        "\nWith `--json`, standard output holds one JSON object and nothing else: the result, or "
        '`{"error": …, "exit_code": …}` where the command refuses or fails. What is told on the way goes to standard '
        "error.\n"
    )
    yield "## Completion\n"
    yield (
        f"`{CALL} --install-completion` lets bash, zsh or fish complete verbs, options and the names of pipelines, in "
        'each new shell. Zsh and fish need the command on the PATH, as by `ln -s "$PWD/driftgate" ~/.local/bin/`.\n'
    )


def _help(verb: Verb) -> Iterator[str]:
    command = load_verb(verb)
    command.epilog = None
    ctx = typer.Context(command, **HELP_OPTIONS)
    title = f"driftgate {verb.name}"
    yield get_docs_for_click(obj=command, ctx=ctx, indent=1, call_prefix=CALL, title=title).rstrip()
    yield "\n**Examples**:\n\n```console"
    yield from (f"$ {CALL} {call}" for call in verb.examples)
    yield "```\n"


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
