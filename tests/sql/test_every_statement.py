"""Every statement below include/sql is run once against the embedded warehouse, and is linted to be Snowflake's."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from driftgate.hooks import WarehouseHook
from include.config import PipelineConfig
from include.warehouse.identifiers import (
    WORK_STAGE,
    pipeline_identifiers,
    quote_imports,
    stage_location,
    stream_of,
)
from include.warehouse.loading import (
    LOADED_FEATURES,
    LOADED_KEYS,
    LOADED_LABELS,
    LOADED_PIXELS,
    LOADED_PREDICTIONS,
    LOADED_REQUESTS,
    LOADED_SNAPSHOT,
    LoadedTable,
    write_rows,
)
from include.warehouse.names import FILE_FORMAT, roles_of
from include.warehouse.session import SQL_FOLDER, Warehouse, read_statement
from include.warehouse.setup import run_setup

STATEMENTS = sorted(str(path.relative_to(SQL_FOLDER).with_suffix("")) for path in SQL_FOLDER.rglob("*.sql"))

VALUES: dict[str, Any] = {
    "about": '{"check_id": "c4ec"}',
    "accepted_because": "the new camera",
    "accuracy": 0.9,
    "action": "NONE",
    "actor": "me",
    "after_commit_seq": 0,
    "alert_id": "a1e7",
    "approvers": '[{"id": "ann", "name": "ann"}]',
    "artifact_path": "ab12/",
    "at": datetime(2026, 1, 1),
    "aws_provider": "S3",
    "aws_role": "arn:aws:iam::123456789012:role/driftgate",
    "aws_urls": ["s3://bucket/new/"],
    "azure_tenant": "00000000-0000-0000-0000-000000000000",
    "azure_urls": ["azure://account.blob.core.windows.net/bucket/new/"],
    "backbone_digest": "b0",
    "challenger": 2,
    "champion_event_seq": 1,
    "champion_snapshot_id": "5b",
    "check_id": "c4ec",
    "class_name": None,
    "commit_seqs": [1, 2],
    "computed": '{"torch_version": "2"}',
    "config": '{"name": "a"}',
    "config_digest": "c0",
    "contents": ["c0ffee", "c1"],
    "counts": "[1, 2]",
    "counts_by_class": '{"a": [1, 2]}',
    "cures": None,
    "dag_id": "a_training",
    "delivered_to": '["mail"]',
    "differences": '["torch 2, then 1"]',
    "due_at": None,
    "edges": "[0.0, 0.5, 1.0]",
    "emails": ["a@example.com", "b@example.com"],
    "error": "Connection refused",
    "estimated_accuracy": 0.7,
    "evaluated": "60 MINUTE",
    "event": "REGISTERED",
    "event_seq": 1,
    "evidence": '{"image_statistics": {}}',
    "expires_at": datetime(2026, 1, 2),
    "features": '{"rows": [], "truth": []}',
    "first_commit_seq": 1,
    "fitted_path": "fitted/ab12.safetensors",
    "from_version": None,
    "functions": ["CLASSIFY", "CLASSIFY_V1"],
    "gcs_urls": ["gcs://bucket/new/"],
    "held_out": "{}",
    "image_statistics": "{}",
    "incoming_stage": "INCOMING_IMAGES",
    "integration_name": "A_MAIL",
    "is_every": False,
    "keep_seconds": 86_400,
    "kept_contents": ["c0ffee"],
    "kind": "training",
    "label_group": 1,
    "label_pattern": "^([^/]+)/",
    "last_commit_seq": 9,
    "lost_segments": ["segments/a", "segments/b"],
    "max_age_seconds": 60,
    "max_changes": 5,
    "max_windows": 9,
    "message": "it's silent",
    "metrics": '{"accuracy": 0.5}',
    "min_bad_images": 5,
    "moments": "[[0, 1, 1780000000]]",
    "n_classes": 2,
    "n_images": 1,
    "n_looked_at": 9,
    "n_needed": 1,
    "n_pictures": 24,
    "n_sample": 10,
    "n_skipped": 0,
    "n_training_images": 1,
    "n_versions": None,
    "n_windows": 3,
    "original_accuracy": 0.9,
    "outcome": "it's done",
    "p_value": 0.01,
    "packages": ["numpy", "pytorch"],
    "pipeline": "a",
    "prefix": "a/",
    "preprocessing_digest": "d0",
    "preprocessing_digests": ["d0", "d1"],
    "purpose": "runs it",
    "read_as": "{}",
    "reason": None,
    "reasons": '["why"]',
    "recipients": "a@example.com, b@example.com",
    "relative_path": "a/1.png",
    "report_path": None,
    "request_id": "4e90",
    "requested_at": datetime(2026, 1, 1),
    "rescore": "window",
    "run_id": "a_training/manual__2026",
    "same_weights": True,
    "schema_name": "A",
    "score": 0.3,
    "seconds": 60,
    "segment": "segments/a",
    "segments": ["segments/a", "segments/b"],
    "served_before": "[2, 1]",
    "sha256": "ab12",
    "signal": "confidences",
    "silence_s": 7200,
    "since": datetime(2026, 1, 1),
    "smallest_shift": None,
    "snapshot_id": "5a",
    "stage_name": "TRAINING_IMAGES",
    "stage_names": ["TRAINING_IMAGES", "INCOMING_IMAGES"],
    "statistic_edges": '{"brightness": [0.0, 0.5, 1.0]}',
    "statistics": '{"n_new_labels": 3}',
    "subject": "no drift check",
    "temperature": 1.5,
    "threshold": 0.2,
    "thresholds": '{"min_new_labels": 50}',
    "training_stage": "TRAINING_IMAGES",
    "until": datetime(2026, 1, 2),
    "verdict": "STABLE",
    "version": 1,
    "versions": [1, 2],
    "weights_sha256": "ab12",
    "window_size": 20,
    "windows": "[[0, 1, 1, 9, 1]]",
}

ROWS: dict[LoadedTable, tuple[object, ...]] = {
    LOADED_FEATURES: ("c0ffee", "features/a", 0),
    LOADED_KEYS: ("TRAINING_IMAGES", "a/1.png", "e"),
    LOADED_LABELS: ("TRAINING_IMAGES", "a/1.png", "a", "person"),
    LOADED_REQUESTS: ("INCOMING_IMAGES", "a/1.png", "e", "random", "a", 0.9, None, 1),
    LOADED_SNAPSHOT: ("TRAINING_IMAGES", "a/1.png", "e", "a", "path", "train", "c0ffee"),
    LOADED_PIXELS: ("TRAINING_IMAGES", "a/1.png", "e", "c0ffee", "segments/a", 0, 1, 1, 0.5, 0.5, 0.5, None),
    LOADED_PREDICTIONS: (
        *("TRAINING_IMAGES", "a/1.png", "e", 1, "a", 0.9, "[0.9, 0.1]", datetime(2026, 1, 1)),
        *(20.0, 30.0, 0.5, 0.1, 0.01, "[0.1, -2.5]"),
    ),
}


_STAGED = stage_location(WORK_STAGE, "staged/")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("statements")


@pytest.fixture(scope="module")
def config(new_config: Callable[[Path], PipelineConfig], folder: Path) -> PipelineConfig:
    return new_config(folder)


@pytest.fixture(scope="module")
def session(embedded_warehouse: str, config: PipelineConfig) -> Iterator[Warehouse]:
    with WarehouseHook.for_pipeline(config).session() as warehouse:
        run_setup(warehouse, config)
        yield warehouse


@pytest.fixture(scope="module")
def staged(session: Warehouse, folder: Path) -> None:
    """A file for each temporary table is staged, which its COPY removes, and one for the statements about stages."""
    for table, row in ROWS.items():
        file = folder / f"{table.copy.rpartition('/')[2]}.parquet"
        write_rows(file, table, [row])
        location = {"location": stage_location(WORK_STAGE, f"{file.stem}/")}
        session.run("stages/put_file", file_url=f"file://{file}", identifiers=location)
        session.run("stages/put_file", file_url=f"file://{file}", identifiers={"location": _STAGED})


@pytest.fixture
def prepared(session: Warehouse, staged: None) -> Iterator[Warehouse]:
    """A session in which all temporary tables are there and empty."""
    for table in ROWS:
        session.run(table.create)
    # a version's function that needs no model
    identifiers = {"function": "CLASSIFY_V1", "version_function": "PARSE_JSON", "comment": "version 1"}
    session.run("publish/create_function", identifiers=identifiers)
    yield session
    session.run("lock/roll_back")


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_runs(prepared: Warehouse, config: PipelineConfig, folder: Path, name: str) -> None:
    statement = name.rpartition("/")[2]
    is_copy = statement.startswith("copy_")
    identifiers = {
        **pipeline_identifiers(config),
        "column": "SHARPNESS",
        "comment": "version 1",
        "function": "CLASSIFY",
        "imports": quote_imports(WORK_STAGE, ["staged/copy_loaded_keys.parquet"]),
        "model": "v1_ab12_",
        "packages": "'numpy'",
        "version_function": "CLASSIFY_V1",
        "stage": "TRAINING_IMAGES",
        "stream": stream_of("TRAINING_IMAGES"),
        "url": f"file://{folder}/train/",
        "role": roles_of(config).pipeline,
        "to_role": "SYSADMIN",
        "integration": "A_BUCKET",
        "privileges": "SELECT, INSERT",
        "table": "IMAGES",
        "view": "CHAMPION",
        "file_format": FILE_FORMAT,
        "location": stage_location(WORK_STAGE, f"{statement}/") if is_copy else _STAGED,
    }
    if name.startswith("teardown/"):  # what all other statements need stays
        gone = ("schema", "table", "view", "stage", "stream", "role", "integration")
        identifiers |= dict.fromkeys(gone, "NOT_THERE")
    values = {**VALUES, "file_url": f"file://{folder}/copy_loaded_keys.parquet", "folder_url": f"file://{folder}/"}
    needed = {key: value for key, value in values.items() if f"%({key})s" in read_statement(name)}

    n_rows = prepared.run(name, identifiers=identifiers, **needed)

    if is_copy:
        assert n_rows == 1


def test_a_statement_is_one_statement_with_a_purpose() -> None:
    for name in STATEMENTS:
        text = (SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8")
        assert text.startswith("-- "), f"{name} does not say what it is for"
        assert ";" not in read_statement(name), f"{name} is more than one statement"
