"""Which DAGs and tasks there are, and what becomes of a wrong pipeline file."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

TRAINING = {
    "open_run": {"needs_approval"},
    "needs_approval": {"approve", "not_needed", "deliver_request"},
    "deliver_request": set(),
    "approve": {"approved", "rejected"},
    "approved": {"sync_catalog", "deliver_answer"},
    "rejected": {"announce", "deliver_answer"},
    "deliver_answer": set(),
    "not_needed": {"sync_catalog"},
    "sync_catalog": {"freeze_snapshot"},
    "freeze_snapshot": {"preprocess", "train"},
    "preprocess": {"train", "announce"},
    "train": {"evaluate"},
    "evaluate": {"check_cure", "needs_promotion_approval"},
    "check_cure": {"needs_promotion_approval"},
    "needs_promotion_approval": {"approve_promotion", "promotion_not_needed", "deliver_request_promotion"},
    "deliver_request_promotion": set(),
    "approve_promotion": {"approved_promotion", "rejected_promotion"},
    "approved_promotion": {"promote", "deliver_answer_promotion"},
    "rejected_promotion": {"announce", "deliver_answer_promotion"},
    "deliver_answer_promotion": set(),
    "promotion_not_needed": {"promote"},
    "promote": {"publish"},
    "publish": {"announce"},
    "announce": {"deliver_alerts"},
    "deliver_alerts": set(),
}
HEAVY = {"torch", "torchvision", "evidently", "pandas", "PIL", "sklearn", "matplotlib", "snowflake.connector"}
INFERENCE = {
    "sync_catalog": {"plan"},
    "plan": {"predict", "check_drift"},
    "predict": {"commit_predictions", "report_failures"},
    "commit_predictions": {"check_drift"},
    "check_drift": {"roll_back", "request_retraining", "request_labels", "alert", "nothing"},
    "roll_back": {"rescore", "publish"},
    "rescore": {"report_failures", "deliver_alerts"},
    "publish": {"report_failures", "deliver_alerts"},
    "request_retraining": {"report_failures", "deliver_alerts"},
    "request_labels": {"report_failures", "deliver_alerts"},
    "alert": {"report_failures", "deliver_alerts"},
    "nothing": {"report_failures", "deliver_alerts"},
    "report_failures": {"deliver_alerts"},
    "deliver_alerts": set(),
}
ROLLBACK = {
    "roll_back": {"rescore", "publish"},
    "rescore": {"deliver_alerts"},
    "publish": {"deliver_alerts"},
    "deliver_alerts": set(),
}
REPRODUCE = {
    "open_run": {"restore"},
    "restore": {"preprocess", "train"},
    "preprocess": {"train", "compare"},
    "train": {"compare"},
    "compare": {"deliver_alerts"},
    "deliver_alerts": set(),
}
ALERTS: dict[str, set[str]] = {"deliver_alerts": set()}
DAGS = {"training": TRAINING, "inference": INFERENCE, "rollback": ROLLBACK, "reproduce": REPRODUCE, "alerts": ALERTS}
DAG_IDS = {f"{name}_{kind}" for name in ("clothing", "digits") for kind in DAGS}


@pytest.fixture
def shipped(pipelines: Path) -> None:
    for path in (ROOT / "pipelines").glob("*.yaml"):
        shutil.copy(path, pipelines)


def test_the_dags_and_tasks_are_the_expected_ones(shipped: None, load_dags: Callable[[], Any]) -> None:
    dags = load_dags()

    assert dags.import_errors == {}
    assert set(dags.dag_ids) == DAG_IDS
    for name in ("clothing", "digits"):
        for kind, expected in DAGS.items():
            tasks = dags.dags[f"{name}_{kind}"].tasks
            assert {task.task_id: task.downstream_task_ids for task in tasks} == expected


def test_what_delivers_alerts_decides_nothing_about_a_run(shipped: None, load_dags: Callable[[], Any]) -> None:
    dags = load_dags()

    for kind in ("training", "inference", "rollback", "reproduce"):
        dag = dags.dags[f"digits_{kind}"]
        assert [task.task_id for task in dag.teardowns] == ["deliver_alerts"]
        assert not any(task.on_failure_fail_dagrun for task in dag.teardowns)
    alerts = dags.dags["digits_alerts"]
    assert alerts.is_paused_upon_creation is False
    assert alerts.schedule is None
    assert "Idempotent" in alerts.doc_md


def test_training_has_a_typed_and_described_trigger_form(shipped: None, load_dags: Callable[[], Any]) -> None:
    params = load_dags().dags["digits_training"].params

    assert set(params) == {
        "n_epochs",
        "batch_size",
        "base_lr",
        "downsample_to",
        "strategy",
        "reason",
        "accept_removals",
        "accept_vanished_classes",
        "check_id",
    }
    for name in params:
        param = params.get_param(name)
        assert param.description
        assert param.schema["type"]
    assert params["n_epochs"] == 10


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_epochs", 0),
        ("n_epochs", "3"),
        ("base_lr", 0),
        ("downsample_to", 1.1),
        ("batch_size", 1),
        ("strategy", "cold"),
        ("reason", 5),
        ("check_id", "5"),
        ("accept_vanished_classes", 1),
    ],
)
def test_a_run_parameter_out_of_range_is_refused(
    shipped: None, load_dags: Callable[[], Any], name: str, value: object
) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    params = load_dags().dags["digits_training"].params

    with pytest.raises(ParamValidationError, match=rf"(?s)Invalid input for param {name}|{value}"):
        params[name] = value


def test_a_wrong_file_is_an_import_error_and_the_others_load(
    shipped: None, pipelines: Path, load_dags: Callable[[], Any]
) -> None:
    (pipelines / "hats.yaml").write_text("name: hats\nmodel: {architecture: resnet51}\n", encoding="utf-8")

    dags = load_dags()

    assert set(dags.dag_ids) == DAG_IDS
    [message] = dags.import_errors.values()
    assert str(pipelines / "hats.yaml") in message
    assert "stages: is required" in message
    assert "model.architecture: Input should be 'small_cnn', 'resnet18'" in message
    assert "got 'resnet51'" in message


def test_reading_the_dags_imports_nothing_heavy(shipped: None, airflow_home: Path) -> None:
    import os
    import subprocess
    import sys

    script = (
        "import sys\n"
        "from airflow.dag_processing.dagbag import DagBag\n"
        f"assert len(DagBag({str(ROOT / 'dags')!r}).dags) == {len(DAG_IDS)}\n"
        f"print(sorted({HEAVY} & set(sys.modules)))\n"
    )
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
