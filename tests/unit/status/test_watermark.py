"""The watermark changes with everything that the page shows, and with nothing else."""

from collections.abc import Callable
from typing import Any

import pytest

from include.config import PipelineConfig
from include.status.watermark import read_watermark
from include.warehouse.session import Warehouse

CHANGES = {
    "a label": "INSERT INTO LABELS (STAGE, RELATIVE_PATH, ETAG, LABEL, SOURCE, LABELLED_AT) "
    "SELECT 'A', 'a.png', 'e', 'hat', 'random', SYSDATE()",
    "a run": "INSERT INTO RUNS (RUN_ID, DAG_ID, KIND, CONFIG, CONFIG_DIGEST, STARTED_AT) "
    "SELECT 'r', 'd', 'training', PARSE_JSON('{}'), 'c', SYSDATE()",
    "an image that is forgotten": "INSERT INTO FORGOTTEN (PLACE_SHA256, ETAG, COPIES_KEPT, RUN_ID, FORGOTTEN_AT) "
    "SELECT 'p', 'e', FALSE, 'r', SYSDATE()",
    "an alert that is late": "INSERT INTO ALERTS (ALERT_ID, KIND, RUN_ID, ABOUT, CREATED_AT, DUE_AT, N_TRIES, "
    "NEXT_TRY_AT) SELECT 'a', 'failed', 'r', PARSE_JSON('{}'), SYSDATE(), DATEADD(HOUR, -2, SYSDATE()), 1, SYSDATE()",
}


@pytest.mark.parametrize("change", CHANGES)
def test_it_changes_with(change: str, warehouse: Warehouse, query: Callable[..., list[tuple[Any, ...]]]) -> None:
    before = read_watermark(warehouse)
    again = read_watermark(warehouse)

    query(CHANGES[change])

    assert before.digest == again.digest
    assert read_watermark(warehouse).digest != before.digest


def test_it_changes_with_a_promotion(warehouse: Warehouse, config: PipelineConfig, add_version: Any) -> None:
    before = read_watermark(warehouse)

    add_version(1)

    assert read_watermark(warehouse).digest != before.digest
