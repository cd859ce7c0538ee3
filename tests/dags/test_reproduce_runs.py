"""Whole runs of the DAG that trains a version again, on a version that a training run has made."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from dag_runs import Mailbox, PutImage, kinds, states

from include.config import PipelineConfig
from include.store.files import FileStore

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
        "deliver_alerts": "success",
    }
    assert query(REPRODUCED) == [(1, True, sha256, True)]
    [(kind, outcome)] = query("SELECT KIND, OUTCOME FROM RUNS WHERE KIND <> 'training'")
    assert (kind, outcome) == (
        "reproduction",
        f"version 1 is reproduced: training again gives the same weights (SHA-256 {sha256[:12]}…, test accuracy 1.000)",
    )
    assert [query(statement) for statement in (LEDGER, VERSIONS)] == before
    assert kinds(mailbox) == []


def test_a_version_that_is_not_there_is_told_by_the_run_and_by_mail(
    run: Run, mailbox: Mailbox, capfd: pytest.CaptureFixture[str]
) -> None:
    reproduction = run("reproduce", version=7)

    assert reproduction.state == "failed"
    assert states(reproduction)["compare"] == "failed"
    assert "there is no version 7 in MODEL_VERSIONS" in capfd.readouterr().out
    assert kinds(mailbox) == ["failed"]


def test_an_image_that_was_changed_is_told_and_both_accuracies_are_compared(
    trained_champion: None, run: Run, query: Query, put_image: PutImage, store: FileStore
) -> None:
    # Given: pixels that were pruned, another image at the place of one to train on, and a version of another torch
    for (segment,) in query("SELECT DISTINCT SEGMENT FROM PIXELS"):
        store.delete(segment)
    query("DELETE FROM PIXELS")
    [(path,)] = query("SELECT MIN(RELATIVE_PATH) FROM SNAPSHOT_IMAGES WHERE SPLIT = 'train'")
    put_image(path, colour=(7, 8, 9))
    query(
        "UPDATE MODEL_VERSIONS SET METRICS = "
        'PARSE_JSON(REPLACE(TO_JSON(METRICS), \'"torch_version":"\', \'"torch_version":"0.\'))'
    )

    reproduction = run("reproduce", version=1)

    assert reproduction.state == "success"
    assert set(states(reproduction)["preprocess"].split()) == {"success"}
    [(version, is_same, accuracy, original)] = query(
        "SELECT VERSION, SAME_WEIGHTS, ACCURACY, ORIGINAL_ACCURACY FROM REPRODUCTIONS"
    )
    assert (version, is_same, original) == (1, False, 1.0)
    [(outcome,)] = query("SELECT OUTCOME FROM RUNS WHERE KIND = 'reproduction'")
    assert outcome.startswith(
        f"training version 1 again gives other weights: test accuracy {accuracy:.3f}, the original's is 1.000 ("
    )
    assert "1 of 60 images of snapshot " in outcome
    assert f"1 of them to train on (1 another file by now; the first is '{path}' of stage TRAINING_IMAGES)" in outcome
    assert f"torch {torch.__version__}, then 0.{torch.__version__}" in outcome


@pytest.mark.parametrize("params", [{}, {"version": 0}, {"version": "1"}, {"version": None}])
def test_a_run_without_a_version_is_refused(run: Run, query: Query, params: dict[str, Any]) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError, match="version"):
        run("reproduce", **params)

    assert query("SELECT COUNT(*) FROM RUNS") == [(0,)]


def test_the_form_describes_its_field(
    write_pipeline: Callable[[PipelineConfig], object], load_dags: Callable[[], Any], config: PipelineConfig
) -> None:
    write_pipeline(config)
    dag = load_dags().dags[f"{config.name}_reproduce"]

    assert set(dag.params) == {"version"}
    assert dag.params.get_param("version").description
    assert "Idempotent" in dag.doc_md
    assert dag.schedule is None
