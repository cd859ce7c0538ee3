"""What all DAGs have in common."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from include.config import PipelineConfig, find_pipelines

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "driftgate",
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=5),
}


def valid_pipelines() -> Iterator[PipelineConfig]:
    """Return the pipelines whose files are right; `dags/pipeline_files.py` tells of the others."""
    for pipeline in find_pipelines():
        if isinstance(pipeline, PipelineConfig):
            yield pipeline
