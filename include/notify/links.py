"""Where a mail's links lead: pages of Airflow, from its address as people reach it."""

import json
from urllib.parse import quote, urlencode


def run_link(base_url: str, run_id: str) -> str:
    """Return the page of a run.

    Args:
        base_url: Airflow's address, which may have a path; empty: it is not known, and a path alone is returned.
        run_id: The run, as RUNS names it.
    """
    dag_id, _, dag_run_id = run_id.partition("/")
    return f"{base_url.rstrip('/')}/dags/{quote(dag_id, safe='')}/runs/{quote(dag_run_id, safe='')}"


def answer_link(base_url: str, run_id: str, *, task_id: str, option: str | None) -> str:
    """Return the page on which a person answers what a task asks.

    It keeps the path of the address, and gives the answer as the page reads it (a list in JSON): the link that the
    standard provider makes does neither.

    Args:
        base_url: As for `run_link`.
        run_id: The run, as RUNS names it.
        task_id: The task that asks.
        option: The answer to fill in, if any.
    """
    query: dict[str, str | int] = {} if option is None else {"_options": json.dumps([option])}
    query["map_index"] = -1
    task = f"{run_link(base_url, run_id)}/tasks/{quote(task_id, safe='')}"
    return f"{task}/required_actions?{urlencode(query, quote_via=quote)}"
