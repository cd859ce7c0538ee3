"""Training that starts from the champion: which one, what is told of it, and that it can be trained again."""

import dataclasses
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from schema_template import SchemaTemplate
from stage_pictures import put_picture
from trained_pipeline import TrainedPipeline

from driftgate.hooks import WarehouseHook
from include.catalog.runs import open_run, read_run
from include.catalog.snapshot import freeze_snapshot
from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.images.preprocess import read_digests
from include.models.conditions import TrainingConditions
from include.models.distributed import PROCESSES_VARIABLE
from include.models.fitting import FittedModel, fit_snapshot
from include.models.start import StartedFrom
from include.registry.artefacts import load_version
from include.registry.champion_start import start_of_run
from include.registry.ledger import read_version
from include.registry.original import CONDITIONS, open_reproduction, read_original
from include.registry.promotion import pass_gate_and_promote
from include.registry.registration import evaluate_and_register
from include.registry.reproduction import Reproduction, compare
from include.registry.training_again import train_again
from include.store.batches import write_batches
from include.store.files import FileStore
from include.store.preparation import prepare_batch
from include.store.restoration import plan_restoration
from include.warehouse.embedded.server import RunningServer
from include.warehouse.session import Warehouse

pytestmark = pytest.mark.slow

Query = Callable[..., list[tuple[Any, ...]]]

COLOURS = {"blue": (0, 0, 1), "green": (0, 1, 0), "red": (1, 0, 0), "white": (1, 1, 1)}
N_IN_A_CLASS = 12
N_EPOCHS = 10
AGAIN = "test_reproduce/manual"


def put_class(folder: Path, label: str) -> None:
    for i in range(N_IN_A_CLASS):
        put_picture(folder, f"{label}/{i}.png", colour=tuple((100 + 12 * i) * part for part in COLOURS[label]))


@dataclasses.dataclass
class Runs:
    """The steps of training runs."""

    warehouse: Warehouse
    store: FileStore
    config: PipelineConfig
    """The pipeline file."""

    def open(self, run_id: str, *, strategy: str = "scratch", size: int = 16) -> PipelineConfig:
        config = self.config.with_strategy(strategy).with_training({"n_epochs": N_EPOCHS})
        config = config.model_copy(update={"preprocessing": config.preprocessing.model_copy(update={"size": size})})
        open_run(self.warehouse, config, run_id=run_id, dag_id="test_training", kind="training", reason=None)
        return read_run(self.warehouse, run_id=run_id).config

    def freeze(self, run_id: str) -> str:
        config = read_run(self.warehouse, run_id=run_id).config
        sync_stage(self.warehouse, config.stages.training, labels=config.labels, accept_removals=True)
        snapshot = freeze_snapshot(
            self.warehouse, config, run_id=run_id, work_path=f"{run_id}/f", read_digests=read_digests
        )
        [batch] = write_batches(self.store, [snapshot.keys], preprocessing=config.preprocessing, version=None)
        prepare_batch(self.warehouse, self.store, batch, stages=config.stages, run_id=run_id, work_path=f"{run_id}/p")
        return snapshot.snapshot_id

    def fit(self, run_id: str, snapshot_id: str) -> FittedModel:
        config = read_run(self.warehouse, run_id=run_id).config
        start = start_of_run(self.warehouse, self.store, config, run_id=run_id)
        return fit_snapshot(self.warehouse, self.store, config, snapshot_id=snapshot_id, run_id=run_id, start=start)

    def run(self, run_id: str, **changes: Any) -> int:
        config = self.open(run_id, **changes)
        fitted = self.fit(run_id, self.freeze(run_id))
        challenger = evaluate_and_register(
            self.warehouse, self.store, config, fitted, run_id=run_id, work_path=f"{run_id}/e"
        )
        pass_gate_and_promote(
            self.warehouse, challenger, gate=config.gate, accept_vanished_classes=False, run_id=run_id
        )
        return challenger.version

    def again(self, version: int) -> Reproduction:
        open_reproduction(self.warehouse, self.config, version=version, run_id=AGAIN, dag_id="test_reproduce")
        config = read_run(self.warehouse, run_id=AGAIN).config
        restored = plan_restoration(
            self.warehouse,
            self.store,
            snapshot_id=read_original(self.warehouse, version).snapshot_id,
            preprocessing=config.preprocessing,
            stages=config.stages,
        ).restored
        fitted = train_again(self.warehouse, self.store, config, restored, version=version, run_id=AGAIN)
        return compare(self.warehouse, self.store, config, fitted, restored, version=version, run_id=AGAIN)

    def conditions(self, version: int) -> TrainingConditions:
        return TrainingConditions.from_json(read_version(self.warehouse, version).metrics[CONDITIONS])


