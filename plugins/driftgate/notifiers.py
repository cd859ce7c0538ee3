"""Notifiers that send a pipeline's mails from where Airflow calls them. They tell what goes wrong, and never raise."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseNotifier, Context

from include.config import PipelineConfig

if TYPE_CHECKING:  # the connector, which a DAG that is only read does not need
    from include.store.files import FileStore
    from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)


class PipelineNotifier(BaseNotifier):
    """A notifier of one pipeline. A subclass says in `tell` which mail is sent.

    Args:
        config: The pipeline file: where the warehouse is.
    """

    def __init__(self, config: PipelineConfig) -> None:
        super().__init__()
        self.config = config

    def __call__(self, *args: Any) -> None:
        """Send the mail. Templates are rendered in a copy: the notifier itself serves the next run, too."""
        try:
            BaseNotifier.__call__(copy(self), *args)
        except Exception as error:  # noqa: BLE001 - one that raises fails the task that calls it
            log.warning("no mail was sent: %s: %s", type(error).__name__, " ".join(str(error).split()))

    @property
    def store(self) -> FileStore:
        """The pipeline's files."""
        from include.store.files import FileStore

        return FileStore(self.config.store_url)

    def notify(self, context: Context) -> None:
        """Open a session, compose and send."""
        from driftgate.hooks import WarehouseHook

        with WarehouseHook.for_pipeline(self.config).session() as warehouse:
            self.tell(context, warehouse)

    @abstractmethod
    def tell(self, context: Context, warehouse: Warehouse) -> None:
        """Send the mail."""


class ApprovalNotifier(PipelineNotifier):
    """Ask for the approval that a training run waits for; what speaks for it is the drift check named in RUNS."""

    def tell(self, context: Context, warehouse: Warehouse) -> None:
        """Send the mail with the links that approve and reject."""
        from driftgate.links import approval_link, run_link
        from driftgate.mailing import send
        from include.catalog.runs import read_run, run_id_of
        from include.drift.checks import read_check
        from include.errors import UnknownCheckError
        from include.notify.check_picture import check_picture
        from include.notify.mail import compose
        from include.notify.messages import approval_wanted

        run = read_run(warehouse, run_id=run_id_of(str(context["ti"].dag_id), str(context["run_id"])))
        if run.check_id is None:
            raise UnknownCheckError(f"run {run.run_id} names no drift check: nothing asks for its approval")
        check = read_check(warehouse, run.check_id)
        links = (
            ("Approve", approval_link(context, "Approve")),
            ("Reject", approval_link(context, "Reject")),
            ("The request, unanswered", approval_link(context, None)),
            ("The run that found the drift", run_link(*check.run_id.split("/", 1))),
        )
        message = approval_wanted(
            self.config.name,
            check,
            hours=run.config.retraining.response_hours,
            links=links,
            picture=check_picture(self.store, check),
        )
        send(run.config, compose(message))


class DriftNotifier(PipelineNotifier):
    """Tell of a drift check, for the success of the task that acts on it.

    Args:
        config: The pipeline file.
        check: The CHECK_ID or what `check_drift` returned: a template or an XComArg.
    """

    template_fields: Sequence[str] = ("check",)

    def __init__(self, config: PipelineConfig, *, check: Any) -> None:
        super().__init__(config)
        self.check = check

    def tell(self, context: Context, warehouse: Warehouse) -> None:  # noqa: ARG002 - all of it is in the check
        """Send the mail with the check's reasons."""
        check_id = self.check["check_id"] if isinstance(self.check, Mapping) else str(self.check)
        send_drift(warehouse, self.store, check_id)


def send_drift(warehouse: Warehouse, store: FileStore, check_id: str) -> bool:
    """Send what a drift check has found, with its picture, to the people that its run's config names.

    Args:
        warehouse: A session.
        store: The pipeline's files.
        check_id: The check.

    Returns:
        Whether the mail was sent.
    """
    from driftgate.links import run_link
    from driftgate.mailing import send
    from include.catalog.runs import read_run
    from include.drift.checks import read_check
    from include.notify.check_picture import check_picture
    from include.notify.mail import compose
    from include.notify.messages import drift

    check = read_check(warehouse, check_id)
    config = read_run(warehouse, run_id=check.run_id).config
    links = (("The run that found it", run_link(*check.run_id.split("/", 1))),)
    return send(config, compose(drift(config.name, check, links=links, picture=check_picture(store, check))))
