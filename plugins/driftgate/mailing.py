"""Mails through Airflow's SMTP connection."""

import logging
import smtplib
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP
from email.utils import make_msgid, parseaddr
from typing import TypeVar, cast

from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from include.config import PipelineConfig
from include.config_parts import NotifyConfig
from include.errors import NotDeliveredError
from include.notify.mail import KIND_HEADER, Mail, Picture

ResultT = TypeVar("ResultT")

log = logging.getLogger(__name__)

PATIENCE_S = 15.0
"""How long a task waits for a mail to be sent, whatever the server does and however many addresses its name has."""
STEP_PATIENCE_S = 5
"""How long the server may take for one answer."""
_DONE = 250
_HEADER_WIDTH = 200
"""Characters of a line of a header: any subject of ours is one line; 998 are allowed (RFC 5322, section 2.1.1)."""


class _MailHook(SmtpHook):
    """Airflow's SMTP hook with bounded patience (its own is six times 30 s by default) and mails of several parts.

    `send_email_smtp` sends HTML alone.
    """

    @property
    def timeout(self) -> int:
        """The connection's, in seconds, within our patience."""
        return max(1, min(super().timeout, STEP_PATIENCE_S))

    @property
    def smtp_retry_limit(self) -> int:
        """The connection's, but at most one more try to connect."""
        return max(0, min(super().smtp_retry_limit, 1))

    def greet(self) -> None:
        """Have the server answer.

        Raises:
            smtplib.SMTPResponseException: It answers that it will not.
        """
        code, text = cast("smtplib.SMTP", self._smtp_client).noop()
        if code != _DONE:
            raise smtplib.SMTPResponseException(code, text)

    def deliver(self, mail: Mail, recipients: Sequence[str], key: str | None) -> dict[str, tuple[int, bytes]]:
        """Send a mail as one message with all its parts, and return the recipients that the server refused."""
        sender = self.from_email or self.smtp_user
        if "@" not in sender:
            raise NotDeliveredError(
                f"connection {self.smtp_conn_id!r} does not say who sends: add from_email to its extra"
            )
        client = cast("smtplib.SMTP", self._smtp_client)
        address = parseaddr(sender)[1]
        message = _as_message(mail, sender, recipients, key=key)
        has_utf8 = not all(a.isascii() for a in (address, *recipients))
        # Python breaks a subject of 69 to 77 characters right behind its name, which some servers show as an empty one.
        width = _HEADER_WIDTH if has_utf8 or mail.subject.isascii() else SMTP.max_line_length
        return client.sendmail(  # send_message would put a ">" before lines that begin with "From "
            address,
            list(recipients),
            message.as_bytes(policy=SMTP.clone(utf8=has_utf8, max_line_length=width)),
            mail_options=("SMTPUTF8", "BODY=8BITMIME") if has_utf8 else (),
        )


def send(config: PipelineConfig, mail: Mail) -> bool:
    """Send a mail to the people that the pipeline names. Whatever happens is told in the log, and never raised.

    Args:
        config: `notify` says who gets the mail, and through which connection.
        mail: What they get.

    Returns:
        Whether the server has taken it for at least one of them.
    """
    if not config.notify.emails:
        log.info("mail %r was not sent: notify.emails of pipeline %s names nobody", mail.subject, config.name)
        return False
    try:
        send_mail(config.notify, mail)
    except NotDeliveredError as error:
        log.warning("mail %r was not sent: %s", mail.subject, error)
        return False
    return True


def send_mail(notify: NotifyConfig, mail: Mail, key: str | None = None) -> None:
    """Send a mail.

    Args:
        notify: Who gets it, at least one, and through which connection.
        mail: What they get.
        key: What its Message-ID begins with. A mail that is sent again under the same one is the same mail to those who
            get it.

    Raises:
        NotDeliveredError: The server has taken it for nobody.
    """
    recipients = notify.emails
    started = time.monotonic()
    try:
        refused = _in_time(notify.smtp_conn_id, lambda hook: hook.deliver(mail, recipients, key))
    except NotDeliveredError:
        raise
    except Exception as error:  # noqa: BLE001 - the hook, the connection and the server have exceptions of their own
        raise NotDeliveredError(_told(error)) from None
    if refused:
        log.warning("mail %r was not sent to all: %s", mail.subject, _refusals(refused))
    log.info(
        "mail %r was sent to %d of %d recipients in %.1f s",
        mail.subject,
        len(recipients) - len(refused),
        len(recipients),
        time.monotonic() - started,
    )


