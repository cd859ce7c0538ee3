"""The services of docker-compose.yaml run what `./driftgate up` starts, but for what is listed here."""

import json
import re
import sys
from pathlib import Path

import pytest

from include.commands.local.environment import process_environment
from include.commands.local.instance import COMPONENTS, LocalInstance
from include.commands.local.state import LocalState, Settings
from include.config import PROJECT_ROOT
from tests.compose.compose_file import ComposeFile, read_env_file
from tests.compose.validate import COMPOSE_FILE, ENV_EXAMPLE, placeholders

ROOT = "/var/lib/driftgate"
PORTS = {"airflow_port": 8080, "warehouse_port": 8765, "mail_port": 8025}
ONLY_IN_COMPOSE = {"postgres", "redis", "init", "triggerer", "worker", "driftgate"}

OTHER_VALUES = {
    "core": {"executor", "parallelism", "fernet_key", "execution_api_server_url"},
    "database": {"sql_alchemy_conn"},
    "api": {"host", "secret_key"},
    "api_auth": {"jwt_secret"},
    # A container starts anew within seconds; on a laptop, which sleeps, patience is worth more.
    "scheduler": {"task_instance_heartbeat_timeout"},
}
"""Settings of both whose values differ: the executor, the database, addresses, secrets."""
ONLY_LOCAL = {"core": {"hostname_callable"}}
"""A container knows its name without asking the network."""
ONLY_COMPOSED = {
    "core": {"max_active_tasks_per_dag", "dags_are_paused_at_creation"},
    "scheduler": {"task_instance_heartbeat_timeout_detection_interval", "task_queued_timeout"},
    "celery": {"broker_url", "worker_concurrency", "operation_timeout"},
    "celery_broker_transport_options": {"visibility_timeout"},
}
"""What `up` does itself (it unpauses the DAGs), and the CeleryExecutor's own."""


@pytest.fixture
def compose() -> ComposeFile:
    return ComposeFile.read(COMPOSE_FILE).filled_in(placeholders(read_env_file(ENV_EXAMPLE)))


@pytest.fixture
def local(tmp_path: Path) -> LocalInstance:
    """A local instance on the ports of the containers."""
    settings = Settings(pipelines=str(PROJECT_ROOT / "pipelines"), **PORTS)
    return LocalInstance(LocalState(tmp_path / "state"), settings, print)


def as_in_a_container(words: list[str], root: Path) -> list[str]:
    there = [word.replace(sys.executable, "python").replace(str(root), ROOT) for word in words]
    return ["0.0.0.0" if word == "127.0.0.1" else word for word in there]  # noqa: S104


def test_every_component_is_a_service(compose: ComposeFile):
    assert set(compose.services) == {*COMPONENTS, *ONLY_IN_COMPOSE}


@pytest.mark.parametrize("name", [name for name in COMPONENTS if name != "scheduler"])
def test_a_service_runs_what_up_starts(compose: ComposeFile, local: LocalInstance, name: str):
    assert compose.services[name]["command"] == as_in_a_container(local.command(name), local.state.root)


def test_the_scheduler_is_the_same_and_a_worker_imports_what_it_would(compose: ComposeFile, local: LocalInstance):
    # With the LocalExecutor tasks are forked from the scheduler, with the CeleryExecutor from the workers.
    *preloaded, component, option = as_in_a_container(local.command("scheduler"), local.state.root)

    assert compose.services["scheduler"]["command"] == ["python", "-m", "airflow", component, option]
    assert compose.services["worker"]["command"] == [*preloaded, "celery", "worker", option]


def test_airflows_settings_are_those_of_up(compose: ComposeFile, local: LocalInstance):
    here = _airflow_settings(process_environment(local.state, local.settings))
    there = _airflow_settings(compose.environment("worker"))

    assert set(here) - set(there) == _names(ONLY_LOCAL)
    assert set(there) - set(here) == _names(ONLY_COMPOSED)
    translated = {
        name: value.replace(str(local.state.root), ROOT).replace(str(PROJECT_ROOT), "/opt/driftgate")
        for name, value in here.items()
    }
    assert {name for name, value in translated.items() if there.get(name, value) != value} == _names(OTHER_VALUES)


