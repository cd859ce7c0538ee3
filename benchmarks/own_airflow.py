"""Airflow with a home of its own, for benchmarks that run the DAGs: a live scheduler would take their tasks."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from include.commands.local.environment import CONNECTION_VARIABLE
from include.config import PROJECT_ROOT

USER = "bench"
PASSWORD = "for this run only"  # noqa: S105


def airflow_environment(folder: Path, *, host: str, port: int) -> dict[str, str]:
    """Return the environment of processes whose Airflow lies below a folder, and whose warehouse is the embedded one.

    Args:
        folder: Where Airflow's home is made.
        host: Of the embedded warehouse, whose user is `USER` with `PASSWORD`.
        port: The same.
    """
    extra = {"account": "embedded", "host": host, "port": port, "protocol": "http"}
    connection = {"conn_type": "snowflake", "login": USER, "password": PASSWORD, "extra": extra}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "_AIRFLOW"))}
    return inherited | {
        "AIRFLOW_HOME": str(folder / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "PYTHONPATH": os.pathsep.join([str(PROJECT_ROOT), str(PROJECT_ROOT / "plugins")]),
        CONNECTION_VARIABLE: json.dumps(connection),
    }


def run_python(arguments: Sequence[str], environment: dict[str, str]) -> None:
    """Run Python; what it says is shown only when it fails.

    Raises:
        subprocess.CalledProcessError: It fails.
    """
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        print(done.stdout[-5_000:])
        done.check_returncode()


class Dags:
    """The DAGs of a pipeline, run to their ends by this process.

    Args:
        pipeline: The pipeline's name; the environment says where its file lies.
    """

    def __init__(self, pipeline: str) -> None:
        from airflow.dag_processing.bundles.manager import DagBundlesManager
        from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

        DagBundlesManager().sync_bundles_to_db()
        self._bag = DagBag(PROJECT_ROOT / "dags")
        if self._bag.import_errors:
            raise RuntimeError(f"the DAGs cannot be read: {self._bag.import_errors}")
        sync_bag_to_db(self._bag, "dags-folder", None)
        self._pipeline = pipeline

    def run(self, kind: str, **params: Any) -> Any:
        """Run one of them; a task that fails is not tried again.

        Raises:
            RuntimeError: The run did not succeed.
        """
        dag = self._bag.dags[f"{self._pipeline}_{kind}"]
        for task in dag.tasks:
            task.retries = 0
        run = dag.test(run_conf=params)
        if run.state != "success":
            raise RuntimeError(f"{dag.dag_id}: the run ended as {run.state}")
        return run
