"""What Airflow knows of whether a pipeline is at work."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from driftgate.status.activity import is_quiet_since
from include.config import PipelineConfig


def test_a_pipeline_is_quiet_when_none_of_its_tasks_has_worked_since(
    run: Callable[..., Any], config: PipelineConfig
) -> None:
    # Given a pipeline of which a run has just ended
    started = datetime.now(UTC)
    run("alerts")

    # Then it was at work since before, is quiet from then on, and another one was quiet all the time
    assert not is_quiet_since(config, started)
    assert is_quiet_since(config, datetime.now(UTC) + timedelta(minutes=1))
    assert is_quiet_since(config.model_copy(update={"name": "another"}), started)