def greet_server(notify: NotifyConfig) -> None:
    """Log in at the server that takes the mails, and send nothing.

    Raises:
        NotDeliveredError: There is no such connection, nobody answers, or the login is refused.
    """

    def greet(hook: _MailHook) -> None:
        hook.greet()

    try:
        _in_time(notify.smtp_conn_id, greet)
    except NotDeliveredError:
        raise
    except Exception as error:  # noqa: BLE001 - the hook, the connection and the server have exceptions of their own
        raise NotDeliveredError(_told(error)) from None


def _in_time(conn_id: str, work: Callable[[_MailHook], ResultT]) -> ResultT:
    """Do something with a server in a thread, and leave it to itself after our patience.

    The hook's time-out holds for each answer of the server: one that sends a byte now and then, or a name that takes
    minutes to be looked up, would hold the task all the same.
    """
    _refuse_missing(conn_id)
    outcome: list[ResultT | Exception] = []

    def connect() -> None:
        try:
            with _MailHook(smtp_conn_id=conn_id) as hook:
                outcome.append(work(cast("_MailHook", hook)))
        except Exception as error:  # noqa: BLE001 - raised again by the thread that waits
            outcome.append(error)

    thread = threading.Thread(target=connect, name="driftgate-mail", daemon=True)
    thread.start()
    thread.join(PATIENCE_S)
    if not outcome:
        raise NotDeliveredError(f"the server of connection {conn_id!r} was not done within {PATIENCE_S:.0f} s")
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


def _refuse_missing(conn_id: str) -> None:
    """Refuse a connection that is not there or cannot be read."""
    try:
        BaseHook.get_connection(conn_id)
    except AirflowNotFoundException as error:
        raise NotDeliveredError(
            f"Airflow has no connection {conn_id!r} that it can read: add it in the UI under Admin, Connections, or as "
            f"AIRFLOW_CONN_{conn_id.upper()}, or name another in notify.smtp_conn_id"
        ) from error
    except Exception as error:
        # What cannot be parsed holds a password, and the error's text may quote it.
        raise NotDeliveredError(f"connection {conn_id!r} cannot be read ({type(error).__name__})") from error


def _as_message(mail: Mail, sender: str, recipients: Sequence[str], *, key: str | None) -> EmailMessage:
    domain = parseaddr(sender)[1].rpartition("@")[2]
    message = EmailMessage(policy=SMTP)
    message["Subject"] = mail.subject
    message["From"] = sender
    message["To"] = ", ".join(recipients)
    message["Date"] = datetime.now(UTC)
    message["Message-ID"] = f"<{key}@{domain}>" if key else make_msgid(domain=domain)
    message["Auto-Submitted"] = "auto-generated"  # so that nobody's absence is told to us (RFC 3834)
    message[KIND_HEADER] = mail.kind
    if not mail.pictures:
        _add_texts(message, mail)
        return message
    # The texts within what has the pictures, not the HTML alone: who reads the plain text gets them as attachments.
    message.make_related()
    message["MIME-Version"] = "1.0"
    message.set_param("type", "multipart/alternative")  # RFC 2387, section 3.1
    _add_texts(texts := MIMEPart(policy=SMTP), mail)
    message.set_payload([texts, *map(_inline, mail.pictures)])
    return message


def _add_texts(part: MIMEPart, mail: Mail) -> None:
    part.set_content(mail.text)
    part.add_alternative(mail.html, subtype="html")


def _inline(picture: Picture) -> MIMEPart:
    part = MIMEPart(policy=SMTP)
    part.set_content(
        picture.content,
        maintype="image",
        subtype="png",
        cid=f"<{picture.content_id}>",
        disposition="inline",
        filename=picture.name,
    )
    return part


def _told(error: Exception) -> str:
    """Return why a mail was not sent, in one line without secrets."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"the server refuses the login ({error.smtp_code})"  # its text may repeat what was sent
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _refusals(error.recipients)
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the server says {_answer(error.smtp_code, error.smtp_error)}"
    if isinstance(error, UnicodeError):
        return type(error).__name__  # its text quotes what could not be encoded, a password perhaps
    return " ".join(str(error).split()) or type(error).__name__


def _refusals(refused: dict[str, tuple[int, bytes]]) -> str:
    return ", ".join(f"{recipient} was refused ({_answer(*answer)})" for recipient, answer in refused.items())


def _answer(code: int, text: bytes | str) -> str:
    line = text.decode(errors="replace") if isinstance(text, bytes) else text
    return " ".join(f"{code} {line}".split())
