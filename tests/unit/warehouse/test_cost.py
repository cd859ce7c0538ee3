"""What the statements of a pipeline cost, task by task."""

from datetime import UTC, datetime, timedelta

import pytest

from driftgate.hooks import WarehouseHook
from include.errors import WarehouseError
from include.warehouse import cost
from include.warehouse.cost import Statement, cost_by_task, read_statements
from include.warehouse.query_tag import QueryTag

MORNING = datetime(2026, 1, 1, 8)


def statement(start_s, seconds, *, task="train", run="a_training/1", **changes):
    started_at = MORNING + timedelta(seconds=start_s)
    of_task = {
        "query_id": f"{start_s} {task}",
        "run_id": run,
        "task": task,
        "warehouse": "DRIFTGATE",
        "warehouse_size": "X-Small",
        "started_at": started_at,
        "ended_at": started_at + timedelta(seconds=seconds),
        "execution_ms": seconds * 1000,
    }
    return Statement(**{**of_task, **changes})


def test_one_statement_costs_its_time_and_the_time_until_the_warehouse_suspends_itself():
    [found] = cost_by_task([statement(0, 30)])

    assert (found.dag_id, found.task, found.n_runs, found.n_statements) == ("a_training", "train", 1, 1)
    assert (found.execution_s, found.warehouse_s) == (30, 90)
    assert found.credits == pytest.approx(90 / 3600)


def test_time_in_which_the_warehouse_is_awake_anyway_counts_once():
    statements = [statement(0, 10), statement(5, 2, task="plan"), statement(40, 10, task="plan"), statement(500, 1)]

    found = {task.task: task.warehouse_s for task in cost_by_task(statements)}

    # awake from 0 to 110 s, the last 40 s of it for plan, and from 500 to 561 s
    assert found == {"train": 70 + 61, "plan": 40}


def test_warehouses_are_awake_each_for_itself_and_larger_ones_cost_more():
    statements = [statement(0, 30), statement(0, 30, task="check", warehouse="LARGE", warehouse_size="Medium")]

    found = {task.task: (task.warehouse_s, task.credits) for task in cost_by_task(statements)}

    assert found == {"train": (90, pytest.approx(90 / 3600)), "check": (90, pytest.approx(4 * 90 / 3600))}


def test_what_needs_no_warehouse_costs_nothing():
    [found] = cost_by_task([statement(0, 30, warehouse=None, warehouse_size=None)])

    assert (found.n_statements, found.execution_s, found.warehouse_s, found.credits) == (1, 0, 0, 0)


def test_map_indexes_are_one_task_and_the_command_is_told_apart():
    statements = [
        statement(0, 1, task="predict[0]"),
        statement(1, 1, task="predict[1]", run="a_training/2"),
        statement(2, 1, task=None, run=None),
    ]

    found = cost_by_task(statements)

    assert [(task.dag_id, task.task, task.n_runs, task.n_statements) for task in found] == [
        ("a_training", "predict", 2, 2),
        (None, None, 0, 1),
    ]


def test_a_size_without_a_known_price_is_an_error_that_names_it():
    with pytest.raises(WarehouseError, match="DRIFTGATE has the size Enormous"):
        cost_by_task([statement(0, 1, warehouse_size="Enormous")])


@pytest.fixture
def run_tagged(embedded_warehouse, config):
    """A function that runs a statement as a task of the pipeline does."""

    def run(task):
        tag = QueryTag(pipeline=config.name, run="a_training/1", task=task)
        with WarehouseHook(config=config, tag=tag).session() as session:
            session.run("setup/use_schema")
            session.run("registry/select_champion")

    return run


@pytest.mark.parametrize("most_told", [cost._MOST_TOLD, 4])
def test_the_statements_of_a_pipeline_are_found_by_their_tag(warehouse, config, run_tagged, monkeypatch, most_told):
    monkeypatch.setattr(cost, "_MOST_TOLD", most_told)  # the range is asked for in pieces
    monkeypatch.setattr(cost, "_SHORTEST_RANGE", timedelta(milliseconds=100))
    started = datetime.now(UTC).replace(tzinfo=None)
    run_tagged("train")
    run_tagged("predict[0]")
    ended = datetime.now(UTC).replace(tzinfo=None)

    found = read_statements(warehouse, pipeline=config.name, since=started, until=ended)

    of_runs = [(found.task, found.run_id, found.warehouse) for found in found if found.run_id]
    assert of_runs == [
        ("train", "a_training/1", None),
        ("train", "a_training/1", "DRIFTGATE"),
        ("predict[0]", "a_training/1", None),
        ("predict[0]", "a_training/1", "DRIFTGATE"),
    ]
    assert all(started <= statement.started_at <= statement.ended_at <= ended for statement in found)
    assert read_statements(warehouse, pipeline="another", since=started, until=ended) == []
