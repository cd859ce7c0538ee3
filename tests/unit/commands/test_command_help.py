"""What the command's help says, that it is true, and that docs/commands.md says the same."""

import shlex
import subprocess
import sys

import pytest
import typer

from include.commands.app import app, main
from include.commands.exit_codes import ExitCode
from include.commands.reference import FILE, reference
from include.commands.verb_group import CALL, load_verb
from include.commands.verbs import VERBS
from include.config import PROJECT_ROOT

WIDTH = 78
"""What rich leaves of a terminal of 80 columns."""


def help_of(capsys, *verb: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*verb, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_the_help_has_each_verb_in_one_line_and_the_exit_codes(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    shown = help_of(capsys)

    for verb in VERBS:
        assert f" {verb.name} " in shown
        assert verb.summary in shown, f"{verb.name} is broken into two lines"
    for code in ExitCode:
        assert f"{code:>3}  {code.meaning}" in shown


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_each_verb_has_json_help_that_fits_and_examples_that_are_right(capsys, monkeypatch, verb):
    monkeypatch.setenv("COLUMNS", "80")
    command = load_verb(verb)

    shown = help_of(capsys, verb.name)

    _, *paragraphs = command.help.split("\n\n")  # the first one is broken into lines as the terminal is wide
    assert [line for text in paragraphs for line in text.splitlines() if len(line) > WIDTH] == []
    assert "--json" in shown
    assert verb.examples
    for example in verb.examples:
        assert f"  {CALL} {example}" in shown
        called, *arguments = shlex.split(example)
        assert called == verb.name
        command.make_context(called, arguments)  # raises of a call that is wrong


def test_the_page_in_docs_says_what_the_help_says():
    assert FILE.read_text(encoding="utf-8") == reference(), "make docs"


def test_help_imports_no_verb():
    code = (
        "import sys, include.commands.app as a\n"
        "try: a.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pydantic', 'httpx', 'snowflake.connector', 'airflow', 'pandas', 'PIL', 'numpy'} & set(sys.modules)\n"
        "sys.exit(str(sorted(heavy)) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_a_verb_that_is_mistyped_is_guessed(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["trian", "digits"])

    assert ended.value.code == ExitCode.WRONG_CALL
    assert "Did you mean 'train'?" in capsys.readouterr().err


def test_verbs_are_told_in_the_order_of_their_groups():
    names = typer.main.get_command(app).list_commands(None)

    assert names == [verb.name for verb in VERBS]
    groups = [verb.group for verb in VERBS]
    assert groups == sorted(groups, key=groups.index)
