"""Where links lead: pages of Airflow below its base URL, whose path is kept."""

import json
from urllib.parse import quote, urlencode


def run_link(base_url: str, dag_id: str, run_id: str) -> str:
    """Return the page of a run.

    Args:
        base_url: Where Airflow is, as `[api] base_url` says.
        dag_id: The DAG.
        run_id: The run, as Airflow names it.
    """
    return f"{base_url.rstrip('/')}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def approval_link(base_url: str, dag_id: str, run_id: str, task_id: str, option: str | None) -> str:
    """Return the page on which a person answers what a task asks.

    Args:
        base_url: Where Airflow is, as `[api] base_url` says.
        dag_id: The DAG.
        run_id: The run, as Airflow names it.
        task_id: The task that asks.
        option: The answer to fill in, if any; the page reads a list in JSON.
    """
    query: dict[str, str | int] = {} if option is None else {"_options": json.dumps([option])}
    query["map_index"] = -1
    task = f"{run_link(base_url, dag_id, run_id)}/tasks/{quote(task_id, safe='')}"
    return f"{task}/required_actions?{urlencode(query, quote_via=quote)}"
