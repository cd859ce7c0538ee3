"""What crosses over into the environment of snowflake-ml-python."""

import stat
from pathlib import Path

import pytest

from include.config import PipelineConfig
from include.registry.publishing.registry_request import RegistryRequest


def test_a_request_comes_over_once_with_its_private_key(config: PipelineConfig, tmp_path: Path) -> None:
    # given a connection with a key pair
    path = tmp_path / "request.json"
    connection = {"account": "a", "private_key": b"\x00\xff", "session_parameters": {"TIMEZONE": "UTC"}}

    # when its request is written and taken
    RegistryRequest(connection, config).write(path)
    mode = stat.S_IMODE(path.stat().st_mode)
    taken = RegistryRequest.take(path)

    # then it is the same, nobody else could have read it, and nothing of it is left
    assert taken == RegistryRequest(connection, config)
    assert mode == 0o600
    assert list(tmp_path.glob("*.json")) == []


def test_a_file_that_is_there_already_is_not_written_into(config: PipelineConfig, tmp_path: Path) -> None:
    path = tmp_path / "request.json"
    path.write_text("somebody else's")

    with pytest.raises(FileExistsError):
        RegistryRequest({"password": "secret"}, config).write(path)
