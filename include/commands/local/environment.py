"""The environment of a local instance's processes: Airflow's settings, and where Driftgate finds its things."""

import json
import os
import sys
from pathlib import Path

from include.commands.local.state import ADMIN, VIEWER, WAREHOUSE_USER, LocalState, Settings
from include.config import PIPELINES_VARIABLE, PROJECT_ROOT, STORE_VARIABLE

CONNECTION_VARIABLE = "AIRFLOW_CONN_WAREHOUSE"
SMTP_CONNECTION_VARIABLE = "AIRFLOW_CONN_SMTP_DEFAULT"
SENDER = "driftgate@localhost"
LOOPBACK = "127.0.0.1"


def process_environment(state: LocalState, settings: Settings) -> dict[str, str]:
    """Return the whole environment for the processes of an instance.

    What the caller's environment says about another Airflow is left out: its database must not be ours.
    """
    inherited = {name: value for name, value in os.environ.items() if not _is_of_another_airflow(name)}
    # Each of Airflow's processes imports some 2,000 modules; without the bytecode cache that takes twice as long.
    inherited.pop("PYTHONDONTWRITEBYTECODE", None)
    return {
        **inherited,
        **pipeline_environment(state, settings),
        **_airflow_environment(state, settings),
        SMTP_CONNECTION_VARIABLE: json.dumps(_smtp_connection(settings)),
        "PYTHONPATH": str(PROJECT_ROOT),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
    }


def pipeline_environment(state: LocalState, settings: Settings) -> dict[str, str]:
    """Return what a process needs to work on the pipelines of this instance: files, warehouse, store."""
    connection = {
        "conn_type": "snowflake",
        "login": WAREHOUSE_USER,
        "password": state.secret("warehouse_password"),
        "extra": {"account": "embedded", "host": LOOPBACK, "port": settings.warehouse_port, "protocol": "http"},
    }
    past_proxies = ",".join(filter(None, [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), LOOPBACK]))
    return {
        CONNECTION_VARIABLE: json.dumps(connection),
        PIPELINES_VARIABLE: settings.pipelines,
        STORE_VARIABLE: str(state.store),
        # The connector asks at each login in which cloud it runs, and waits 0.2 s for answers that nobody gives here.
        "SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true",
        "NO_PROXY": past_proxies,
        "no_proxy": past_proxies,
    }


def _smtp_connection(settings: Settings) -> dict[str, object]:
    """Return Airflow's connection to the mail catcher, which takes mails from this machine without a login."""
    return {
        "conn_type": "smtp",
        "host": LOOPBACK,
        "port": settings.mail_port,
        "extra": {"disable_tls": True, "disable_ssl": True, "from_email": SENDER, "timeout": 5, "retry_limit": 1},
    }


def _is_of_another_airflow(name: str) -> bool:
    return name.startswith(("AIRFLOW__", "_AIRFLOW_")) or name in {"AIRFLOW_HOME", "AIRFLOW_CONFIG", "PYTHONPATH"}


def _airflow_environment(state: LocalState, settings: Settings) -> dict[str, str]:
    """Return Airflow's settings. Names and defaults: airflow/config_templates/config.yml of 3.3.2."""
    options: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": PROJECT_ROOT / "dags",
            "plugins_folder": PROJECT_ROOT / "plugins",
            "load_examples": False,
            "executor": "LocalExecutor",
            "parallelism": 2,
            "fernet_key": state.secret("fernet_key"),
            "hostname_callable": "include.commands.local.loopback.hostname",
            "simple_auth_manager_users": f"{ADMIN}:admin,{VIEWER}:viewer",
            "simple_auth_manager_all_admins": False,
            "simple_auth_manager_passwords_file": state.passwords_file,
            "execution_api_server_url": f"{settings.airflow_url}/execution/",
        },
        "database": {
            "sql_alchemy_conn": f"sqlite:///{state.airflow_home / 'airflow.db'}",
            # `up` migrates before it starts anything; each process would look again for a second.
            "check_migrations": False,
        },
        "logging": {
            "base_log_folder": state.logs / "tasks",
            "dag_processor_child_process_log_directory": state.logs / "dag-processor",
            # No log servers run, so each look at a running task's log would put a traceback into the API server's log.
            "namespace_levels": "airflow.utils.log.file_task_handler=CRITICAL",
        },
        "api": {
            "host": LOOPBACK,
            "port": settings.airflow_port,
            "workers": 1,
            "base_url": settings.airflow_url,
            "secret_key": state.secret("api_secret_key"),
        },
        "api_auth": {"jwt_secret": state.secret("jwt_secret")},
        "scheduler": {
            "scheduler_idle_sleep_time": 0.25,
            # A task whose process was killed is found after this many seconds, not after five minutes.
            "task_instance_heartbeat_timeout": 60,
        },
        # A supervisor that misses the end of its task's process, as it does with most that have torch, looks again
        # after this many seconds. By default it keeps its worker from the next task for 5 s.
        "workers": {"min_heartbeat_interval": 1},
        "dag_processor": {
            "dag_bundle_storage_path": state.airflow_home / "bundles",
            # A new pipeline file makes new DAGs within half a minute; parsing twice as often takes 20 % of a core.
            "refresh_interval": 30,
            "min_file_process_interval": 30,
            "print_stats_interval": 0,
        },
    }
    return {
        "AIRFLOW_HOME": str(state.airflow_home),
        **{
            f"AIRFLOW__{section.upper()}__{option.upper()}": str(value)
            for section, chosen in options.items()
            for option, value in chosen.items()
        },
    }
