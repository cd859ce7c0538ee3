"""Deliver what is due: each alert once through each channel, and none keeps another from being delivered."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

from include.config_parts import NotifyConfig
from include.errors import DriftgateError, NotDeliveredError
from include.notify.alert_messages import message_of
from include.notify.channels import channel_name, send_to_url
from include.notify.desk import Desk
from include.notify.mail import Mail, Message, compose
from include.notify.outbox import (
    Alert,
    claim_next,
    mark_delivered,
    mark_dropped,
    mark_failed,
    note_delivered_to,
    seconds_to_next,
)

log = logging.getLogger(__name__)

PATIENCE_S = 10.0
"""How long alerts are delivered before the others are left to the next deliverer: a run's end waits for it."""
MAIL = "mail"
"""What mail is called in DELIVERED_TO."""

SendMail = Callable[[NotifyConfig, Mail, str], None]
"""Sends a mail to `notify.emails`; the last argument is what its Message-ID begins with.

It raises NotDeliveredError if the server has taken it for none of them.
"""


class _Channel(NamedTuple):
    name: str
    send: Callable[[Mail], None]


def deliver_due(desk: Desk, *, send_mail: SendMail) -> int | None:
    """Deliver what is due; what cannot be delivered is tried again after a pause, and is never raised.

    Args:
        desk: Where messages are composed.
        send_mail: Sends a mail.

    Returns:
        In how many seconds there is something to deliver, 0 or less: now; None: nothing waits.

    Raises:
        WarehouseUnavailableError: The warehouse went away. An alert that was claimed is free again after a while.
    """
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and (alert := claim_next(desk.warehouse)) is not None:
        _deliver(alert, desk, send_mail)
    return seconds_to_next(desk.warehouse)


def _deliver(alert: Alert, desk: Desk, send_mail: SendMail) -> None:
    try:
        message = message_of(alert, desk)
    except DriftgateError as error:
        if error.is_transient:
            raise
        log.warning("the %s alert of run %s cannot be told any more: %s", alert.kind, alert.run_id, error)
        mark_dropped(desk.warehouse, alert, error=str(error))
        return
    except Exception as error:
        # Of another release, perhaps, or a mistake of ours: it must not keep the others from being delivered.
        log.exception("the %s alert of run %s cannot be composed", alert.kind, alert.run_id)
        mark_failed(desk.warehouse, alert, f"cannot be composed: {type(error).__name__}: {error}")
        return
    if message is None:
        log.info("the %s alert of run %s is no longer wanted", alert.kind, alert.run_id)
        mark_dropped(desk.warehouse, alert, error=None)
        return
    _send(alert, message, desk, send_mail)


def _send(alert: Alert, message: Message, desk: Desk, send_mail: SendMail) -> None:
    channels = _channels(alert, desk, send_mail)
    if not channels:
        log.info("notify in pipeline %s names nobody: the %s alert is told to nobody", desk.config.name, alert.kind)
        mark_dropped(desk.warehouse, alert, error="notify in the pipeline file names nobody")
        return
    mail = compose(message)
    delivered_to, errors = list(alert.delivered_to), []
    for channel in channels:
        if channel.name in delivered_to:
            continue
        try:
            channel.send(mail)
        except NotDeliveredError as error:
            errors.append(f"{channel.name}: {error}")
        else:
            delivered_to.append(channel.name)
            note_delivered_to(desk.warehouse, alert, delivered_to)
    if errors:
        log.warning("%r was not delivered, and is tried again: %s", mail.subject, "; ".join(errors))
        mark_failed(desk.warehouse, alert, "; ".join(errors))
    else:
        log.info("%r was delivered through %s", mail.subject, ", ".join(delivered_to))
        mark_delivered(desk.warehouse, alert)


def _channels(alert: Alert, desk: Desk, send_mail: SendMail) -> Sequence[_Channel]:
    """Return what an alert goes through: mails as its run was opened, URLs as the pipeline file has them.

    A URL holds a secret, so no run is stored with it.
    """
    notify = desk.config_of(alert.run_id).notify
    channels = [_Channel(MAIL, lambda mail: send_mail(notify, mail, alert.key))] if notify.emails else []
    urls = [_Channel(channel_name(url), partial(send_to_url, url)) for url in desk.config.notify.urls]
    return [*channels, *urls]
