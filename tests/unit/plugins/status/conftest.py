"""The status page in Airflow's own app, with the real way to log in, and a pipeline whose file it finds."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from fastapi import FastAPI
from fastapi.testclient import TestClient

from include.config import PIPELINES_VARIABLE, PipelineConfig

PASSWORDS = {"admin": "the admin's", "viewer": "the viewer's", "nobody": "of nobody"}
USERS = "admin:admin,viewer:viewer,nobody:"


@pytest.fixture(scope="session")
def airflow_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """Airflow's API server, with the plugin mounted as it mounts it."""
    passwords = tmp_path_factory.mktemp("passwords") / "passwords.json"
    passwords.write_text(json.dumps(PASSWORDS))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", USERS)
        patched.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(passwords))
        patched.setenv(
            "AIRFLOW__API_AUTH__JWT_SECRET",
            "a secret of the tests, which is long enough for SHA-512 to be content with",
        )
        patched.setenv("AIRFLOW__API__BASE_URL", "http://testserver")
        from airflow.api_fastapi.app import create_app, purge_cached_app
        from airflow.utils.db import initdb

        initdb()
        purge_cached_app()
        yield create_app(apps="core")
        purge_cached_app()


@pytest.fixture
def pipeline_file(config: PipelineConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The pipeline's file, in a folder of its own."""
    folder = tmp_path / "pipelines"
    folder.mkdir()
    monkeypatch.setenv(PIPELINES_VARIABLE, str(folder))
    path = folder / f"{config.name}.yaml"
    path.write_text(yaml.safe_dump(json.loads(config.to_json())))
    return path


@pytest.fixture
def browser(airflow_app: FastAPI, pipeline_file: Path) -> Callable[[str | None], TestClient]:
    """A function that returns a browser in which a user has logged in, or in which nobody has."""

    def open_browser(user: str | None) -> TestClient:
        client = TestClient(airflow_app, base_url="http://testserver", follow_redirects=False)
        if user is not None:
            answer = client.post("/auth/token", json={"username": user, "password": PASSWORDS[user]})
            assert answer.status_code == 201, answer.text
            client.cookies.set("_token", answer.json()["access_token"])
        return client

    return open_browser
