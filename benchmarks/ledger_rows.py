"""A ledger of a thousand versions, and millions of answers, written by the warehouse itself."""

import json
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from include.warehouse.session import Warehouse

N_ANSWERS_OF_IMAGE = 5
"""So many versions have answered the image that is explained."""
_N_WINDOWS = 10
"""The drift checks of each version."""
_CLASSES = tuple(f"class {number}" for number in range(10))

_VERSIONS = """
INSERT INTO MODEL_VERSIONS
SELECT
    N, SHA2('snapshot ' || N), PARSE_JSON('{}'), PARSE_JSON(%(metrics)s), 20000, N || '/', SHA2('card ' || N), 1.5,
    'bench_training/' || N, DATEADD(HOUR, N, '2026-01-01'::TIMESTAMP_NTZ)
FROM (SELECT ROW_NUMBER() OVER (ORDER BY NULL) AS N FROM TABLE(GENERATOR(ROWCOUNT => %(n_versions)s)))
"""
_SNAPSHOTS = """
INSERT INTO SNAPSHOTS SELECT SNAPSHOT_ID, 25000, 10, RUN_ID, CREATED_AT FROM MODEL_VERSIONS
"""
_RUNS = """
INSERT INTO RUNS (RUN_ID, DAG_ID, KIND, CONFIG, CONFIG_DIGEST, REASON, CHECK_ID, STARTED_AT, OUTCOME)
SELECT RUN_ID, 'bench_training', 'training', CONFIG, 'd', 'the images have changed', 'check', CREATED_AT, 'PROMOTED'
FROM MODEL_VERSIONS
"""
_EVENTS = """
INSERT INTO MODEL_EVENTS (EVENT_SEQ, EVENT, VERSION, FROM_VERSION, ACTOR, REASON, RUN_ID, AT, REQUEST_ID)
WITH KINDS AS (
    SELECT VALUE:place::NUMBER AS PLACE, VALUE:event::VARCHAR AS EVENT, VALUE:asked::VARCHAR AS ASKED
    FROM TABLE(FLATTEN(INPUT => PARSE_JSON(%(kinds)s)))
)
SELECT
    (VERSION - 1) * 10 + PLACE,
    EVENT,
    IFF(EVENT = 'ROLLED_BACK' OR ASKED = 'retraining', VERSION - 1, VERSION),
    CASE EVENT WHEN 'ROLLED_BACK' THEN VERSION WHEN 'PROMOTED' THEN VERSION - 1 END,
    IFF(ASKED IS NULL, 'driftgate', 'ann'),
    'accuracy 0.912 against 0.905 of the champion on the same 4000 images: a gain of 0.007',
    RUN_ID,
    DATEADD(MINUTE, PLACE, CREATED_AT),
    ASKED || ' ' || VERSION
FROM MODEL_VERSIONS
CROSS JOIN KINDS
WHERE
    (EVENT NOT IN ('GATE_PASSED', 'PROMOTED', 'ROLLED_BACK') OR MOD(VERSION, 5) <> 0)
    AND (EVENT <> 'GATE_FAILED' OR MOD(VERSION, 5) = 0)
    AND (EVENT <> 'ROLLED_BACK' OR MOD(VERSION, 10) = 3)
"""
"""Every fifth version fails at the gate, every tenth is rolled back from; both approvals are asked for."""
_KINDS = (
    ("REGISTERED", None),
    ("APPROVED", "retraining"),
    ("GATE_PASSED", None),
    ("GATE_FAILED", None),
    ("APPROVED", "promotion"),
    ("PROMOTED", None),
    ("ROLLED_BACK", None),
)
_REQUESTS = """
INSERT INTO APPROVAL_REQUESTS (
    REQUEST_ID, RUN_ID, KIND, CHECK_ID, VERSION, CHAMPION_EVENT_SEQ, EVIDENCE, APPROVERS, N_NEEDED, REQUESTED_AT,
    EXPIRES_AT
)
SELECT
    REQUEST_ID, RUN_ID, SPLIT_PART(REQUEST_ID, ' ', 1), 'check', VERSION, 1, PARSE_JSON(%(evidence)s),
    PARSE_JSON('[]'), 1, AT, AT
FROM MODEL_EVENTS
WHERE REQUEST_ID IS NOT NULL
"""
_CHECKS = """
INSERT INTO DRIFT_CHECKS (
    CHECK_ID, RUN_ID, VERSION, CHAMPION_EVENT_SEQ, FIRST_COMMIT_SEQ, LAST_COMMIT_SEQ, N_IMAGES, STATISTICS, THRESHOLDS,
    VERDICT, ACTION, REASONS, CHECKED_AT
)
SELECT
    SHA2('check ' || N), 'run', 1 + FLOOR((N - 1) / %(n_windows)s), 1, (N - 1) * %(size)s + 1, N * %(size)s, %(size)s,
    PARSE_JSON('{}'), PARSE_JSON('{}'), 'STABLE', 'NONE', PARSE_JSON('["nothing has changed"]'), SYSDATE()
FROM (SELECT ROW_NUMBER() OVER (ORDER BY NULL) AS N FROM TABLE(GENERATOR(ROWCOUNT => %(n_checks)s)))
"""
_ANSWERS = """
INSERT INTO PREDICTIONS
SELECT
    %(stage)s, MD5(N::VARCHAR) || '.jpg', 'e' || N::VARCHAR, 1 + FLOOR((N - 1) / %(of_version)s),
    'class ' || MOD(N, 10)::VARCHAR, 0.9, PARSE_JSON('[0.9,0.1]'), SYSDATE(), 'run ' || FLOOR(N / 2000)::VARCHAR, N,
    512, 1024, 0.5, 0.25, 0.1, PARSE_JSON('[0.1,0.2]'), TRUE
FROM (SELECT ROW_NUMBER() OVER (ORDER BY NULL) AS N FROM TABLE(GENERATOR(ROWCOUNT => %(n_answers)s)))
"""
"""Names in no order, which no statistics of a block of rows narrow down: the worst case."""
_IMAGES = """
INSERT INTO IMAGES
SELECT STAGE, RELATIVE_PATH, ETAG, 50000, SYSDATE(), 'u', SHA2(ETAG), NULL, 'train', SYSDATE(), NULL FROM PREDICTIONS
"""
_ANSWER_AGAIN = """
INSERT INTO PREDICTIONS
SELECT
    STAGE, RELATIVE_PATH, ETAG, VERSION + N, TYPE, CONFIDENCE, SCORES, SYSDATE(), RUN_ID, %(n_answers)s + N, SHORT_SIDE,
    LONG_SIDE, BRIGHTNESS, CONTRAST, SHARPNESS, FEATURES, FALSE
FROM PREDICTIONS
CROSS JOIN (SELECT ROW_NUMBER() OVER (ORDER BY NULL) AS N FROM TABLE(GENERATOR(ROWCOUNT => %(n_times)s)))
WHERE COMMIT_SEQ = %(commit_seq)s
"""
_PATH = "SELECT RELATIVE_PATH FROM PREDICTIONS WHERE COMMIT_SEQ = %(commit_seq)s LIMIT 1"


