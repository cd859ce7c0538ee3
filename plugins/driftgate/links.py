"""Where a mail's links lead: pages of Airflow."""

import json
from urllib.parse import quote, urlencode

from airflow.sdk import Context
from airflow.sdk.configuration import conf


def run_link(dag_id: str, run_id: str) -> str:
    """Return the page of a run.

    Args:
        dag_id: The DAG.
        run_id: The run, as Airflow names it.

    Returns:
        A path alone if `[api] base_url` is unset.
    """
    return f"{_base()}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def approval_link(context: Context, option: str | None) -> str:
    """Return the page on which a person answers what a task asks.

    It keeps the path of `[api] base_url`, and gives the answer as the page reads it (a list in JSON): the link that the
    standard provider makes does neither.

    Args:
        context: Of the task that asks.
        option: The answer to fill in, if any.

    Returns:
        A path alone if `[api] base_url` is unset.
    """
    ti = context["ti"]
    query: dict[str, str | int] = {} if option is None else {"_options": json.dumps([option])}
    query["map_index"] = -1 if ti.map_index is None else ti.map_index
    task = f"{run_link(ti.dag_id, ti.run_id)}/tasks/{quote(ti.task_id, safe='')}"
    return f"{task}/required_actions?{urlencode(query, quote_via=quote)}"


def _base() -> str:
    """Return Airflow's address without a slash at the end."""
    return str(conf.get("api", "base_url", fallback=None) or "").rstrip("/")
