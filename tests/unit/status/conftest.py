"""A pipeline with a past, which is written once and only read."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from schema_template import SchemaTemplate
from status_story import lived_pipeline

from include.config import PipelineConfig
from include.warehouse.session import Warehouse

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def past_config(
    new_config: Callable[[Path], PipelineConfig], tmp_path_factory: pytest.TempPathFactory
) -> PipelineConfig:
    """A pipeline whose windows hold 120 answers."""
    config = new_config(tmp_path_factory.mktemp("past"))
    return config.model_copy(update={"drift": config.drift.model_copy(update={"window": 120})})


@pytest.fixture(scope="session")
def past(schema_template: SchemaTemplate, past_config: PipelineConfig) -> Iterator[Warehouse]:
    """A session on the schema of a pipeline with a past."""
    with lived_pipeline(schema_template, past_config, now=NOW) as warehouse:
        yield warehouse
