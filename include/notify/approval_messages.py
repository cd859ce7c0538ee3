"""What is told about approvals: the kinds that `include/notify/alert_messages.py` takes over from here."""

from collections.abc import Callable, Mapping

from include.notify.desk import Desk
from include.notify.mail import Message
from include.notify.outbox import Alert


def approval(alert: Alert, desk: Desk) -> Message | None:
    """Ask for the approval of a retraining; ABOUT names the check that asks for it and the task that waits."""
    from include.drift.checks import read_check
    from include.notify.check_picture import check_picture
    from include.notify.messages import approval_wanted

    check = read_check(desk.warehouse, alert.about["check_id"])
    task_id = alert.about["task_id"]
    return approval_wanted(
        desk.config.name,
        check,
        hours=desk.config_of(alert.run_id).retraining.response_hours,
        links=(
            *desk.answer_link("Approve", alert.run_id, task_id=task_id, option="Approve"),
            *desk.answer_link("Reject", alert.run_id, task_id=task_id, option="Reject"),
            *desk.answer_link("The request, unanswered", alert.run_id, task_id=task_id, option=None),
            *desk.run_link("The run that found the drift", check.run_id),
        ),
        picture=check_picture(desk.store, check),
    )


APPROVAL_MESSAGES: Mapping[str, Callable[[Alert, Desk], Message | None]] = {"approval": approval}
