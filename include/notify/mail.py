"""A message for people, and the mail that it becomes: a subject, plain text and HTML that both say all of it."""

import hashlib
import re
import textwrap
import unicodedata
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

Kind = Literal[
    "promoted", "refused", "drift", "labels", "approval", "reminder", "answered", "rolled_back", "broken", "failed"
]

KIND_HEADER = "X-Driftgate-Kind"
"""The header that tells the kind of a mail, for filters."""

MAX_SUBJECT = 150
"""Characters of a subject, prefix and all."""
_MAX_LINE = 1_000
"""Characters of anything else that stands in one line; a class may have any name."""
_TEXT_WIDTH = 78

_TEMPLATES = Path(__file__).parent / "templates"
_COMMAND = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture that a mail shows."""

    name: str
    """Of the file, as whoever saves it gets it: letters, digits, dots, dashes and underscores, ending in `.png`."""
    content: bytes
    """A PNG file."""
    description: str
    """What it shows, for those who do not see it; one line, as the texts of a message."""

    @property
    def content_id(self) -> str:
        """What the HTML calls it (RFC 2392): of two mails that are shown together none gets the other's picture."""
        return f"{hashlib.sha256(self.content).hexdigest()[:24]}@driftgate"


@dataclass(frozen=True, kw_only=True)
class Message:
    """What is told, in parts. Each text is one line; what else is in it (line feeds, say) is made a space."""

    pipeline: str
    kind: Kind
    headline: str
    """What happened, in a few words: the subject ends with it."""
    sentences: tuple[str, ...]
    """What happened, and what follows: a paragraph each."""
    reasons: tuple[str, ...] = ()
    """Why, with the numbers."""
    actions: tuple[str, ...] = ()
    """What the reader can do now; a command stands in `backticks`."""
    facts: tuple[tuple[str, str], ...] = ()
    """Names and values, for a table."""
    links: tuple[tuple[str, str], ...] = ()
    """What it says and where it leads; the first one is what the reader most likely wants."""
    pictures: tuple[Picture, ...] = ()
    """Shown after the sentences, as wide as the mail."""


@dataclass(frozen=True, kw_only=True)
class Mail:
    """A mail without its addresses."""

    subject: str
    """At most 150 characters, without line feeds and control characters."""
    text: str
    html: str
    kind: Kind
    pictures: tuple[Picture, ...] = ()
    """What the HTML shows by their content ids."""


class _Look(NamedTuple):
    label: str
    colour: str
    """White text on it is readable: a contrast of at least 4.5."""
    dark_colour: str
    """For text on a dark ground."""


_LOOKS: dict[Kind, _Look] = {
    "promoted": _Look("Champion promoted", "#1a7f37", "#56d364"),
    "refused": _Look("Challenger refused", "#8a5a00", "#e3b341"),
    "drift": _Look("Drift", "#b34700", "#ffa657"),
    "labels": _Look("Labels wanted", "#0a6e6e", "#56d4dd"),
    "approval": _Look("Approval wanted", "#0860c4", "#79c0ff"),
    "reminder": _Look("Approval still wanted", "#0860c4", "#79c0ff"),
    "answered": _Look("Decision taken", "#0a6e6e", "#56d4dd"),
    "rolled_back": _Look("Rolled back", "#7540cf", "#d2a8ff"),
    "broken": _Look("Images broken", "#a0330b", "#ffa28b"),
    "failed": _Look("Run failed", "#c2202b", "#ff7b72"),
}


def compose(message: Message) -> Mail:
    """Make the mail of a message. What names and paths contain shows as it is, and never as HTML or as a header."""
    clean = _cleaned(message)
    subject = _one_line(f"[driftgate] {clean.pipeline}: {clean.headline}", MAX_SUBJECT)
    parts = {"message": clean, "look": _LOOKS[clean.kind], "subject": subject}
    return Mail(
        subject=subject,
        text=_environment().get_template("mail.txt.j2").render(parts),
        html=_environment().get_template("mail.html.j2").render(parts),
        kind=clean.kind,
        pictures=clean.pictures,
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"paragraph": _paragraph, "commands": _commands, "capital": _capital}
    environment.tests["address"] = _is_address
    return environment


def _cleaned(message: Message) -> Message:
    return Message(
        pipeline=_one_line(message.pipeline),
        kind=message.kind,
        headline=_one_line(message.headline),
        sentences=tuple(map(_one_line, message.sentences)),
        reasons=tuple(map(_one_line, message.reasons)),
        actions=tuple(map(_one_line, message.actions)),
        facts=tuple((_one_line(name), _one_line(value)) for name, value in message.facts),
        links=tuple((_one_line(label), _one_line(url)) for label, url in message.links),
        pictures=tuple(replace(picture, description=_one_line(picture.description)) for picture in message.pictures),
    )


def _one_line(text: str, max_length: int = _MAX_LINE) -> str:
    """Return a text in one line of printable characters.

    Control and formatting characters (which could turn the direction of what follows), line and paragraph separators
    and halves of surrogate pairs become spaces.
    """
    printable = "".join(
        " " if unicodedata.category(c).startswith("C") or unicodedata.category(c) in {"Zl", "Zp"} else c for c in text
    )
    line = " ".join(printable.split())
    return line if len(line) <= max_length else f"{line[: max_length - 1].rstrip()}…"


def _paragraph(text: str, first: str = "", indent: str = "") -> str:
    """Break a text into lines for reading in a terminal; an address or a name is never broken."""
    return textwrap.fill(
        text,
        _TEXT_WIDTH,
        initial_indent=first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _capital(text: str) -> str:
    """Begin a text with a capital letter; the rest stays as it is."""
    return text[:1].upper() + text[1:]


def _commands(text: str, style: str) -> Markup:
    """Escape a text, and set what stands in backticks as code."""
    code = Markup('<code class="code" style="{style}">{command}</code>')
    parts = [
        code.format(style=style, command=part) if position % 2 else escape(part)
        for position, part in enumerate(_COMMAND.split(text))
    ]
    return Markup("").join(parts)


def _is_address(url: str) -> bool:
    """Whether a mail can link to it: a path alone, as when Airflow's base_url is unset, leads nowhere from there."""
    return url.startswith(("http://", "https://"))
