"""A training run that a drift check has asked for, whose model does not cure the drift."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dag_runs import Mailbox, kinds, states, text

from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.config_parts import DriftConfig, RetrainingConfig
from include.warehouse.session import Warehouse

pytestmark = pytest.mark.slow

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def config(new_config: Callable[[Path], PipelineConfig], tmp_path: Path) -> PipelineConfig:
    drift, retraining = DriftConfig(window=20), RetrainingConfig(mode="automatic")
    return new_config(tmp_path).model_copy(update={"drift": drift, "retraining": retraining})


def test_a_model_that_was_trained_without_the_drifted_images_is_refused(
    trained_champion: None,
    put_image: Callable[..., Path],
    add_check: Callable[..., str],
    run: Callable[..., Any],
    warehouse: Warehouse,
    config: PipelineConfig,
    query: Query,
    mailbox: Mailbox,
) -> None:
    # Given: a check that has found drift in answers to images of a kind that no label is there for
    for i in range(24):
        put_image(f"grey {i}.png", colour=(100 + 4 * i,) * 3, stage="new")
    sync_stage(warehouse, config.stages.incoming, labels=None, accept_removals=True)
    query(
        "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, PRED_TIMESTAMP, "
        "RUN_ID, COMMIT_SEQ, IS_FIRST) SELECT STAGE, RELATIVE_PATH, ETAG, 1, 'red', 0.95, PARSE_JSON('[]'), SYSDATE(), "
        "'r', 10 + ROW_NUMBER() OVER (ORDER BY RELATIVE_PATH), TRUE FROM IMAGES WHERE RELATIVE_PATH LIKE 'grey%%'"
    )
    check_id = add_check()

    # When
    training = run("training", check_id=check_id)

    # Then: the run says why, in the ledger and by mail, and the champion stays
    assert training.state == "success"
    assert states(training)["check_cure"] == "success"
    assert query("SELECT VERSION FROM CHAMPION") == [(1,)]
    why = f"version 2 does not cure the drift of check {check_id}: on 24 of 24 images of its window"
    [(event, reason)] = query("SELECT EVENT, REASON FROM MODEL_EVENTS WHERE VERSION = 2 AND EVENT LIKE 'GATE%%'")
    assert (event, why in reason) == ("GATE_FAILED", True)
    assert query("SELECT VERSION, CHECK_ID, CURES FROM CURE_CHECKS") == [(2, check_id, False)]
    assert query("SELECT OUTCOME FROM RUNS WHERE CHECK_ID IS NOT NULL")[0][0].startswith("version 2 is not promoted: ")
    assert kinds(mailbox) == ["refused"]
    assert why in text(mailbox[0])
