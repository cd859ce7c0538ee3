"""An Airflow of its own for the DAG tests: a live scheduler would take their tasks."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.config import PipelineConfig

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Airflow's metadata database, migrated, in a home of its own; set before anything imports Airflow."""
    home = Path(os.environ["AIRFLOW_HOME"])
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"], check=True, capture_output=True, env=os.environ.copy()
    )
    from airflow.dag_processing.bundles.manager import DagBundlesManager

    DagBundlesManager().sync_bundles_to_db()
    return home


@pytest.fixture
def pipelines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the pipeline files."""
    folder = tmp_path / "pipelines"
    folder.mkdir()
    monkeypatch.setenv("DRIFTGATE_PIPELINES", str(folder))
    return folder


@pytest.fixture
def write_pipeline(pipelines: Path) -> Callable[[PipelineConfig], Path]:
    def write(config: PipelineConfig) -> Path:
        path = pipelines / f"{config.name}.yaml"
        path.write_text(yaml.safe_dump(config.model_dump(mode="json", by_alias=True)), encoding="utf-8")
        return path

    return write


@pytest.fixture
def load_dags(airflow_home: Path, pipelines: Path) -> Callable[[], Any]:
    """A function that reads dags/ as the DAG processor does."""

    def load() -> Any:
        from airflow.dag_processing.dagbag import DagBag

        return DagBag(ROOT / "dags")

    return load
