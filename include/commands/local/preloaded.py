"""Airflow's command, with what nearly every task imports already imported: `python -m … scheduler`, `… celery worker`.

For the process that tasks are forked from, by its workers: the scheduler with the LocalExecutor, a Celery worker with
the CeleryExecutor. Each task then starts with these modules instead of taking seconds to import them. Only libraries:
our own code is read anew by every task, so that an edit shows at once.
"""

import importlib
import os
import runpy

_LIBRARIES = ("airflow.providers.snowflake.hooks.snowflake", "snowflake.connector", "torch")

# As include.models says it, which is too late once torch is there.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
for library in _LIBRARIES:
    importlib.import_module(library)
runpy.run_module("airflow", run_name="__main__")
