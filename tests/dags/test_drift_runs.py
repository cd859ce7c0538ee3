"""What an inference run does about drift: whole runs against the embedded warehouse, with a trained champion."""

import json
from bisect import bisect_right
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dag_runs import Mailbox, kinds, ran, states, text

from include.config import PipelineConfig
from include.config_parts import DriftConfig, RetrainingConfig
from include.models.baseline import CONFIDENCE_EDGES
from include.registry.baselines import read_baseline
from include.registry.ledger import append_event
from include.warehouse.session import Warehouse

pytestmark = pytest.mark.slow

Query = Callable[..., list[tuple[Any, ...]]]
PutImage = Callable[..., Path]
Run = Callable[..., Any]
Mode = str

COLOURS = {"blue": (0, 0, 1), "green": (0, 1, 0), "red": (1, 0, 0)}
CHECKS = "SELECT CHECK_ID, VERDICT, ACTION, N_IMAGES FROM DRIFT_CHECKS ORDER BY CHECKED_AT"
OUTCOME = "SELECT OUTCOME FROM RUNS ORDER BY STARTED_AT DESC LIMIT 1"


@pytest.fixture
def mode() -> Mode:
    return "automatic"


@pytest.fixture
def config(new_config: Callable[[Path], PipelineConfig], tmp_path: Path, mode: Mode) -> PipelineConfig:
    drift = DriftConfig(window=20, min_image_jump=10)  # grey images are brighter than blue ones
    retraining = RetrainingConfig.model_validate({"mode": mode, "min_new_labels": 5})
    return new_config(tmp_path).model_copy(update={"drift": drift, "retraining": retraining})


@pytest.fixture
def deliver(put_image: PutImage) -> Callable[[str], None]:
    """A function that delivers 48 new images that look like none of the classes."""

    def put(name: str) -> None:
        for i in range(48):
            shade = 100 + 2 * i + len(name) % 2
            put_image(f"{name} {i}.png", colour=(shade, shade, shade), stage="new")

    return put


@pytest.fixture
def unpause(config: PipelineConfig) -> Callable[[], None]:
    """A function that lets the training DAG run."""

    def let_run() -> None:
        from airflow.models.dag import DagModel
        from airflow.utils.session import create_session

        with create_session() as session:
            session.get_one(DagModel, f"{config.name}_training").is_paused = False

    return let_run


@pytest.fixture
def triggered(config: PipelineConfig) -> Callable[[], list[tuple[str, dict[str, Any]]]]:
    """A function that returns the training runs that inference has asked for: run id and parameters."""

    def find() -> list[tuple[str, dict[str, Any]]]:
        from airflow.models.dagrun import DagRun
        from airflow.utils.session import create_session

        with create_session() as session:
            runs = DagRun.find(dag_id=f"{config.name}_training", session=session)
            return [(run.run_id, dict(run.conf or {})) for run in runs if run.run_id.startswith("drift__")]

    return find


def test_drift_asks_for_retraining_once(
    trained_champion: None,
    put_image: PutImage,
    deliver: Callable[[str], None],
    unpause: Callable[[], None],
    triggered: Callable[[], Any],
    run: Run,
    query: Query,
    mailbox: Mailbox,
) -> None:
    # Given: a champion, and nine answers, which are too few for a verdict
    assert "nothing" in ran(run("inference"))
    unpause()
    assert query(CHECKS)[0][1:] == ("INSUFFICIENT_DATA", "NONE", 9)

    # When: images come of a kind that it has never seen, and labels for some like them
    deliver("grey")
    for i in range(6):
        put_image(f"red/labelled {i}.png", colour=(90 + i, 90, 90))
    drifted = run("inference")

    # Then: one training run is asked for, named by the check, which is all that it is told
    assert drifted.state == "success"
    assert ran(drifted) >= {"check_drift", "request_retraining"}
    assert not ran(drifted) & {"roll_back", "alert", "nothing", "report_failures"}
    check_id, *judged = query(CHECKS)[1]
    assert judged == ["DATA_DRIFT", "REQUEST_RETRAINING", 57]
    assert triggered() == [(f"drift__{check_id}", {"check_id": check_id})]
    assert query(OUTCOME) == [
        (f"48 images classified, 48 answers are new; drift check {check_id}: DATA_DRIFT, REQUEST_RETRAINING",)
    ]
    assert kinds(mailbox) == ["drift"]
    assert "a retraining is asked for" in mailbox[0]["subject"]
    assert "8" in text(mailbox[0])

    # When: it goes on drifting
    deliver("pale grey")
    again = run("inference")

    # Then: people are told, and no other run is asked for
    assert ran(again) >= {"check_drift", "alert"}
    assert len(triggered()) == 1
    assert kinds(mailbox)[1:] == ["drift"]
    assert f"check {check_id} has asked for retraining since the last stable window" in text(mailbox[1])

    # When: the run that was asked for comes, in mode automatic
    training = run("training", check_id=check_id)

    # Then: nobody is asked, and the run knows why it is there
    assert training.state == "success"
    assert states(training)["not_needed"] == "success"
    assert states(training)["approve"] == "skipped"
    (known,) = query("SELECT CHECK_ID, REASON FROM RUNS WHERE CHECK_ID IS NOT NULL")
    assert known[0] == check_id
    assert known[1].startswith(f"drift check {check_id} of version 1: on 57 images the confidences")


