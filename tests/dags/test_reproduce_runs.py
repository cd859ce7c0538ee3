"""Whole runs of the DAG that trains a version again, on a version that a training run has made."""

from collections.abc import Callable
from typing import Any

import pytest
from dag_runs import Mailbox, kinds, states

pytestmark = pytest.mark.slow

Query = Callable[..., list[tuple[Any, ...]]]
Run = Callable[..., Any]

LEDGER = "SELECT * FROM MODEL_EVENTS ORDER BY EVENT_SEQ"
VERSIONS = "SELECT VERSION, METRICS FROM MODEL_VERSIONS"
REPRODUCED = "SELECT VERSION, SAME_WEIGHTS, WEIGHTS_SHA256, ACCURACY = ORIGINAL_ACCURACY FROM REPRODUCTIONS"


def test_training_again_gives_the_same_weights_and_changes_nothing(
    trained_champion: None, run: Run, query: Query, mailbox: Mailbox
) -> None:
    before = [query(statement) for statement in (LEDGER, VERSIONS)]
    [(sha256,)] = query("SELECT METRICS:weights_sha256::VARCHAR FROM MODEL_VERSIONS")

    reproduction = run("reproduce", version=1)

    assert states(reproduction) == {
        "open_run": "success",
        "restore": "success",
        "preprocess": "skipped",
        "train": "success",
        "compare": "success",
    }
    assert query(REPRODUCED) == [(1, True, sha256, True)]
    [(kind, outcome)] = query("SELECT KIND, OUTCOME FROM RUNS WHERE KIND <> 'training'")
    assert (kind, outcome) == (
        "reproduction",
        f"version 1 is reproduced: training again gives the same weights (SHA-256 {sha256[:12]}…, test accuracy 1.000)",
    )
    assert [query(statement) for statement in (LEDGER, VERSIONS)] == before
    assert kinds(mailbox) == []
