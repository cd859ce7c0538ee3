"""What a person sees on a terminal, and what a file or a pipe gets."""

import io
import json
import re
import sys

from include.commands.console import Output

ESCAPE = "\x1b"


class Terminal(io.StringIO):
    """Standard output as a person's terminal."""

    def isatty(self) -> bool:
        return True


def tell(output: Output) -> None:
    output.say("training", style="green")
    with output.progress("digits_training [1]") as step:
        step.show(1_200, 3_000)
    output.result({"n": 1})


def shown_on_terminal(monkeypatch, *, no_color: bool = False) -> str:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    tell(Output())
    return terminal.getvalue()


def test_a_terminal_gets_colours_and_a_bar_that_goes_away(monkeypatch):
    shown = shown_on_terminal(monkeypatch)

    assert f"{ESCAPE}[32mtraining" in shown
    assert "digits_training [1]" in shown
    assert "1,200 of 3,000" in shown
    assert shown.endswith(f"{ESCAPE}[1A{ESCAPE}[2K")  # the bar's line is cleared


def test_no_color_is_obeyed(monkeypatch):
    shown = shown_on_terminal(monkeypatch, no_color=True)

    assert "1,200 of 3,000" in shown
    assert re.search(rf"{ESCAPE}\[[0-9;]*[39]\dm", shown) is None


def test_a_pipe_gets_neither_colours_nor_a_bar(capsys):
    tell(Output())

    assert capsys.readouterr().out == "training\n"


def test_json_is_all_that_standard_output_gets(capsys):
    tell(Output(as_json=True))

    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"n": 1}
    assert shown.err == "training\n"
