import json
import os
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from include.commands.local.environment import process_environment
from include.commands.local.loopback import hostname
from include.commands.local.state import LocalState, Settings


@pytest.fixture
def environment(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://production/airflow")
    monkeypatch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True")
    monkeypatch.setenv("AIRFLOW_CONFIG", "/etc/airflow.cfg")
    monkeypatch.setenv("no_proxy", "example.com")
    settings = Settings(airflow_port=8090, warehouse_port=8790, mail_port=8035, pipelines=str(tmp_path / "pipelines"))
    return process_environment(LocalState(tmp_path), settings)


def test_each_setting_is_one_of_the_installed_airflow(environment):
    airflow = find_spec("airflow")  # importing it here would open the caller's database
    known = yaml.safe_load((Path(airflow.origin).parent / "config_templates" / "config.yml").read_text())
    ours = [name.split("__")[1:] for name in environment if name.startswith("AIRFLOW__")]

    unknown = [(section, option) for section, option in ours if option.lower() not in known[section.lower()]["options"]]

    assert len(ours) > 15
    assert unknown == []


def test_another_airflow_of_the_caller_is_left_out(environment, tmp_path):
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == f"sqlite:///{tmp_path}/airflow/airflow.db"
    assert environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"
    assert "AIRFLOW_CONFIG" not in environment


def test_nothing_listens_beyond_this_machine(environment):
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environment["AIRFLOW__API__PORT"] == "8090"
    assert hostname() == "127.0.0.1"
    assert environment["no_proxy"] == environment["NO_PROXY"] == "example.com,127.0.0.1"


def test_the_connection_leads_to_the_embedded_warehouse(environment, tmp_path):
    connection = json.loads(environment["AIRFLOW_CONN_WAREHOUSE"])

    assert connection["conn_type"] == "snowflake"
    assert connection["password"] == LocalState(tmp_path).secret("warehouse_password")
    assert connection["extra"] == {"account": "embedded", "host": "127.0.0.1", "port": 8790, "protocol": "http"}


def test_airflows_mails_go_to_the_mail_catcher(environment):
    connection = json.loads(environment["AIRFLOW_CONN_SMTP_DEFAULT"])

    assert (connection["conn_type"], connection["host"], connection["port"]) == ("smtp", "127.0.0.1", 8035)
    assert connection["extra"]["from_email"] == "driftgate@localhost"


def test_the_processes_find_python_and_the_project(environment):
    found = subprocess.run(
        ["python", "-c", "import airflow, include.config; print(airflow.__path__[0])"],
        env={**environment, "_AIRFLOW__AS_LIBRARY": "1"},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout.strip().endswith("airflow")
    assert environment["DRIFTGATE_STORE"]
    assert os.pathsep in environment["PATH"]
