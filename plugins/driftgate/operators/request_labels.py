"""The task that asks people for the labels that a retraining needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from driftgate.operators.pipeline import PipelineOperator, PipelineTask

if TYPE_CHECKING:
    from include.drift.checks import DriftCheck
    from include.registry.alerts import AlertKind


class RequestLabelsOperator(PipelineOperator):
    """Pick images of the window that has drifted, draw them, write the list to fill in, and tell people.

    A check asks once: tried again, the same images are drawn again. Where there is no image left to ask about, people
    are told what the check has found.

    Args:
        check: What `check_drift` returned.
        **kwargs: As for any pipeline operator.
    """

    template_fields: Sequence[str] = ("check",)

    def __init__(self, *, check: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.check = check

    def work(self, task: PipelineTask) -> dict[str, Any]:
        """Return how many labels are asked for, and where the list and the picture lie."""
        from include.drift.check import Check
        from include.drift.checks import read_check
        from include.drift.labels.requests import request_labels
        from include.drift.labels.sheet import write_requests

        check = read_check(task.warehouse, Check.from_json(self.check).check_id)
        requests = request_labels(task.warehouse, task.config, check, work_path=task.work_path)
        if not requests:
            _tell(task, "drift", check)
            return {"n_requested": 0, "list_path": None, "sheet_path": None}
        files = write_requests(
            task.warehouse, task.store, task.config, requests, run_id=task.run_id, work_path=task.work_path
        )
        _tell(task, "labels", check)
        self.log.info("labels are wanted of %d images: %s", files.n_requested, files.list_path)
        return {"n_requested": files.n_requested, "list_path": files.list_path, "sheet_path": files.sheet_path}


def _tell(task: PipelineTask, kind: AlertKind, check: DriftCheck) -> None:
    """Put it into the outbox, when list and picture lie there."""
    from include.registry.alerts import enqueue

    about = {"check_id": check.check_id}
    task.warehouse.alone(lambda: enqueue(task.warehouse, kind, run_id=task.run_id, about=about))
