"""A check with nothing replaced: what it imports, and the report that it draws."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import given_windows
import numpy as np
import pytest
from given_answers import WINDOW, clean

from include.config import PipelineConfig
from include.drift.check import check_drift
from include.models.baseline import STATISTIC_EDGES
from include.store.files import FileStore
from include.warehouse.session import Warehouse

ROOT = Path(__file__).parents[3]
HEAVY = {"torch", "torchvision", "evidently", "plotly", "matplotlib", "PIL", "sklearn", "scipy", "airflow"}

CHECK = f"""
import json, sys
sys.modules["include.drift.report.page"] = None  # Evidently and matplotlib are for the report alone
import snowflake.connector
from include.config import PipelineConfig
from include.drift.check import check_drift
from include.store.files import FileStore
from include.warehouse.identifiers import pipeline_identifiers
from include.warehouse.session import Warehouse

config = PipelineConfig.from_json(sys.argv[1])
airflow_connection = json.loads(sys.argv[2])
connection = snowflake.connector.connect(
    user=airflow_connection["login"],
    password=airflow_connection["password"],
    database=config.warehouse.database,
    schema=config.schema_name,
    **airflow_connection["extra"],
)
warehouse = Warehouse(connection, pipeline_identifiers(config))
check = check_drift(warehouse, FileStore(config.store_url), config, run_id="run", work_path="w")
print(check.verdict if check else None, sorted({HEAVY!r} & set(sys.modules)))
"""


@pytest.fixture
def config(small_window: PipelineConfig) -> PipelineConfig:
    return small_window


def checked(config: PipelineConfig, embedded_warehouse: str) -> str:
    """Check in a process of its own; return the verdict, and what it imported that is heavy."""
    done = subprocess.run(
        [sys.executable, "-c", CHECK, config.to_json(), embedded_warehouse],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize("n_answers", [0, WINDOW - 1])
def test_while_the_window_is_not_full_nothing_heavy_is_imported(
    promoted: Callable[..., int],
    answer: Callable[..., None],
    config: PipelineConfig,
    embedded_warehouse: str,
    n_answers: int,
) -> None:
    answer(promoted(), clean(n_answers), images="new")

    assert checked(config, embedded_warehouse) == "INSUFFICIENT_DATA []"


def test_a_full_window_needs_numpy_alone(
    promoted: Callable[..., int], answer: Callable[..., None], config: PipelineConfig, embedded_warehouse: str
) -> None:
    rng = np.random.default_rng(3)
    version, new = promoted(given_windows.baseline_of(given_windows.answers(rng, 350))), given_windows.answers(rng, 60)
    answer(
        version,
        new.confidences.tolist(),
        images="new",
        predicted=new.predicted.tolist(),
        looks=list(zip(*(new.look[name].tolist() for name in STATISTIC_EDGES), strict=True)),
        features=new.features.tolist(),
    )

    assert checked(config, embedded_warehouse) == "STABLE []"


def test_a_full_window_has_a_report_in_the_store(
    promoted: Callable[..., int],
    answer: Callable[..., None],
    warehouse: Warehouse,
    store: FileStore,
    config: PipelineConfig,
    query: Callable[..., list[tuple[Any, ...]]],
) -> None:
    answer(promoted(), clean(WINDOW), images="new")

    done = check_drift(warehouse, store, config, run_id="run", work_path="w")

    assert done is not None
    assert done.report_path is not None
    assert query("SELECT REPORT_PATH FROM DRIFT_CHECKS") == [(done.report_path,)]
    assert done.reasons[0] in store.read(done.report_path).decode().replace("&#39;", "'")
