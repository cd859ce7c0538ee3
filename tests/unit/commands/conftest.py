"""What the tests of verbs share: a pipeline's file where the command looks for it, and loggers as they were."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.config import PipelineConfig


@pytest.fixture
def place_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, embedded_warehouse: str, config: PipelineConfig
) -> Callable[..., None]:
    """A function that writes the pipeline's file, with other parts where they are given.

    The command finds it, and its warehouse, in the environment; there is no local instance.
    """
    folder = tmp_path / "pipelines"
    folder.mkdir()
    monkeypatch.setenv("DRIFTGATE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DRIFTGATE_PIPELINES", str(folder))

    def place(**parts: Any) -> None:
        fields = config.model_dump(mode="json", by_alias=True) | parts
        (folder / "a.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")

    return place
