"""What `new` asks on a terminal: only what was not said, and until the answer is one."""

import io

import pytest

from include.commands.new.answers import Answers, ask


@pytest.fixture
def type_in(monkeypatch):
    """A function that answers what will be asked."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_an_address_is_asked_for_until_it_is_one(type_in, capsys):
    type_in("n\nann at example\nann@example.com\n")

    assert ask(Answers(None, None)) == Answers("ann@example.com", horizontal_flip=False)
    assert "'ann at example' is no mail address" in capsys.readouterr().out


def test_each_question_has_an_answer_that_will_do(type_in):
    type_in("\n\n")

    assert ask(Answers(None, None)) == Answers(None, horizontal_flip=True)


def test_what_was_said_is_not_asked(type_in):
    type_in("")

    given = Answers("ann@example.com", horizontal_flip=False)
    assert ask(given) == given
