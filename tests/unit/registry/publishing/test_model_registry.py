"""The champion in Snowflake's Model Registry: the real library, in its environment, and a server that remembers.

Each test is skipped where that environment is not there: `make snowflake-ml` makes it.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
import torch
import yaml
from model_statements import ModelStatements, StoredModel

from driftgate.hooks import WarehouseHook
from include.catalog.sync import sync_stage
from include.config import PROJECT_ROOT, PipelineConfig, model_registry_python
from include.registry.ledger import read_champion
from include.registry.publishing.registry_request import RegistryAnswer, RegistryRequest
from include.registry.rollback import roll_back
from include.warehouse.embedded.answers import Answer
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

CALL = """
import json, runpy, sys, types
files, torch_from, urls = sys.argv[1:]
sys.path.append(torch_from)
sys._xoptions["snowflake_import_directory"] = files
sys.modules["_snowflake"] = types.SimpleNamespace(vectorized=lambda **options: lambda function: function)
import pandas as pd
infer = runpy.run_path(f"{files}/functions/classify.py")["infer"]
print(json.dumps(infer(pd.DataFrame({0: json.loads(urls)}))))
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

    def execute(executor: Executor, *arguments: Any) -> Answer:
        return statements.execute(executor, *arguments)

    monkeypatch.setattr(Executor, "execute", execute)
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


def test_the_registry_follows_promotions_and_rollbacks(
    publish: Publish,
    add_champion: Callable[[int], None],
    warehouse: Warehouse,
    config: PipelineConfig,
    statements: ModelStatements,
    model: Callable[[], StoredModel],
) -> None:
    # given a champion in the registry
    add_champion(1)
    assert publish() == RegistryAnswer(version=1, model=f"TESTS.{config.schema_name}.CLASSIFIER")

    # when another version is promoted
    add_champion(2)
    publish()

    # then both are there, with what the ledger says of them
    assert list(model().versions) == ["V1", "V2"]
    assert (model().with_alias("CHAMPION"), model().default) == ("V2", "V2")
    assert model().versions["V2"].comment == "version 2 of Driftgate's ledger"
    said = model().metrics("V2")
    assert (said["accuracy"], said["snapshot_id"], said["run_id"]) == (0.9, "snapshot", "training 2")

    # and the manifest names the snapshot's images as what it comes from
    manifest = (model().versions["V2"].files / "MANIFEST.yml").read_text()
    [source] = yaml.safe_load(manifest)["lineage_sources"]
    assert source["type"] == "QUERY"
    assert "SNAPSHOT_IMAGES" in source["entity"]
    assert "'snapshot'" in source["entity"]

    # when it is done again, then nothing changes
    statements.sent.clear()
    assert publish().version == 2
    assert changes(statements) == []

    # when the champion is rolled back, on an account that does not take an alias from the version that has it
    statements.aliases_move = False
    roll_back(warehouse, to=1, expected_event_seq=2, reason="bad", actor="ann", run_id="rollback/1")
    assert publish() == RegistryAnswer(version=1, model=ANY)

    # then only alias and default have moved
    assert (model().with_alias("CHAMPION"), model().default) == ("V1", "V1")
    assert changes(statements) == ["alias", "unset_alias", "alias", "default"]


def test_what_a_try_has_left_out_is_completed(
    publish: Publish,
    add_champion: Callable[[int], None],
    warehouse: Warehouse,
    statements: ModelStatements,
    model: Callable[[], StoredModel],
) -> None:
    # given a version from before the option was set, and one whose metrics got lost when it was logged
    add_champion(1)
    add_champion(2)
    statements.refused["metadata"] = "gone"
    assert publish() == RegistryAnswer(version=2, model=ANY)

    # when the champion is rolled back
    roll_back(warehouse, to=1, expected_event_seq=2, reason="bad", actor="ann", run_id="rollback/1")
    publish()

    # then both are whole
    assert {version: model().metrics(version)["accuracy"] for version in model().versions} == {"V2": 0.9, "V1": 0.9}
    assert model().with_alias("CHAMPION") == "V1"


