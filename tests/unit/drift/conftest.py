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
from include.drift import previous
from include.drift.check import Check, check_drift
from include.drift.report import page
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
def answer(query: Query, warehouse: Warehouse) -> Callable[..., None]:
    """A function that commits answers of a version to the images `<images>/0`, `<images>/1` ….

    `looks` are the five image statistics of each image, `features` what the network saw in it; left out, they are null,
    as in rows of older releases.
    """

    def commit(
        version: int,
        confidences: Sequence[float],
        *,
        images: str,
        predicted: Sequence[str] | None = None,
        looks: Sequence[Sequence[float]] | None = None,
        features: Sequence[Sequence[float]] | None = None,
        run_id: str = "run",
    ) -> None:
        labels = predicted or in_turn(len(confidences))
        rows = [
            [
                f"{images}/{number}",
                label,
                str(confidence),  # JSON has no NaN
                *(looks[number] if looks is not None else [None] * 5),
                list(features[number]) if features is not None else None,
            ]
            for number, (label, confidence) in enumerate(zip(labels, confidences, strict=True))
        ]
        query(
            "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, PRED_TIMESTAMP, "
            "RUN_ID, COMMIT_SEQ, SHORT_SIDE, LONG_SIDE, BRIGHTNESS, CONTRAST, SHARPNESS, FEATURES) "
            "SELECT 'INCOMING_IMAGES', ROW_.VALUE[0]::VARCHAR, 'e', %(version)s, ROW_.VALUE[1]::VARCHAR, "
            "ROW_.VALUE[2]::VARCHAR::FLOAT, PARSE_JSON('[1]'), SYSDATE(), %(run_id)s, "
            "(SELECT COALESCE(MAX(COMMIT_SEQ), 0) FROM PREDICTIONS) + ROW_.INDEX + 1, ROW_.VALUE[3]::FLOAT, "
            "ROW_.VALUE[4]::FLOAT, ROW_.VALUE[5]::FLOAT, ROW_.VALUE[6]::FLOAT, ROW_.VALUE[7]::FLOAT, "
            "NULLIF(ROW_.VALUE[8], PARSE_JSON('null')) FROM TABLE(FLATTEN(INPUT => PARSE_JSON(%(rows)s))) AS ROW_",
            version=version,
            run_id=run_id,
            rows=json.dumps(rows),
        )
        warehouse.run("setup/fill_is_first")

    return commit


@pytest.fixture
def label(query: Query) -> Callable[..., None]:
    """A function that labels the images `<images>/0`, `<images>/1` …."""

    def insert(images: str, labels: Sequence[str], *, source: str = "random") -> None:
        query(
            "INSERT INTO LABELS SELECT 'INCOMING_IMAGES', %(images)s || '/' || ROW_.INDEX, 'e', ROW_.VALUE::VARCHAR, "
            "%(source)s, SYSDATE() FROM TABLE(FLATTEN(INPUT => PARSE_JSON(%(labels)s))) AS ROW_",
            images=images,
            source=source,
            labels=json.dumps(labels),
        )

    return insert


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """No report is drawn: Evidently takes seconds, and its pictures are tested by themselves."""
    drawing = create_autospec(page.render_report, return_value="reports/drawn.html")
    monkeypatch.setattr(page, "render_report", drawing)
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