def test_with_a_paused_training_dag_the_run_fails_after_its_answers_are_there(
    trained_champion: None,
    put_image: PutImage,
    deliver: Callable[[str], None],
    triggered: Callable[[], Any],
    run: Run,
    query: Query,
) -> None:
    deliver("grey")
    for i in range(6):
        put_image(f"red/labelled {i}.png", colour=(90 + i, 90, 90))

    inference = run("inference")

    assert inference.state == "failed"
    assert states(inference)["request_retraining"] == "failed"
    assert triggered() == []
    outcome = query(OUTCOME)[0][0]
    assert outcome.startswith("failed: request_retraining; 57 images classified, 57 answers are new; drift check ")
    assert query("SELECT COUNT(*), COUNT(VERSION) FROM CURRENT_PREDICTIONS") == [(57, 57)]


@pytest.mark.parametrize("mode", ["alert_only"])
def test_in_mode_alert_only_people_are_told(
    trained_champion: None,
    put_image: PutImage,
    deliver: Callable[[str], None],
    triggered: Callable[[], Any],
    run: Run,
    query: Query,
    mailbox: Mailbox,
    capfd: pytest.CaptureFixture[str],
) -> None:
    deliver("grey")
    for i in range(6):
        put_image(f"red/labelled {i}.png", colour=(90 + i, 90, 90))

    inference = run("inference")

    assert inference.state == "success"
    assert ran(inference) >= {"check_drift", "alert"}
    assert query(CHECKS)[0][1:] == ("DATA_DRIFT", "ALERT", 57)
    assert triggered() == []
    assert kinds(mailbox) == ["drift"]
    assert "retraining.mode is alert_only" in text(mailbox[0])
    assert "drift of version 1 (DATA_DRIFT): on 57 images the confidences" in capfd.readouterr().out


def test_a_champion_that_drifts_where_the_previous_version_is_at_home_is_rolled_back(
    trained_champion: None,
    deliver: Callable[[str], None],
    run: Run,
    warehouse: Warehouse,
    query: Query,
) -> None:
    # Given: two versions with the same weights, of which the second was quite sure when it was accepted
    query("INSERT INTO MODEL_VERSIONS SELECT * REPLACE (2 AS VERSION) FROM MODEL_VERSIONS")
    query("INSERT INTO BASELINES SELECT * REPLACE (2 AS VERSION) FROM BASELINES")
    warehouse.alone(lambda: append_event(warehouse, "PROMOTED", version=2, run_id="the second", reason=None))
    for version, confidence in ((1, 0.4), (2, 0.999)):
        baseline = read_baseline(warehouse, version)
        assert baseline is not None
        assert baseline.right_by_class == baseline.counts_by_class
        counts = {label: at_confidence(confidence, sum(of)) for label, of in baseline.counts_by_class.items()}
        held_out = {"right_by_class": counts, "counts_by_truth": {}, "confusion": {}, "n_undecodable": 0}
        query(
            "UPDATE BASELINES SET COUNTS_BY_CLASS = PARSE_JSON(%(counts)s), HELD_OUT = PARSE_JSON(%(held_out)s) "
            "WHERE VERSION = %(version)s",
            counts=json.dumps(counts),
            held_out=json.dumps(held_out),
            version=version,
        )

    # When: images come of which both are unsure (and no mail can be sent)
    deliver("grey")
    inference = run("inference")

    # Then: the first version is champion again, for the reasons of the check
    assert inference.state == "success"
    assert ran(inference) >= {"check_drift", "roll_back"}
    (check,) = query(CHECKS)
    assert check[1:3] == ("MODEL_REGRESSION", "ROLL_BACK")
    assert query("SELECT VERSION FROM CHAMPION") == [(1,)]
    (event,) = query("SELECT VERSION, FROM_VERSION, ACTOR, REASON FROM MODEL_EVENTS WHERE EVENT = 'ROLLED_BACK'")
    assert event[:3] == (1, 2, "driftgate")
    assert "version 1 answers the same images as well as it always did" in event[3]
    outcome = query(OUTCOME)[0][0]
    assert f"drift check {check[0]}: MODEL_REGRESSION, ROLL_BACK; version 1 is champion" in outcome
    assert outcome.endswith("57 images wait for an answer, as " + inference.dag_id + " is paused")

    # When: the next run comes
    assert run("inference").state == "success"

    # Then: it answers again what only the recalled version had answered
    assert query("SELECT VERSION, COUNT(*) FROM CURRENT_PREDICTIONS GROUP BY 1") == [(1, 57)]


def at_confidence(confidence: float, n: int) -> list[int]:
    """Return n images in the bin of a confidence."""
    counts = [0] * (len(CONFIDENCE_EDGES) - 1)
    counts[bisect_right(CONFIDENCE_EDGES, confidence) - 1] = n
    return counts
