"""The task that asks people for the labels that a retraining needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from driftgate.operators.pipeline import PipelineOperator, PipelineTask

if TYPE_CHECKING:
    from include.drift.checks import DriftCheck
    from include.drift.labels.sheet import RequestFiles


class RequestLabelsOperator(PipelineOperator):
    """Pick images of the window that has drifted, draw them, write the list to fill in, and send both.

    A check asks once: tried again, the same images are drawn and sent again. Where there is no image left to ask about,
    the mail says what the check has found.

    Args:
        check: What `check_drift` returned.
        **kwargs: As for any pipeline operator.
    """

    template_fields: Sequence[str] = ("check",)

    def __init__(self, *, check: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check = check

    def work(self, task: PipelineTask) -> dict[str, Any]:
        """Return how many labels are asked for, where the list and the picture lie, and whether the mail was sent."""
        from driftgate.notifiers import send_drift
        from include.drift.check import Check
        from include.drift.checks import read_check
        from include.drift.labels.requests import request_labels
        from include.drift.labels.sheet import write_requests

        check = read_check(task.warehouse, Check.from_json(self.check).check_id)
        requests = request_labels(task.warehouse, task.config, check, work_path=task.work_path)
        if not requests:
            is_sent = send_drift(task.warehouse, task.store, check.check_id)
            return {"n_requested": 0, "list_path": None, "sheet_path": None, "is_sent": is_sent}
        files = write_requests(
            task.warehouse, task.store, task.config, requests, run_id=task.run_id, work_path=task.work_path
        )
        is_sent = _send(task, check, files)
        self.log.info("labels are wanted of %d images: %s", files.n_requested, files.list_path)
        return {
            "n_requested": files.n_requested,
            "list_path": files.list_path,
            "sheet_path": files.sheet_path,
            "is_sent": is_sent,
        }


def _send(task: PipelineTask, check: DriftCheck, files: RequestFiles) -> bool:
    """Send the mail; one that cannot be sent is a warning in the log."""
    from driftgate.links import run_link
    from driftgate.mailing import send
    from include.notify.check_picture import check_picture
    from include.notify.mail import Picture, compose
    from include.notify.messages import labels_wanted

    message = labels_wanted(
        task.config.name,
        check,
        n_requested=files.n_requested,
        sheet=Picture(name=files.sheet_path.rpartition("/")[2], content=files.sheet, description=files.caption),
        csv_path=files.list_path,
        links=[("The run that asks", run_link(task.dag_id, str(task.context["run_id"])))],
        picture=check_picture(task.store, check),
    )
    return send(task.config, compose(message))