def fill_ledger(warehouse: Warehouse, *, n_versions: int) -> None:
    """Write versions with snapshots, runs, events, requests and what was shown."""
    per_class = [{"label": label, "n_images": 400, "precision": 0.9, "recall": 0.9} for label in _CLASSES]
    metrics = {
        "accuracy": 0.912,
        "n_images": 4000,
        "expected_calibration_error": 0.02,
        "negative_log_likelihood": 0.3,
        "per_class": per_class,
    }
    evidence = {"snapshot_id": "5" * 64, "weights_sha256": "w" * 64, "classes": per_class, "reasons": ["darker"] * 5}
    kinds = [{"place": place, "event": event, "asked": asked} for place, (event, asked) in enumerate(_KINDS, start=1)]
    _run(warehouse, _VERSIONS, n_versions=n_versions, metrics=json.dumps(metrics))
    _run(warehouse, _SNAPSHOTS)
    _run(warehouse, _RUNS)
    _run(warehouse, _EVENTS, kinds=json.dumps(kinds))
    _run(warehouse, _REQUESTS, evidence=json.dumps(evidence))


def fill_answers(warehouse: Warehouse, *, stage: str, n_answers: int, n_versions: int) -> str:
    """Write answers, images and drift checks, and return the path of an image that several versions have answered.

    Args:
        warehouse: A session on a pipeline with versions.
        stage: Where the images are said to lie.
        n_answers: How many answers; the versions have as many each.
        n_versions: How many versions there are.
    """
    n_checks = n_versions * _N_WINDOWS
    middle = {"commit_seq": n_answers // 2}
    _run(warehouse, _ANSWERS, stage=stage, n_answers=n_answers, of_version=n_answers // n_versions)
    _run(warehouse, _CHECKS, n_checks=n_checks, n_windows=_N_WINDOWS, size=n_answers // n_checks)
    _run(warehouse, _IMAGES)
    _run(warehouse, _ANSWER_AGAIN, n_answers=n_answers, n_times=N_ANSWERS_OF_IMAGE - 1, **middle)
    ((path,),) = _run(warehouse, _PATH, **middle)
    return str(path)


def _run(warehouse: Warehouse, sql: str, **values: Any) -> list[tuple[Any, ...]]:
    bound: Mapping[str, Any] = values
    with closing(warehouse._connection.cursor()) as cursor:
        rows: list[tuple[Any, ...]] = cursor.execute(sql, bound).fetchall()
    return rows
