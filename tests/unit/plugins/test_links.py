"""Where a mail's links lead."""

import json
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from driftgate.links import approval_link, run_link

RUN = "scheduled__2026-01-31T10:00:00+00:00"


def context(run_id: str = RUN, map_index: int = -1) -> Any:
    ti = SimpleNamespace(dag_id="garments_training", run_id=run_id, task_id="approve", map_index=map_index)
    return {"ti": ti}


@pytest.fixture
def base_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/team/ml/")


@pytest.mark.usefixtures("base_url")
def test_a_link_keeps_the_path_of_the_base_url() -> None:
    assert run_link("garments_training", "manual__1") == (
        "https://airflow.example.com/team/ml/dags/garments_training/runs/manual__1"
    )


@pytest.mark.usefixtures("base_url")
@pytest.mark.parametrize("run_id", [RUN, "a b/c?d#e&f=ü%2F"])
def test_a_run_id_is_quoted(run_id: str) -> None:
    path = urlsplit(run_link("garments_training", run_id)).path

    assert path.count("/") == 6
    assert unquote(path.rpartition("/")[2]) == run_id


@pytest.mark.usefixtures("base_url")
def test_an_approval_link_fills_the_answer_in_as_the_page_reads_it() -> None:
    link = urlsplit(approval_link(context(), "Approve"))

    assert link.path.endswith("/tasks/approve/required_actions")
    query = parse_qs(link.query)
    assert json.loads(query["_options"][0]) == ["Approve"]
    assert query["map_index"] == ["-1"]


@pytest.mark.usefixtures("base_url")
def test_an_approval_link_without_an_answer_leaves_it_open() -> None:
    assert approval_link(context("r"), None) == (
        "https://airflow.example.com/team/ml/dags/garments_training/runs/r/tasks/approve/required_actions?map_index=-1"
    )


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_base_url_the_path_is_left(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__API__BASE_URL", raising=False)
    if value is not None:
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", value)

    assert run_link("garments_training", "r") == "/dags/garments_training/runs/r"
    assert approval_link(context("r"), "Reject").startswith("/dags/garments_training/runs/r/tasks/approve/")
