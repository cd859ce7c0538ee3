"""The mails that the mail catcher took: one file each, named by when it came and what is in it."""

import hashlib
import os
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import NamedTuple

from include.notify.mail import KIND_HEADER

_TIME = "%Y%m%dT%H%M%S.%fZ"
_DIGEST_CHARACTERS = 12


class ReceivedMail(NamedTuple):
    """A mail that was taken."""

    received_at: datetime
    """UTC."""
    subject: str
    to: str
    """Who it was for, with commas between."""
    kind: str
    """What the sender calls it; empty for a mail that is not ours."""
    path: Path


def keep_mail(folder: Path, content: bytes, *, received_at: datetime) -> Path:
    """Write a mail to a file of its own; a reader sees the whole file or none.

    Args:
        folder: Where the files are; it is made if it is not there.
        content: The mail as it came.
        received_at: When it came, aware.

    Raises:
        OSError: It cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = f"{received_at.astimezone(UTC):{_TIME}}-{hashlib.sha256(content).hexdigest()[:_DIGEST_CHARACTERS]}.eml"
    partial = folder / f".{name}.partial"
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        return partial.replace(folder / name)
    finally:
        partial.unlink(missing_ok=True)


def read_mails(folder: Path) -> list[ReceivedMail]:
    """Return the mails in a folder, in the order in which they came; none if there is no such folder."""
    mails = []
    for path in sorted(folder.glob("*.eml")):
        try:
            received_at = datetime.strptime(path.stem.partition("-")[0], _TIME).replace(tzinfo=UTC)
        except ValueError:
            continue  # a file that somebody else put there
        message = message_from_bytes(path.read_bytes(), policy=policy.default)
        mails.append(
            ReceivedMail(
                received_at=received_at,
                subject=_header(message, "Subject"),
                to=_header(message, "To"),
                kind=_header(message, KIND_HEADER),
                path=path,
            )
        )
    return mails


def _header(message: EmailMessage, name: str) -> str:
    """Return a header in one line; empty if it is not there, or nobody can make sense of it."""
    try:
        return " ".join(str(message[name] or "").split())
    except Exception:  # noqa: BLE001 - of some that are malformed Python raises IndexError, TypeError and others
        return ""