@pytest.fixture(scope="module")
def champion(
    embedded_server: RunningServer,
    schema_template: SchemaTemplate,
    new_config: Callable[[Path], PipelineConfig],
    tmp_path_factory: pytest.TempPathFactory,
) -> TrainedPipeline:
    """A pipeline whose champion tells three colours apart, which nothing changes any more."""
    folder = tmp_path_factory.mktemp("champion")
    config = new_config(folder)
    schema_template.copy_to(config)
    for label in ("blue", "green", "red"):
        put_class(folder, label)
    with WarehouseHook.for_pipeline(config).session() as warehouse:
        assert Runs(warehouse, FileStore(config.store_url), config).run("first") == 1
    return TrainedPipeline(embedded_server, config, folder)


@pytest.fixture
def runs(
    champion: TrainedPipeline, warehouse: Warehouse, store: FileStore, config: PipelineConfig, tmp_path: Path
) -> Runs:
    champion.copy_to(config, tmp_path)
    return Runs(warehouse, store, config)


@pytest.mark.parametrize("strategy", ["warm", "head"])
def test_a_challenger_that_starts_from_the_champion_learns_a_new_class_and_can_be_trained_again(
    runs: Runs, tmp_path: Path, strategy: str
) -> None:
    put_class(tmp_path, "white")

    version = runs.run("second", strategy=strategy)

    # then it tells what it started from
    theirs = read_version(runs.warehouse, 1).metrics["weights_sha256"]
    expected = StartedFrom(strategy=strategy, version=1, weights_sha256=theirs)
    assert runs.conditions(version).start == expected
    assert load_version(runs.warehouse, runs.store, version).card.classes == ("blue", "green", "red", "white")
    assert read_version(runs.warehouse, version).metrics["accuracy"] > 0.5
    # and what it came to is come to again, although another version is champion by now
    found = runs.again(version)
    assert found.sentence.startswith(f"version {version} is reproduced")
    assert found.differences == ()
    assert found.conditions.start == expected


@pytest.mark.parametrize("strategy", ["warm", "head"])
def test_what_is_promoted_after_a_run_has_started_is_not_started_from(runs: Runs, strategy: str) -> None:
    # given a run that has started, and a version that is promoted then
    runs.open("second", strategy=strategy)
    snapshot_id = runs.freeze("second")
    before = runs.fit("second", snapshot_id)
    runs.run("third")
    assert read_version(runs.warehouse, 2)

    # when the run's task is tried again
    again = runs.fit("second", snapshot_id)

    assert again.weights_sha256 == before.weights_sha256
    assert again.conditions is not None
    assert again.conditions.start is not None
    assert again.conditions.start.version == 1


def test_without_a_champion_it_is_from_scratch(runs: Runs, query: Query, caplog: pytest.LogCaptureFixture) -> None:
    query("DELETE FROM MODEL_EVENTS")
    runs.open("second", strategy="warm")

    with caplog.at_level(logging.INFO):
        fitted = runs.fit("second", runs.freeze("second"))

    assert fitted.conditions is not None
    assert fitted.conditions.start is None
    assert "strategy warm: there was no champion when the run started" in caplog.text
    assert "training from scratch" in caplog.text


def test_a_champion_for_images_of_another_size_is_no_start(runs: Runs, caplog: pytest.LogCaptureFixture) -> None:
    runs.open("second", strategy="head", size=24)

    with caplog.at_level(logging.INFO):
        fitted = runs.fit("second", runs.freeze("second"))

    assert fitted.conditions is not None
    assert fitted.conditions.start is None
    assert "version 1 is no start, training from scratch: it is for images of 16 px, these have 24 px" in caplog.text


def test_a_version_whose_start_is_lost_is_trained_again_from_scratch_and_that_is_said(
    runs: Runs, query: Query, tmp_path: Path
) -> None:
    # given a challenger, and a version 1 that by now has other weights than those it started from
    put_class(tmp_path, "white")
    version = runs.run("second", strategy="warm")
    metrics = dict(read_version(runs.warehouse, version).metrics)
    metrics[CONDITIONS]["start"]["weights_sha256"] = "ab" * 32
    query("UPDATE MODEL_VERSIONS SET METRICS = PARSE_JSON(%(metrics)s) WHERE VERSION = 2", metrics=json.dumps(metrics))

    found = runs.again(version)

    assert not found.same_weights
    assert "started from scratch, then version 1 (abababababab, warm)" in found.sentence


def test_two_processes_train_from_the_champion_where_that_is_asked_for(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PROCESSES_VARIABLE, "2")
    runs.open("second", strategy="warm")

    fitted = runs.fit("second", runs.freeze("second"))

    assert fitted.conditions is not None
    assert fitted.conditions.start is not None
    assert (fitted.conditions.start.version, fitted.conditions.n_processes) == (1, 2)
    assert runs.store.exists(fitted.weights_path)
