"""Where a mail's links lead."""

import json
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from driftgate.links import base_url
from include.notify.links import answer_link, run_link

BASE = "https://airflow.example.com/team/ml/"
RUN = "scheduled__2026-01-31T10:00:00+00:00"


def test_a_link_keeps_the_path_of_the_base_url() -> None:
    assert run_link(BASE, "garments_training/manual__1") == (
        "https://airflow.example.com/team/ml/dags/garments_training/runs/manual__1"
    )


@pytest.mark.parametrize("run_id", [RUN, "a b/c?d#e&f=ü%2F"])
def test_a_run_id_is_quoted(run_id: str) -> None:
    path = urlsplit(run_link(BASE, f"garments_training/{run_id}")).path

    assert path.count("/") == 6
    assert unquote(path.rpartition("/")[2]) == run_id


def test_an_answer_is_filled_in_as_the_page_reads_it() -> None:
    link = urlsplit(answer_link(BASE, f"garments_training/{RUN}", task_id="approve", option="Approve"))

    assert link.path.endswith("/tasks/approve/required_actions")
    query = parse_qs(link.query)
    assert json.loads(query["_options"][0]) == ["Approve"]
    assert query["map_index"] == ["-1"]


def test_without_an_answer_the_page_leaves_it_open() -> None:
    assert answer_link(BASE, "garments_training/r", task_id="approve", option=None) == (
        "https://airflow.example.com/team/ml/dags/garments_training/runs/r/tasks/approve/required_actions?map_index=-1"
    )


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_base_url_the_path_is_left(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW__API__BASE_URL", raising=False)
    if value is not None:
        monkeypatch.setenv("AIRFLOW__API__BASE_URL", value)

    assert run_link(base_url(), "garments_training/r") == "/dags/garments_training/runs/r"


def test_the_base_url_is_the_one_of_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", BASE)

    assert run_link(base_url(), "a/r") == "https://airflow.example.com/team/ml/dags/a/runs/r"
