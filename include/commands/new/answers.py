"""What only a person can know of images, asked on a terminal; each question has an answer that will do."""

from typing import NamedTuple

import typer
from pydantic import TypeAdapter, ValidationError

from include.config_types import Email


class Answers(NamedTuple):
    """What a person has said, or not."""

    recipient: str | None
    """Who gets the mails; None: nobody yet."""
    horizontal_flip: bool | None
    """Whether a mirrored image is still of its class; None: not said."""


def ask(given: Answers) -> Answers:
    """Ask for what was not given."""
    flip = given.horizontal_flip
    if flip is None:
        flip = typer.confirm(
            "Is a mirrored image still of its class? (yes for garments, no for digits, text, left and right)",
            default=True,
        )
    return Answers(given.recipient or _asked_address(), flip)


def _asked_address() -> str | None:
    while True:
        answer = typer.prompt("Who gets the mails? (an address; empty: nobody yet)", default="", show_default=False)
        if not answer:
            return None
        try:
            return TypeAdapter(Email).validate_python(answer)
        except ValidationError:
            typer.echo(f"{answer!r} is no mail address, as ann@example.com")
