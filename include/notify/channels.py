"""What an alert goes through besides mail: Slack, Teams, webhooks and so on, by Apprise, each named by a URL.

Such a URL holds a secret. It is never logged and stands in no error; what Apprise and its HTTP client log is kept back.
"""

import hashlib
import logging
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic import SecretStr

from include.config_types import ENVIRONMENT, shown_url
from include.errors import NotDeliveredError
from include.notify.mail import Kind, Mail

if TYPE_CHECKING:  # knows a hundred services, and takes most of a second to read them
    from apprise import NotifyBase

log = logging.getLogger(__name__)

_TALKATIVE = ("apprise", "requests", "urllib3", "urllib3.connectionpool")
"""The loggers of what sends; they log addresses."""
_STATUS = re.compile(r"\berror=(\d{3})\b")
_TYPES: dict[Kind, str] = {
    "promoted": "success",
    "refused": "warning",
    "drift": "warning",
    "broken": "failure",
    "failed": "failure",
}
"""How Apprise calls what an alert is; what is not here is `info`."""


def channel_name(entry: SecretStr) -> str:
    """Return what a channel is called in ALERTS: it tells the entries of a pipeline file apart, and no secret."""
    url = entry.get_secret_value()
    if url.startswith(ENVIRONMENT):
        return url
    return f"{shown_url(entry)}#{hashlib.sha256(url.encode()).hexdigest()[:8]}"


def send_to_url(entry: SecretStr, mail: Mail) -> None:
    """Send what a mail says, as plain text, through a service.

    Args:
        entry: One of `notify.urls`, as the pipeline file has it.
        mail: What is told.

    Raises:
        NotDeliveredError: The service did not take it.
    """
    try:
        with _kept_back() as lines:
            is_sent = _service(entry).notify(
                title=mail.subject, body=mail.text, notify_type=_TYPES.get(mail.kind, "info"), body_format="text"
            )
    except NotDeliveredError:
        raise
    except Exception as error:  # noqa: BLE001 - services have exceptions of their own, whose text may quote the address
        raise NotDeliveredError(f"sending failed ({type(error).__name__})") from None
    if not is_sent:
        status = next((found[1] for line in lines if (found := _STATUS.search(line))), None)
        raise NotDeliveredError(f"the service answered {status}" if status else "the service could not be reached")


def send_to_urls(entries: Sequence[SecretStr], mail: Mail) -> None:
    """Send what a mail says through all services, once. Whatever happens is told in the log, and never raised."""
    for entry in entries:
        try:
            send_to_url(entry, mail)
        except NotDeliveredError as error:
            log.warning("%r was not sent through %s: %s", mail.subject, channel_name(entry), error)


def _service(entry: SecretStr) -> "NotifyBase":
    import apprise

    service = apprise.Apprise.instantiate(_resolved(entry))
    if service is None:
        raise NotDeliveredError("Apprise knows no such service, or its address is not complete")
    return service


def _resolved(entry: SecretStr) -> str:
    url = entry.get_secret_value()
    if not url.startswith(ENVIRONMENT):
        return url
    name = url.removeprefix(ENVIRONMENT)
    if not os.environ.get(name):
        raise NotDeliveredError(f"the environment of the task has no {name}, which notify.urls names")
    return os.environ[name]


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@contextmanager
def _kept_back() -> Iterator[list[str]]:
    """Keep what is logged meanwhile about the sending out of the log; gives the lines."""
    handler = _Lines()
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    before = [(logger.propagate, logger.handlers) for logger in loggers]
    for logger in loggers:
        logger.propagate, logger.handlers = False, [handler]
    try:
        yield handler.lines
    finally:
        for logger, (propagate, handlers) in zip(loggers, before, strict=True):
            logger.propagate, logger.handlers = propagate, handlers
