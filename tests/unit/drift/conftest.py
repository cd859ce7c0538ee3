"""Versions that are champion, and their answers in the warehouse."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, create_autospec

import pytest
from given_answers import SURE, WINDOW, in_turn

from include.config import PipelineConfig
from include.config_parts import DriftConfig, RetrainingConfig
from include.drift import previous, report
from include.drift.check import Check, check_drift
from include.models.baseline import Baseline
from include.registry.ledger import champion_event_seq, promote, register
from include.store.files import FileStore
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def small_window(new_config: Callable[[Path], PipelineConfig], tmp_path: Path) -> PipelineConfig:
    """A pipeline whose windows are small and that retrains by itself."""
    return new_config(tmp_path).model_copy(
        update={
            "drift": DriftConfig(window=WINDOW),
            "retraining": RetrainingConfig(mode="automatic", min_new_labels=5),
        }
    )


@pytest.fixture
def promoted(warehouse: Warehouse, config: PipelineConfig) -> Callable[..., int]:
    """A function that makes a new version champion and returns its number."""

    def make(baseline: Baseline = SURE, *, snapshot_id: str = "s") -> int:
        run_id = f"training {champion_event_seq(warehouse)}"
        version = register(
            warehouse,
            config=config,
            snapshot_id=snapshot_id,
            metrics={},
            n_training_images=7,
            artifact_path="a/",
            sha256=run_id,
            temperature=1.0,
            baseline=baseline,
            run_id=run_id,
        )
        promote(
            warehouse,
            version=version,
            expected_event_seq=champion_event_seq(warehouse),
            reason="good",
            run_id=run_id,
        )
        return version

    return make


@pytest.fixture
def answer(query: Query) -> Callable[..., None]:
    """A function that commits answers of a version to the images `<images>/0`, `<images>/1` …."""

    def commit(
        version: int, confidences: Sequence[float], *, images: str, predicted: Sequence[str] | None = None
    ) -> None:
        labels = predicted or in_turn(len(confidences))
        rows = [
            [f"{images}/{number}", label, confidence]
            for number, (label, confidence) in enumerate(zip(labels, confidences, strict=True))
        ]
        query(
            "INSERT INTO PREDICTIONS SELECT 'INCOMING_IMAGES', ROW_.VALUE[0]::VARCHAR, 'e', %(version)s, "
            "ROW_.VALUE[1]::VARCHAR, ROW_.VALUE[2]::FLOAT, PARSE_JSON('[1]'), SYSDATE(), 'run', "
            "(SELECT COALESCE(MAX(COMMIT_SEQ), 0) FROM PREDICTIONS) + ROW_.INDEX + 1 "
            "FROM TABLE(FLATTEN(INPUT => PARSE_JSON(%(rows)s))) AS ROW_",
            version=version,
            rows=json.dumps(rows),
        )

    return commit


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """No report is drawn: Evidently takes seconds, and its pictures are tested by themselves."""
    drawing = create_autospec(report.render_report, return_value="reports/drawn.html")
    monkeypatch.setattr(report, "render_report", drawing)
    return drawing


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """What the previous version answers to the window, as its network is tested elsewhere."""
    asking = create_autospec(previous.previous_on_window)
    monkeypatch.setattr(previous, "previous_on_window", asking)
    return asking


@pytest.fixture
def check(warehouse: Warehouse, store: FileStore, config: PipelineConfig) -> Callable[..., Check | None]:
    """A function that checks in a run of its own (or in the one named)."""
    numbers = iter(range(1000))

    def run(run_id: str | None = None, config: PipelineConfig = config) -> Check | None:
        return check_drift(warehouse, store, config, run_id=run_id or f"run {next(numbers)}", work_path="w")

    return run
