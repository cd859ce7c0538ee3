"""docker-compose.yaml is valid, and the validation finds what is wrong."""

import copy
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.config import PROJECT_ROOT
from tests.compose.compose_file import ComposeFile, MissingVariableError, read_env_file
from tests.compose.rules import broken_rules
from tests.compose.validate import COMPOSE_FILE, ENV_EXAMPLE, by_command, by_schema, placeholders

OURS = ComposeFile.read(COMPOSE_FILE)
EXAMPLE = read_env_file(ENV_EXAMPLE)
Change = Callable[[dict[str, Any]], Any]


def changed(change: Change) -> ComposeFile:
    """Return our file with a change."""
    content = copy.deepcopy(OURS.content)
    change(content["services"])
    return ComposeFile(content)


def written(compose: ComposeFile, folder: Path) -> Path:
    path = folder / "docker-compose.yaml"
    path.write_text(yaml.safe_dump(compose.content), encoding="utf-8")
    return path


def validated(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.compose.validate", *arguments]
    return subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=120, check=False)


def test_our_file_is_valid_and_the_validators_are_named():
    done = validated()

    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1] == "docker-compose.yaml: valid by our own rules"
    assert len(lines) >= 2


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda s: s["api-server"]["environment"].update(AIRFLOW__API__SECRET_KEY="s3cr3t"),
            "AIRFLOW__API__SECRET_KEY",
        ),
        (
            lambda s: s["postgres"]["environment"].update(POSTGRES_PASSWORD="${POSTGRES_PASSWORD:-airflow}"),
            "POSTGRES_PASSWORD",
        ),
        (
            lambda s: s["worker"]["environment"].update(AIRFLOW__CELERY__BROKER_URL="redis://:hunter2@redis:6379/0"),
            "literal password",
        ),
        (
            lambda s: s["worker"]["environment"].update(AIRFLOW_CONN_WAREHOUSE='{"password": "hunter2"}'),
            "literal password",
        ),
        (
            lambda s: s["redis"].update(command=["redis-server", "--requirepass", "${REDIS_PASSWORD:?x}"]),
            "everybody on the machine can see",
        ),
        (lambda s: s["scheduler"].pop("healthcheck"), "scheduler: has no healthcheck"),
        (lambda s: s["init"].update(restart="always"), "restarted for ever"),
        (lambda s: s["api-server"].update(ports=["8080:8080"]), "is not on 127.0.0.1"),
        (lambda s: s["warehouse"].update(ports=["0.0.0.0:8765:8765"]), "is not on 127.0.0.1"),
        (lambda s: s["warehouse"].update(network_mode="host"), "host's network"),
        (lambda s: s["worker"].update(container_name="worker"), "cannot be scaled"),
        (lambda s: s["worker"].update(ports=["127.0.0.1:8793:8793"]), "cannot be scaled"),
        (lambda s: s["worker"].update(build="."), "driftgate: is built by init and worker"),
        (lambda s: s["init"].pop("build"), "worker: nobody builds driftgate"),
        (lambda s: s["worker"]["volumes"].append("models:/models"), "models is no volume"),
        (
            lambda s: s["worker"]["depends_on"].update(broker={"condition": "service_started"}),
            "broker, which is no service",
        ),
        (lambda s: s["worker"]["environment"].update(X="${SURPRISE:-1}"), "${SURPRISE} is not in .env.example"),
        (lambda s: s["warehouse"].update(ports=[]), "WAREHOUSE_PORT of .env.example is not in docker-compose.yaml"),
    ],
)
def test_each_rule_finds_its_breach(change: Change, told: str):
    lines = broken_rules(changed(change), EXAMPLE)

    assert any(told in line for line in lines), lines


def test_our_file_breaks_no_rule():
    assert broken_rules(OURS, EXAMPLE) == []


def test_a_secret_in_the_example_is_found():
    lines = broken_rules(OURS, {**EXAMPLE, "JWT_SECRET": "change-me"})

    assert lines == ["JWT_SECRET has a value in .env.example"]


FORMAT_BREACHES: list[Change] = [
    lambda services: services["worker"].update(comand=["python"]),
    lambda services: services["worker"].update(depends_on={"init": {"condition": "service_finished"}}),
    lambda services: services["worker"].update(init=["true"]),
]


@pytest.mark.parametrize("change", FORMAT_BREACHES)
def test_a_wrong_format_is_found_by_docker_compose(tmp_path: Path, change: Change):
    found = by_command(written(changed(change), tmp_path), placeholders(EXAMPLE))

    if found is None:
        pytest.skip("Docker Compose is not installed: apt-get install docker-compose")
    assert found.problems


@pytest.mark.parametrize("change", FORMAT_BREACHES)
def test_a_wrong_format_is_found_by_the_schema(change: Change):
    found = by_schema(changed(change).filled_in(placeholders(EXAMPLE)))

    if found is None:
        pytest.skip("the package check-jsonschema, which brings the schema, is not installed")
    assert any("worker" in problem for problem in found.problems)


def test_a_wrong_file_fails_the_command(tmp_path: Path):
    done = validated(str(written(changed(lambda services: services["worker"].update(comand=["python"])), tmp_path)))

    assert done.returncode == 1
    assert "not valid by" in done.stdout


def test_without_docker_compose_nothing_is_said_in_its_name():
    assert by_command(COMPOSE_FILE, placeholders(EXAMPLE), commands=[("no-such-docker", "compose")]) is None


@pytest.mark.parametrize("name", [name for name, value in EXAMPLE.items() if not value])
def test_what_is_empty_in_the_example_has_to_be_filled_in(name: str):
    with pytest.raises(MissingVariableError, match=name):
        OURS.filled_in({**placeholders(EXAMPLE), name: ""})


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_the_lines_of_the_example_make_every_secret(tmp_path: Path):
    shutil.copy(ENV_EXAMPLE, tmp_path / ".env.example")
    lines = [line.removeprefix("#").strip() for line in ENV_EXAMPLE.read_text(encoding="utf-8").splitlines()]
    begin = lines.index("cp .env.example .env && chmod 600 .env")
    script = "\n".join(lines[begin : begin + 4])

    subprocess.run(["sh", "-e", "-c", script], cwd=tmp_path, check=True)

    made = read_env_file(tmp_path / ".env")
    assert [name for name, value in made.items() if not value] == ["IMAGES_FOLDER"]
    secrets = [made[name] for name, value in EXAMPLE.items() if not value and name != "IMAGES_FOLDER"]
    assert len(set(secrets)) == len(secrets) == 8
    assert min(len(secret) for secret in secrets) >= 44


def test_variables_are_filled_in_as_docker_compose_does():
    words = ["${A:?must}", "$$A", "${B:-two}", "${C-three}", "${C}", "plain"]

    filled = ComposeFile({"services": {"s": {"command": words}}}).filled_in({"A": "one", "B": "", "C": ""})

    assert filled.services["s"]["command"] == ["one", "$A", "two", "", "", "plain"]
