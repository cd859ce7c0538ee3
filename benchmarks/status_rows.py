"""What the status page reads besides the rows of the ledger: answers over weeks, measured checks, baselines, labels."""

import json
from contextlib import closing
from typing import Any

import numpy as np

from include.config import PipelineConfig
from include.models.baseline import build_baseline
from include.registry.baselines import insert_baseline
from include.warehouse.session import Warehouse

_N_DAYS = 60
_N_LABELLED = 100_000
_N_HELD_OUT = 4_000
_CLASSES = tuple(f"class {number}" for number in range(10))

_SPREAD_ANSWERS = """
UPDATE PREDICTIONS
SET PRED_TIMESTAMP = DATEADD(SECOND, -FLOOR((%(n_answers)s - COMMIT_SEQ) * %(seconds)s / %(n_answers)s), SYSDATE())
"""
_MEASURE_CHECKS = """
UPDATE DRIFT_CHECKS
SET
    CHECKED_AT = DATEADD(SECOND, -FLOOR((%(n_answers)s - LAST_COMMIT_SEQ) * %(seconds)s / %(n_answers)s), SYSDATE()),
    SCORE = 0.1,
    THRESHOLD = 0.2,
    CHAMPION_EVENT_SEQ = COALESCE((SELECT EVENT_SEQ FROM CHAMPION WHERE CHAMPION.VERSION = DRIFT_CHECKS.VERSION), 0),
    STATISTICS = PARSE_JSON(%(statistics)s),
    THRESHOLDS = PARSE_JSON(%(thresholds)s),
    EVIDENCE = PARSE_JSON(%(evidence)s)
"""
_LABEL = """
INSERT INTO LABELS
SELECT STAGE, RELATIVE_PATH, ETAG, IFF(MOD(COMMIT_SEQ, 9) = 0, 'class 0', TYPE), 'random', SYSDATE()
FROM PREDICTIONS
WHERE MOD(COMMIT_SEQ, %(every)s) = 1 AND IS_FIRST
"""
_CONFIGURE = "UPDATE MODEL_VERSIONS SET CONFIG = PARSE_JSON(%(config)s)"
_VERSIONS = "SELECT VERSION FROM MODEL_VERSIONS ORDER BY VERSION"


def fill_past(warehouse: Warehouse, config: PipelineConfig, *, n_answers: int) -> None:
    """Give the answers, checks and versions that `ledger_rows` writes a past as long and as full as a real one.

    Args:
        warehouse: A session on a pipeline that is filled.
        config: The pipeline.
        n_answers: How many answers there are.
    """
    over = {"n_answers": n_answers, "seconds": _N_DAYS * 86_400}
    comparison = {"distance": 0.1, "p_value": 0.4, "n_images": 1000, "n_baseline": 4000, "smallest_shift": 0.2}
    estimate = {"method": "DoC and ATC", "value": 0.9, "low": 0.88, "high": 0.92}
    rng = np.random.default_rng(0)
    truth = np.arange(_N_HELD_OUT) % len(_CLASSES)
    scores = rng.dirichlet(np.full(len(_CLASSES), 0.05), _N_HELD_OUT)
    baseline = build_baseline(
        scores.astype(np.float32),
        truth,
        classes=_CLASSES,
        features=np.empty((_N_HELD_OUT, 0), dtype=np.float32),
        image_statistics={},
        n_undecodable=0,
    )
    _run(warehouse, _CONFIGURE, config=config.to_json())
    _run(warehouse, _SPREAD_ANSWERS, **over)
    _run(
        warehouse,
        _MEASURE_CHECKS,
        **over,
        statistics=json.dumps(
            {"confidences": comparison, "accuracy": {"baseline": 0.91, "expected": 0.9, "estimates": [estimate]}}
        ),
        thresholds=json.dumps({"confidences": 0.2, "false_alarm_rate": 0.01}),
        evidence=json.dumps({"counts_by_class": {label: list(of) for label, of in baseline.counts_by_class.items()}}),
    )
    _run(warehouse, _LABEL, every=max(2, n_answers // _N_LABELLED))
    for (version,) in _run(warehouse, _VERSIONS):
        insert_baseline(warehouse, version, baseline)


def _run(warehouse: Warehouse, sql: str, **values: Any) -> list[tuple[Any, ...]]:
    with closing(warehouse._connection.cursor()) as cursor:
        rows: list[tuple[Any, ...]] = cursor.execute(sql, values).fetchall()
    return rows