def test_the_connections_are_those_of_up_but_for_their_hosts(compose: ComposeFile, local: LocalInstance):
    here, there = process_environment(local.state, local.settings), compose.environment("worker")
    for variable, host in (("AIRFLOW_CONN_WAREHOUSE", "warehouse"), ("AIRFLOW_CONN_SMTP_DEFAULT", "mail-catcher")):
        expected = here[variable].replace("127.0.0.1", host)
        password = json.loads(expected).get("password")
        assert json.loads(there[variable]) == json.loads(
            expected.replace(password, "placeholder") if password else expected
        )


@pytest.mark.parametrize("name", ["api-server", "scheduler", "dag-processor", "triggerer"])
def test_all_of_airflow_has_the_same_environment(compose: ComposeFile, name: str):
    assert compose.environment(name) == compose.environment("worker")


def test_each_health_check_of_ours_is_a_call_that_its_program_takes(compose: ComposeFile):
    from include.commands.local.health import _options

    calls = [service["healthcheck"]["test"] for service in compose.services.values() if "healthcheck" in service]
    ours = [test for test in calls if "include.commands.local.health" in test]

    assert len(ours) == 7
    for test in ours:
        assert test[:4] == ["CMD", "python", "-m", "include.commands.local.health"]
        assert _options(test[4:]).what in {"page", "mails", "airflow", "worker"}


def test_workers_and_the_api_server_share_the_logs_and_workers_the_store(compose: ComposeFile):
    volumes = {name: set(service.get("volumes") or []) for name, service in compose.services.items()}

    assert f"logs:{ROOT}/logs" in volumes["worker"] & volumes["api-server"] & volumes["dag-processor"]
    assert f"store:{ROOT}/store" in volumes["worker"] & volumes["driftgate"]
    assert compose.environment("worker")["DRIFTGATE_STORE"] == f"{ROOT}/store"
    # who reads a pipeline file sees it
    for name in ("api-server", "scheduler", "dag-processor", "triggerer", "worker", "driftgate"):
        assert "./pipelines:/opt/driftgate/pipelines:ro" in volumes[name]


def test_the_image_is_made_with_the_makefiles_uv_and_has_each_folder_that_a_volume_takes(compose: ComposeFile):
    dockerfile = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")
    (uv_version,) = re.findall(r"^UV_VERSION := (\S+)", (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8"), re.M)

    assert f"ARG UV_VERSION={uv_version}\n" in dockerfile
    mounted = {volume.split(":")[1] for service in compose.services.values() for volume in service.get("volumes") or []}
    # a volume takes over the owner of the folder of the image; where there is none it belongs to root
    for folder in sorted(path for path in mounted if path.startswith(ROOT)):
        assert re.search(rf"{folder}\b", dockerfile), folder


def test_the_image_takes_what_the_code_needs_and_nothing_private():
    ignored = (PROJECT_ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    dockerfile = (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8")
    copied = {source for line in re.findall(r"^COPY (\S+) ", dockerfile, re.M) for source in [line.rstrip("/")]}

    assert ignored[1] == "*"
    assert {line[1:].rstrip("/") for line in ignored if line.startswith("!")} == copied
    assert copied == {"requirements.txt", "include", "plugins", "dags", "pipelines"}
    assert dockerfile.index("COPY requirements.txt") < dockerfile.index("uv pip install") < dockerfile.index("COPY inc")
    assert re.search(r"^USER driftgate$", dockerfile, re.M)


def test_the_small_image_leaves_out_what_only_cuda_needs():
    lines = (PROJECT_ROOT / "requirements.txt").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"--extended-regexp '(.*)'", (PROJECT_ROOT / "Dockerfile").read_text(encoding="utf-8"))
    blocks = re.findall(r"^(\S+)==\S+\n((?: +#.*\n)+)", lines, re.M)
    left_out = {name for name, _ in blocks if re.match(pattern, f"{name}==")}

    assert {"triton", "nvidia-cublas"} <= left_out
    for name, wanted_by in blocks:
        if name in left_out:
            assert set(re.findall(r"# +(?:via +)?([a-z][\w-]+)$", wanted_by, re.M)) <= {"via", "torch", *left_out}, name


def _airflow_settings(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("AIRFLOW__")}


def _names(settings: dict[str, set[str]]) -> set[str]:
    return {f"AIRFLOW__{section}__{option}".upper() for section, options in settings.items() for option in options}
