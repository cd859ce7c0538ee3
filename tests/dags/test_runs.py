"""Whole runs of the DAGs, task by task, against the embedded warehouse."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dag_runs import Mailbox, kinds, ran, states, text

from include.errors import IncompleteWriteError, ModelError
from include.models import fitting
from include.store.files import FileStore

pytestmark = pytest.mark.slow

Query = Callable[..., list[tuple[Any, ...]]]
PutImage = Callable[..., Path]
Run = Callable[..., Any]


def test_from_staged_images_to_answers_in_the_warehouse(
    pictures: None, run: Run, query: Query, put_image: PutImage, store: FileStore
) -> None:
    put_image("red/broken.png", colour=(1, 1, 1)).write_bytes(b"")
    put_image("broken.png", colour=(1, 1, 1), stage="new").write_bytes(b"\x89PNG\r\n")

    training = run("training", n_epochs=15, reason="it's the first")

    assert training.state == "success"
    assert states(training)["not_needed"] == "success"
    assert states(training)["approve"] == states(training)["approved"] == states(training)["rejected"] == "skipped"
    assert query("SELECT VERSION, FROM_VERSION FROM MODEL_EVENTS WHERE EVENT = 'PROMOTED'") == [(1, None)]
    assert query("SELECT CONFIG:training.n_epochs::INT, REASON FROM RUNS") == [(15, "it's the first")]
    assert query("SELECT OUTCOME FROM RUNS")[0][0].startswith("version 1 is champion: test accuracy 1.000")
    [(snapshot_id, n_images)] = query("SELECT SNAPSHOT_ID, N_IMAGES FROM SNAPSHOTS")
    assert n_images == 61
    assert "red/broken.png</td><td>is empty" in store.read(f"datasets/{snapshot_id}.html").decode()
    assert query("SELECT METRICS:n_images::INT > 0, METRICS:accuracy::FLOAT, TEMPERATURE > 0 FROM MODEL_VERSIONS") == [
        (True, 1.0, True)
    ]
    assert {name.rpartition("/")[2] for name, *_ in query("LIST @MODELS")} == {
        "card.json",
        "confusion_matrix.png",
        "features.safetensors",
        "model.safetensors",
    }

    inference = run("inference")

    assert inference.state == "success"
    assert states(inference)["nothing"] == "success"
    assert states(inference)["report_failures"] == "skipped"
    answers = query("SELECT RELATIVE_PATH, TYPE, CONFIDENCE, VERSION FROM CURRENT_PREDICTIONS ORDER BY 1")
    assert len(answers) == 10
    for path, label, confidence, version in answers:
        if path == "broken.png":
            assert (label, version) == (None, None)
        else:
            assert path.startswith(f"{label} ")
            assert 1 / 3 < confidence <= 1
            assert version == 1
    assert query("SELECT RELATIVE_PATH FROM QUARANTINE ORDER BY 1") == [("broken.png",), ("red/broken.png",)]

    rows = query("SELECT * FROM PREDICTIONS ORDER BY COMMIT_SEQ")
    again = run("inference")

    assert again.state == "success"
    assert ran(again) == {"sync_catalog", "plan", "check_drift", "nothing"}
    assert query("SELECT OUTCOME FROM RUNS ORDER BY STARTED_AT DESC")[0][0].startswith(
        "nothing new to classify; drift check "
    )
    assert query("SELECT * FROM PREDICTIONS ORDER BY COMMIT_SEQ") == rows


def test_training_again_on_the_same_images_is_another_version_of_the_same_snapshot(
    trained_champion: None, run: Run, query: Query
) -> None:
    run("training")

    assert query("SELECT COUNT(*) FROM SNAPSHOTS") == [(1,)]
    assert query("SELECT VERSION, FROM_VERSION FROM MODEL_EVENTS WHERE EVENT = 'PROMOTED' ORDER BY EVENT_SEQ") == [
        (1, None),
        (2, 1),
    ]


def test_when_only_a_check_is_asked_for_images_that_wait_go_on_waiting(
    trained_champion: None, run: Run, query: Query
) -> None:
    check = run("inference", only_check=True)

    assert check.state == "success"
    assert ran(check) == {"sync_catalog", "plan", "check_drift", "nothing"}
    assert query("SELECT COUNT(*) FROM PREDICTIONS") == [(0,)]
    assert query("SELECT OUTCOME FROM RUNS WHERE KIND = 'inference'")[0][0].startswith("only a check was asked for")


def test_without_a_champion_inference_succeeds_and_says_so(pictures: None, run: Run, query: Query) -> None:
    inference = run("inference")

    assert inference.state == "success"
    assert ran(inference) == {"sync_catalog", "plan"}
    assert query("SELECT OUTCOME FROM RUNS")[0][0].startswith("no champion yet: 9 images wait")


def test_a_model_below_the_gate_is_registered_and_not_promoted(
    pictures: None, run: Run, query: Query, mailbox: Mailbox
) -> None:
    training = run("training", n_epochs=1, base_lr=1e-9)

    assert training.state == "success"
    assert query("SELECT EVENT FROM MODEL_EVENTS ORDER BY EVENT_SEQ") == [("REGISTERED",), ("GATE_FAILED",)]
    assert query("SELECT COUNT(*) FROM CHAMPION") == [(0,)]
    assert "is below gate.min_accuracy 0.5" in query("SELECT OUTCOME FROM RUNS")[0][0]
    assert kinds(mailbox) == ["refused"]
    assert "gate.min_accuracy" in text(mailbox[0])


def test_a_training_that_fails_is_told_and_leaves_no_green_run(
    pictures: None, run: Run, query: Query, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(*arguments: Any, **values: Any) -> None:
        raise ModelError("the loss is not a number after 3 steps: try a smaller base_lr")

    monkeypatch.setattr(fitting, "fit_snapshot", diverge)

    training = run("training")

    assert training.state == "failed"
    assert states(training)["train"] == states(training)["announce"] == "failed"
    assert query("SELECT OUTCOME, FINISHED_AT >= STARTED_AT FROM RUNS") == [("failed: train", True)]
    assert query("SELECT COUNT(*) FROM MODEL_VERSIONS") == [(0,)]
    assert kinds(mailbox) == ["failed"]
    assert f"train failed in run {training.run_id}" in text(mailbox[0])


def test_a_bad_batch_does_not_keep_the_good_one_from_being_committed(
    trained_champion: None,
    run: Run,
    query: Query,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    from include.registry import answering

    answer = answering.answer_batch

    def lose_the_second_batch(warehouse: Any, store: Any, batch: Any, **values: Any) -> Any:
        if "red 2.png" in str(store.read(batch.path)):
            store.delete(batch.path)
        return answer(warehouse, store, batch, **values)

    with monkeypatch.context() as patched:
        patched.setattr(answering, "answer_batch", lose_the_second_batch)
        inference = run("inference")

    assert inference.state == "failed"
    assert states(inference)["predict"] == "success failed"
    assert states(inference)["commit_predictions"] == "success"
    assert states(inference)["report_failures"] == "failed"
    assert "failed: predict[1]. A failed batch keeps no other from being committed" in capfd.readouterr().out
    n_answered = query("SELECT COUNT(*) FROM CURRENT_PREDICTIONS WHERE VERSION = 1")[0][0]
    (outcome,) = query("SELECT OUTCOME FROM RUNS WHERE KIND = 'inference'")[0]
    told = f"failed: predict[1]; {n_answered} images classified, {n_answered} answers are new; drift check "
    assert outcome.startswith(told)
    assert outcome.endswith(": INSUFFICIENT_DATA, NONE")
    assert kinds(mailbox) == ["failed"]
    assert f"predict[1] failed in run {inference.run_id}" in text(mailbox[-1])
    assert 0 < n_answered < 9
    assert run("inference").state == "success"
    assert query("SELECT COUNT(*), COUNT(VERSION) FROM CURRENT_PREDICTIONS") == [(9, 9)]
    assert query("SELECT COUNT(*), COUNT(DISTINCT RELATIVE_PATH) FROM PREDICTIONS") == [(9, 9)]


def test_after_a_failed_commit_nothing_is_judged_and_the_next_run_answers(
    trained_champion: None, run: Run, query: Query, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.warehouse import write_back

    def lose_rows(*arguments: Any, **values: Any) -> None:
        raise IncompleteWriteError("3 of 9 answers did not arrive")

    with monkeypatch.context() as patched:
        patched.setattr(write_back, "commit_predictions", lose_rows)
        inference = run("inference")

    assert inference.state == "failed"
    assert states(inference)["commit_predictions"] == "failed"
    assert states(inference)["check_drift"] == states(inference)["nothing"] == "upstream_failed"
    assert query("SELECT OUTCOME FROM RUNS WHERE KIND = 'inference'") == [("failed: commit_predictions",)]
    assert query("SELECT COUNT(*) FROM DRIFT_CHECKS") == [(0,)]
    assert kinds(mailbox) == ["failed"]

    assert run("inference").state == "success"
    assert query("SELECT COUNT(*), COUNT(VERSION) FROM CURRENT_PREDICTIONS") == [(9, 9)]
    assert query("SELECT N_IMAGES FROM DRIFT_CHECKS") == [(9,)]


def test_a_batch_that_cannot_be_prepared_does_not_keep_the_other_one_back(
    trained_champion: None, run: Run, query: Query, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    locked = [tmp_path / "new" / f"{name}.png" for name in ("blue 0", "blue 1", "blue 2", "green 0")]
    contents = [path.read_bytes() for path in locked]
    # The files vanish after the stage was listed.
    from include.catalog import sync as sync_module

    refresh = sync_module._refresh
    with pytest.MonkeyPatch.context() as patched:

        def refresh_then_lose(*arguments: Any) -> None:
            refresh(*arguments)
            for path in locked:
                path.unlink(missing_ok=True)

        patched.setattr(sync_module, "_refresh", refresh_then_lose)
        inference = run("inference")

    assert inference.state == "failed"
    assert states(inference)["predict"] == "failed success"
    assert states(inference)["commit_predictions"] == "success"
    assert "failed: predict[0]" in capfd.readouterr().out
    assert query("SELECT COUNT(VERSION) FROM CURRENT_PREDICTIONS")[0][0] == 5

    for path, content in zip(locked, contents, strict=True):
        path.write_bytes(content)
    assert run("inference").state == "success"
    assert query("SELECT COUNT(*), COUNT(VERSION) FROM CURRENT_PREDICTIONS") == [(9, 9)]


def test_without_the_folder_of_the_incoming_images_inference_fails_and_is_told(
    run: Run, tmp_path: Path, query: Query, mailbox: Mailbox
) -> None:
    (tmp_path / "new").rmdir()

    inference = run("inference")

    assert inference.state == "failed"
    assert ran(inference) == {"sync_catalog", "report_failures"}
    assert query("SELECT OUTCOME FROM RUNS") == [("failed: sync_catalog",)]
    assert kinds(mailbox) == ["failed"]


def test_a_run_with_a_missing_folder_fails_and_once_it_is_back_ends_as_if_it_had_run_once(
    pictures: None,
    run: Run,
    tmp_path: Path,
    query: Query,
    mailbox: Mailbox,
    capfd: pytest.CaptureFixture[str],
) -> None:
    shutil.move(tmp_path / "train", tmp_path / "unmounted")

    training = run("training")

    assert training.state == "failed"
    assert states(training)["sync_catalog"] == "failed"
    assert states(training)["train"] == "upstream_failed"
    assert states(training)["announce"] == "failed"
    assert query("SELECT OUTCOME FROM RUNS") == [("failed: sync_catalog",)]
    assert kinds(mailbox) == ["failed"]
    assert f"stage TRAINING_IMAGES (file://{tmp_path}/train/) cannot be listed" in capfd.readouterr().out

    shutil.move(tmp_path / "unmounted", tmp_path / "train")

    assert run("training").state == "success"
    assert query("SELECT COUNT(*) FROM IMAGES WHERE STAGE = 'TRAINING_IMAGES'") == [(60,)]
    assert query("SELECT COUNT(*) FROM MODEL_VERSIONS") == [(1,)]
