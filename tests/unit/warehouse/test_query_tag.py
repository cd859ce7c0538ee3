"""Whose a statement is, as the query history tells it."""

import json
from types import SimpleNamespace

import pytest

from driftgate.hooks import WarehouseHook
from include.warehouse.query_tag import QueryTag

TAGS = """
SELECT DISTINCT QUERY_TAG
FROM TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 10000))
WHERE TRY_PARSE_JSON(QUERY_TAG):driftgate::VARCHAR = %(pipeline)s
"""


def test_a_tag_is_compact_and_says_nothing_that_is_not_so():
    of_task = QueryTag(pipeline="clothing", run="clothing_training/manual__é", task="predict[3]")

    assert of_task.to_json() == '{"driftgate":"clothing","run":"clothing_training/manual__é","task":"predict[3]"}'
    assert QueryTag(pipeline="clothing").to_json() == '{"driftgate":"clothing"}'


def test_the_longest_ids_of_airflow_make_a_tag_that_snowflake_takes():
    longest = QueryTag(pipeline="p" * 100, run=f"{'d' * 250}/{'r' * 250}", task=f"{'t' * 250}[1023]")

    assert len(longest.to_json()) < 2000


@pytest.mark.parametrize(("map_index", "task"), [(-1, "train"), (None, "train"), (2, "train[2]")])
def test_the_statements_of_a_task_name_it(embedded_warehouse, config, query, map_index, task):
    ti = SimpleNamespace(task_id="train", map_index=map_index)
    context = {"ti": ti, "dag": SimpleNamespace(dag_id="a_training"), "run_id": f"manual__{map_index}"}
    with WarehouseHook.for_task(config, context).session() as session:
        session.run("lock/begin")

    tags = [json.loads(tag) for (tag,) in query(TAGS, pipeline=config.name)]
    assert tags == [{"driftgate": config.name, "run": f"a_training/manual__{map_index}", "task": task}]


def test_what_runs_outside_of_runs_names_the_pipeline(config, query):
    query("SELECT 1")

    assert query(TAGS, pipeline=config.name) == [(f'{{"driftgate":"{config.name}"}}',)]
