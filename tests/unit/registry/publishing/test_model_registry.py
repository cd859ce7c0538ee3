"""The champion in Snowflake's Model Registry: by the real library, in its own environment, against a server that remembers.

Each test is skipped where that environment is not there: `make snowflake-ml` makes it.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from model_statements import ModelStatements, StoredModel

from driftgate.hooks import WarehouseHook
from include.config import PROJECT_ROOT, PipelineConfig, model_registry_python
from include.registry.publishing.registry_request import RegistryAnswer, RegistryRequest
from include.warehouse.embedded.execution import Executor
from include.warehouse.session import Warehouse

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not model_registry_python().is_file(), reason="no environment for it: make snowflake-ml"),
]

Query = Callable[..., list[tuple[Any, ...]]]
Publish = Callable[[], RegistryAnswer]

SNAPSHOT = """
INSERT INTO SNAPSHOT_IMAGES (SNAPSHOT_ID, STAGE, RELATIVE_PATH, ETAG, CONTENT_SHA256, LABEL, LABEL_SOURCE, SPLIT)
VALUES ('snapshot', 'TRAINING_IMAGES', 'coat/a.png', 'e', 'c', 'coat', 'path', 'train')
"""
ANSWER_EACH = """
import json, sys
from include.registry.publishing.registry_call import answer
for path in sys.stdin:
    print("ANSWER", json.dumps(answer(path.strip())), flush=True)
"""


@pytest.fixture(scope="module")
def other_environment() -> Iterator[subprocess.Popen[str]]:
    """A process of the environment that has the library; to import it takes seconds."""
    command = [str(model_registry_python()), "-c", ANSWER_EACH]
    with subprocess.Popen(
        command, cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin
        process.stdin.close()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModelStatements:
    """What the warehouse knows of models."""
    statements = ModelStatements(Executor.execute, tmp_path / "packaged")
    monkeypatch.setattr(Executor, "execute", lambda *arguments: statements.execute(*arguments))
    return statements


@pytest.fixture
def publish(
    warehouse: Warehouse,
    query: Query,
    config: PipelineConfig,
    other_environment: subprocess.Popen[str],
    statements: ModelStatements,
    tmp_path: Path,
) -> Publish:
    """A function that publishes the champion as the task does."""
    query(SNAPSHOT)

    def call() -> RegistryAnswer:
        path = tmp_path / "request.json"
        RegistryRequest(WarehouseHook.for_pipeline(config).connection_parameters(), config).write(path)
        assert other_environment.stdin
        assert other_environment.stdout
        print(path, file=other_environment.stdin, flush=True)
        for line in other_environment.stdout:
            if line.startswith("ANSWER"):
                return RegistryAnswer.from_json(json.loads(line.removeprefix("ANSWER")))
        raise AssertionError("the other environment has ended")

    return call


@pytest.fixture
def model(statements: ModelStatements, config: PipelineConfig) -> Callable[[], StoredModel]:
    """A function that returns what the registry has."""
    return lambda: statements.models[f"TESTS.{config.schema_name}.CLASSIFIER"]


def test_a_promotion_logs_the_version_and_moves_the_alias(
    publish: Publish, add_champion: Callable[[int], None], model: Callable[[], StoredModel], config: PipelineConfig
) -> None:
    # given a champion in the registry
    add_champion(1)
    first = publish()
    assert first.error is None, first.error
    assert first == RegistryAnswer(version=1, model=f"TESTS.{config.schema_name}.CLASSIFIER")

    # when another version is promoted
    add_champion(2)
    second = publish()

    # then both are there, and the alias and the default name the new one
    assert second.version == 2
    assert list(model().versions) == ["V1", "V2"]
    assert (model().with_alias("CHAMPION"), model().default) == ("V2", "V2")