def test_a_missing_privilege_is_told_and_leaves_the_champion_as_it_was(
    publish: Publish,
    add_champion: Callable[[int], None],
    warehouse: Warehouse,
    statements: ModelStatements,
    model: Callable[[], StoredModel],
) -> None:
    # given a champion in the registry, and a role that may not add versions
    add_champion(1)
    publish()
    statements.refused["add"] = "Insufficient privileges to operate on model"

    # when another is promoted
    add_champion(2)
    answer = publish()

    # then the error names the privilege, trying again is no use, and both sides are whole
    assert answer.error
    assert "Insufficient privileges" in answer.error
    assert "CREATE MODEL" in answer.error
    assert not answer.is_transient
    assert model().with_alias("CHAMPION") == "V1"
    champion = read_champion(warehouse)
    assert champion
    assert champion.version == 2


def test_files_that_are_not_the_ledgers_are_not_logged(
    publish: Publish, add_champion: Callable[[int], None], query: Query, statements: ModelStatements
) -> None:
    add_champion(1)
    query("UPDATE MODEL_VERSIONS SET SHA256 = REPEAT('0', 64)")

    answer = publish()

    assert answer.error
    assert "not those that were registered" in answer.error
    assert not statements.models


def test_a_warehouse_that_is_down_may_be_tried_again(
    publish: Publish, add_champion: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, unused_port: int
) -> None:
    add_champion(1)
    extra = {"account": "embedded", "host": "127.0.0.1", "port": unused_port, "protocol": "http"}
    connection = {"conn_type": "snowflake", "login": "me", "password": "a password", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))
    monkeypatch.setattr("driftgate.hooks.LOGIN_TIMEOUT_S", 1)

    answer = publish()

    assert answer.is_transient
    assert "a password" not in str(answer.error)


def test_the_model_answers_as_the_tasks_do(
    publish: Publish,
    add_champion: Callable[[int], None],
    answer_new_images: Callable[[int], None],
    put_image: Callable[..., Path],
    query: Query,
    warehouse: Warehouse,
    config: PipelineConfig,
    model: Callable[[], StoredModel],
    tmp_path: Path,
) -> None:
    # given images that the tasks have answered
    for number in range(8):
        put_image(f"{number}.png", stage="new", colour=(30 * number, 255 - 20 * number, 90 + number))
    sync_stage(warehouse, config.stages.incoming, labels=None, accept_removals=False)
    add_champion(1)
    answer_new_images(1)
    written = query("SELECT RELATIVE_PATH, TYPE, CONFIDENCE FROM CURRENT_PREDICTIONS ORDER BY 1")
    assert len(written) == 8

    # when the function that the library has written for the warehouse is called, with what was uploaded alone
    publish()
    urls = [*(str(tmp_path / "new" / path) for path, _, _ in written), None, "gone.png"]
    answers = call_uploaded(model().versions["V1"].files, urls)

    # then labels and confidences are the same, and a file that is not there has a reason
    for (_, label, confidence), answer in zip(written, answers, strict=False):
        assert (answer["label"], answer["version"]) == (label, 1)
        assert answer["confidence"] == pytest.approx(confidence, abs=0.001)
    assert set(answers[-2].values()) == {None}
    assert "cannot be read" in answers[-1]["error"]
    assert answers[-1]["label"] is None


def changes(statements: ModelStatements) -> list[str]:
    return [kind for kind in statements.sent if not kind.startswith("show_")]


def call_uploaded(files: Path, urls: list[str | None]) -> list[dict[str, Any]]:
    """Call a version's function as a warehouse would, in the library's environment with this one's torch."""
    torch_from = Path(torch.__file__).parents[1]
    command = [str(model_registry_python()), "-c", CALL, str(files), str(torch_from), json.dumps(urls)]
    ended = subprocess.run(command, cwd=files, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    answers: list[dict[str, Any]] = json.loads(ended.stdout.splitlines()[-1])
    return answers
