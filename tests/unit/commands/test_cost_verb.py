"""The verb `cost`, as a person and a program call it."""

import json

import pytest

from driftgate.hooks import WarehouseHook
from include.commands.app import main
from include.warehouse.query_tag import QueryTag


@pytest.fixture(autouse=True)
def here(place_pipeline, monkeypatch, warehouse):
    """The pipeline's file, its warehouse in the environment, and no local instance."""
    place_pipeline()
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def trained(config):
    tag = QueryTag(pipeline=config.name, run=f"{config.name}_training/manual__1", task="train")
    with WarehouseHook(config=config, tag=tag).session() as session:
        session.run("registry/select_champion")


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    return ended.value.code or 0, capsys.readouterr()


def test_a_person_sees_what_each_task_costs_and_the_sum(capsys, config, trained, query):
    query("SELECT 1")

    code, told = run(capsys, "cost", config.name, "--days", "1", "--price", "1000")

    [row] = [line.split() for line in told.out.splitlines() if "_training" in line]
    assert code == 0
    assert row[:4] == [f"{config.name}_training", "train", "1", "1"]
    assert 60 <= int(row[5]) <= 62
    assert row[6] == f"{float(row[6]):.4f}"
    assert "(command)" in told.out
    assert "credits in 1 days, " in told.out
    assert "at 1000 a credit, if no other pipeline shares the warehouse" in told.out


def test_a_program_gets_the_same_as_numbers(capsys, config, trained):
    _, told = run(capsys, "cost", config.name, "--json", "--price", "2")

    found = json.loads(told.out)
    [train] = [task for task in found["tasks"] if task["task"] == "train"]
    assert (train["dag_id"], train["n_runs"], train["n_statements"]) == (f"{config.name}_training", 1, 1)
    assert train["credits"] == pytest.approx(train["warehouse_s"] / 3600)
    assert found["credits"] == pytest.approx(sum(task["credits"] for task in found["tasks"]))
    assert found["price"] == pytest.approx(2 * found["credits"])


def test_more_days_than_the_query_history_has_are_a_wrong_call(capsys, config):
    code, told = run(capsys, "cost", config.name, "--days", "8")

    assert code == 2
    assert "--days" in told.err
