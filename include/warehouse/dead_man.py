"""The alert that Snowflake itself raises when no drift check has arrived: then nobody else may be there to tell."""

import datetime
import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from include.config import PipelineConfig
from include.warehouse.names import mail_integration
from include.warehouse.statements import Statement

N_SCHEDULES: Final = 2
"""After how many times the longest pause of the schedule silence is told."""

_MIN_MINUTES: Final = 60
"""How often the alert is evaluated at most: each time wakes the virtual warehouse, and mails while there is silence."""
_MAX_MINUTES: Final = 11_520
"""The longest interval that an alert can have: eight days."""
_N_RUNS: Final = 400
"""Runs of the schedule that are looked at: of a daily one, more than a year."""

_NEVER: Final = frozenset({"@once", "@continuous"})


def alert_emails(config: PipelineConfig) -> tuple[str, ...]:
    """Return whom Snowflake mails; nobody when there is no schedule that could be kept."""
    emails = config.notify.emails if config.account.alert_emails is None else config.account.alert_emails
    return emails if longest_pause_s(config.schedule) is not None else ()


def longest_pause_s(schedule: str | None) -> int | None:
    """Return the longest time between two runs in a row, in seconds: of one on weekdays, the weekend.

    Args:
        schedule: A cron expression or an Airflow preset; None or one without a rhythm have no pause.
    """
    if schedule is None or schedule in _NEVER:
        return None
    from croniter import croniter

    # croniter knows presets, but for this one
    expression = "0 0 1 */3 *" if schedule == "@quarterly" else schedule
    runs = croniter(expression, datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC))
    times: list[float] = [runs.get_next(float) for _ in range(_N_RUNS)]
    return math.ceil(max(after - before for before, after in pairwise(times)))


def dead_man_statements(config: PipelineConfig) -> Iterator[Statement]:
    """Return what makes the alert in the pipeline's schema, or drops it when nobody is to be mailed."""
    emails, pause_s = alert_emails(config), longest_pause_s(config.schedule)
    if not emails or pause_s is None:
        yield Statement("setup/drop_dead_man")
        return
    silence_s = N_SCHEDULES * pause_s
    minutes = min(max(math.ceil(pause_s / 60), _MIN_MINUTES), _MAX_MINUTES)
    yield Statement(
        "setup/create_dead_man",
        values={
            "silence_s": silence_s,
            "evaluated": f"{minutes} MINUTE",
            "integration_name": mail_integration(config),
            "recipients": ", ".join(emails),
            "subject": f"Driftgate: no drift check of {config.name} for {_told(silence_s)}",
            "message": (
                f"{config.warehouse.database}.{config.schema_name}.DRIFT_CHECKS has had no row for {_told(silence_s)}, "
                f"twice the schedule of {config.name}_inference. Nobody looks after its champion: see whether Airflow "
                f"runs and whether that DAG is paused or fails (./driftgate status {config.name})."
            ),
        },
    )
    yield Statement("setup/resume_dead_man")


def _told(seconds: int) -> str:
    """Return a time as people say it."""
    if seconds % 3600:
        return f"{math.ceil(seconds / 60)} minutes"
    hours = seconds // 3600
    return f"{hours} hours" if hours < 72 or hours % 24 else f"{hours // 24} days"
