"""A mail server in the test process, which Airflow's SMTP connection leads to."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from include.commands.local.mail_catcher import Keeper
from include.commands.local.mails import read_mails


@dataclass(frozen=True)
class Mailbox:
    """A mail server, and the mails that it took."""

    folder: Path
    port: int

    def mails(self) -> list[EmailMessage]:
        read = [message_from_bytes(mail.path.read_bytes(), policy=policy.default) for mail in read_mails(self.folder)]
        return [mail for mail in read if isinstance(mail, EmailMessage)]


@pytest.fixture
def connect_smtp(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that lets Airflow's connection `smtp_default` lead to a port of this machine."""

    def connect(port: int, *, login: str | None = None, password: str | None = None, **extra: Any) -> None:
        plain = {"disable_tls": True, "disable_ssl": True, "from_email": "driftgate@localhost"}
        connection = {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": port,
            "login": login,
            "password": password,
            "extra": {**plain, **extra},
        }
        monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))

    return connect


@pytest.fixture
def start_mailbox(
    tmp_path: Path, unused_port: int, connect_smtp: Callable[..., None]
) -> Iterator[Callable[..., Mailbox]]:
    """A function that starts a mail server whose handler keeps mails as the mail catcher does, and connects to it."""
    with ExitStack() as stack:

        def start(handler: Keeper | None = None, **options: Any) -> Mailbox:
            handler = handler or Keeper(tmp_path / "mails")
            controller = Controller(
                handler, hostname="127.0.0.1", port=unused_port, server_hostname="localhost", **options
            )
            controller.start()
            stack.callback(controller.stop)
            connect_smtp(unused_port)
            return Mailbox(handler.folder, unused_port)

        yield start


@pytest.fixture
def mailbox(start_mailbox: Callable[..., Mailbox]) -> Mailbox:
    """A mail server that takes everything."""
    return start_mailbox()
