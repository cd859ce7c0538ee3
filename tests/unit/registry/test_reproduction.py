"""A version trained again: from which data, how it is computed, what it is compared with, and what is left of it."""

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from schema_template import SchemaTemplate
from stage_pictures import put_picture
from trained_pipeline import TrainedPipeline

from driftgate.hooks import WarehouseHook
from include.catalog.runs import open_run, read_run
from include.catalog.snapshot import freeze_snapshot
from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.errors import ArtefactError
from include.images.preprocess import read_digests
from include.models import training as training_module
from include.models.compute import Compute
from include.models.fitting import FittedModel, fit_snapshot
from include.registry.original import open_reproduction, read_original
from include.registry.registration import evaluate_and_register
from include.registry.reproduction import Reproduction, compare
from include.registry.training_again import conditions_of, train_again
from include.store.batches import write_batches
from include.store.files import FileStore
from include.store.preparation import prepare_batch
from include.store.pruning import prune
from include.store.restoration import RestoredSnapshot, plan_restoration
from include.warehouse.embedded.server import RunningServer
from include.warehouse.session import Warehouse

pytestmark = pytest.mark.slow

Query = Callable[..., list[tuple[Any, ...]]]

COLOURS = {"blue": (0, 0, 1), "green": (0, 1, 0), "red": (1, 0, 0)}
N_IN_A_CLASS = 12
RUN = "test_reproduce/manual"
ORIGINAL_COMPUTE = Compute(channels_last=False)


def prepare(warehouse: Warehouse, store: FileStore, config: PipelineConfig, keys: Any) -> None:
    for batch in write_batches(store, [keys] if keys else [], preprocessing=config.preprocessing, version=None):
        prepare_batch(warehouse, store, batch, stages=config.stages, run_id="r", work_path="prepare")


@pytest.fixture(scope="module")
def trained(
    embedded_server: RunningServer,
    schema_template: SchemaTemplate,
    new_config: Callable[[Path], PipelineConfig],
    tmp_path_factory: pytest.TempPathFactory,
) -> TrainedPipeline:
    """A pipeline with one version, which nothing changes any more."""
    folder = tmp_path_factory.mktemp("trained")
    config = new_config(folder)
    schema_template.copy_to(config)
    for label, parts in COLOURS.items():
        for i in range(N_IN_A_CLASS):
            put_picture(folder, f"{label}/{i}.png", colour=tuple((100 + 12 * i) * part for part in parts))
    store = FileStore(config.store_url)
    with WarehouseHook.for_pipeline(config).session() as warehouse:
        open_run(warehouse, config, run_id="t", dag_id="test_training", kind="training", reason=None)
        sync_stage(warehouse, config.stages.training, labels=config.labels, accept_removals=True)
        snapshot = freeze_snapshot(warehouse, config, run_id="t", work_path="f", read_digests=read_digests)
        prepare(warehouse, store, config, snapshot.keys)
        fitted = fit_snapshot(
            warehouse, store, config, snapshot_id=snapshot.snapshot_id, run_id="t", compute=ORIGINAL_COMPUTE
        )
        evaluate_and_register(warehouse, store, config, fitted, run_id="t", work_path="e")
    return TrainedPipeline(embedded_server, config, folder)


@dataclasses.dataclass
class Again:
    """The steps of a run that trains version 1 again."""

    warehouse: Warehouse
    store: FileStore
    config: PipelineConfig
    """The pipeline file."""

    @property
    def run_config(self) -> PipelineConfig:
        return read_run(self.warehouse, run_id=RUN).config

    def open(self) -> None:
        open_reproduction(self.warehouse, self.config, version=1, run_id=RUN, dag_id="test_reproduce")

    def restore(self) -> RestoredSnapshot:
        config = self.run_config
        plan = plan_restoration(
            self.warehouse,
            self.store,
            snapshot_id=read_original(self.warehouse, 1).snapshot_id,
            preprocessing=config.preprocessing,
            stages=config.stages,
        )
        prepare(self.warehouse, self.store, config, plan.keys)
        return plan.restored

    def train(self, restored: RestoredSnapshot) -> FittedModel:
        return train_again(self.warehouse, self.store, self.run_config, restored, version=1, run_id=RUN)

    def compare(self, fitted: FittedModel, restored: RestoredSnapshot) -> Reproduction:
        return compare(self.warehouse, self.store, self.run_config, fitted, restored, version=1, run_id=RUN)

    def run(self) -> Reproduction:
        self.open()
        restored = self.restore()
        return self.compare(self.train(restored), restored)


@pytest.fixture
def again(
    trained: TrainedPipeline, warehouse: Warehouse, store: FileStore, config: PipelineConfig, tmp_path: Path
) -> Again:
    trained.copy_to(config, tmp_path)
    return Again(warehouse, store, config)


@pytest.fixture
def lose_pixels(again: Again, query: Query, tmp_path: Path) -> Callable[[str], str]:
    """A function that loses all pixels, and one image of a side of the split for good; its path."""

    def lose(split: str) -> str:
        for (segment,) in query("SELECT DISTINCT SEGMENT FROM PIXELS"):
            again.store.delete(segment)
        query("DELETE FROM PIXELS")
        [(path,)] = query("SELECT MIN(RELATIVE_PATH) FROM SNAPSHOT_IMAGES WHERE SPLIT = %(split)s", split=split)
        (tmp_path / "train" / path).unlink()
        return str(path)

    return lose


def set_metrics(query: Query, **changes: Any) -> None:
    """Let version 1 have been registered with other metrics; None takes a field away."""
    [(text,)] = query("SELECT TO_JSON(METRICS) FROM MODEL_VERSIONS WHERE VERSION = 1")
    metrics = {name: value for name, value in (json.loads(text) | changes).items() if value is not None}
    query("UPDATE MODEL_VERSIONS SET METRICS = PARSE_JSON(%(metrics)s) WHERE VERSION = 1", metrics=json.dumps(metrics))


def test_a_version_tells_how_and_on_what_it_was_trained(again: Again) -> None:
    conditions = conditions_of(read_original(again.warehouse, 1))

    assert conditions is not None
    assert (conditions.compute, conditions.torch_version) == (ORIGINAL_COMPUTE, torch.__version__)


def test_it_computes_as_the_original_did_and_comes_to_the_same_weights(
    again: Again, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_module, "choose_compute", lambda *_, **__: pytest.fail("it chose anew"))

    found = again.run()

    original = read_original(again.warehouse, 1)
    assert found.same_weights
    assert found.weights_sha256 == original.weights_sha256
    assert found.conditions.compute == ORIGINAL_COMPUTE
    assert (found.accuracy, found.original_accuracy, found.n_images) == (
        *(original.accuracy,) * 2,
        original.n_test_images,
    )
    assert found.differences == ()


def test_the_versions_own_settings_count_and_not_those_of_the_pipeline_file(again: Again) -> None:
    again.config = again.config.with_training({"n_epochs": 7}).model_copy(
        update={"preprocessing": again.config.preprocessing.model_copy(update={"size": 8}), "schedule": "@daily"}
    )

    assert again.run().same_weights
    assert (again.run_config.training.n_epochs, again.run_config.preprocessing.size) == (2, 16)
    assert again.run_config.schedule == "@daily"


def test_a_version_of_an_older_release_is_trained_as_it_would_be_today_and_that_is_said(
    again: Again, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_metrics(query, conditions=None)
    today = Compute(dtype="bfloat16")
    monkeypatch.setattr(training_module, "choose_compute", lambda *_, **__: today)

    found = again.run()

    assert found.conditions.compute == today
    assert not found.same_weights
    assert "how the original was computed is not recorded" in found.sentence


def test_a_version_that_was_computed_on_another_device_is_told_so(
    again: Again, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = conditions_of(read_original(again.warehouse, 1))
    assert then is not None
    gpu = dataclasses.replace(then, compute=Compute(device="cuda", dtype="bfloat16"), processor="H100")
    set_metrics(query, conditions=gpu.to_json())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(training_module, "choose_compute", lambda *_, **__: Compute(n_threads=2))

    found = again.run()

    assert not found.same_weights
    assert "computed on cpu, float32, channels_last, 2 threads, then cuda, bfloat16, channels_last, 1 thread" in (
        found.sentence
    )
    assert f"processor {then.processor}, then H100" in found.sentence


def test_other_weights_are_held_against_the_original_on_its_test_images(again: Again, query: Query) -> None:
    set_metrics(query, weights_sha256="ab" * 32, accuracy=0.125)

    found = again.run()

    original = read_original(again.warehouse, 1)
    assert (found.same_weights, found.original_accuracy, found.n_images) == (False, 0.125, original.n_test_images)
    assert found.accuracy != 0.125
    assert (
        f"the original's is 0.125 ({found.accuracy - 0.125:+.3f}, on the same {found.n_images} images)"
        in found.sentence
    )
    assert "What may explain it: nothing that is recorded; another release of Driftgate" in found.sentence


def test_images_that_its_champion_was_trained_on_are_not_tested_on(again: Again, query: Query) -> None:
    original = read_original(again.warehouse, 1)
    query(
        "INSERT INTO MODEL_VERSIONS SELECT 2, 'other', CONFIG, PARSE_JSON('{}'), 1, 'a/', 'b', 1.0, 'r', CREATED_AT "
        "FROM MODEL_VERSIONS"
    )
    query(
        "INSERT INTO SNAPSHOT_IMAGES SELECT 'other', STAGE, RELATIVE_PATH, ETAG, LABEL, LABEL_SOURCE, 'train', "
        "CONTENT_SHA256 FROM SNAPSHOT_IMAGES WHERE SPLIT = 'test' ORDER BY RELATIVE_PATH LIMIT 1"
    )
    set_metrics(
        query,
        weights_sha256="ab" * 32,
        n_images=original.n_test_images - 1,
        gate={**original.metrics["gate"], "champion_version": 2},
    )

    assert again.run().n_images == original.n_test_images - 1


def test_without_an_image_to_train_on_it_can_only_compare_accuracies(
    again: Again, lose_pixels: Callable[[str], str]
) -> None:
    path = lose_pixels("train")

    found = again.run()

    original = read_original(again.warehouse, 1)
    assert (found.same_weights, found.n_images) == (False, original.n_test_images)
    assert found.original_accuracy == original.accuracy
    assert f"1 of them to train on (1 gone from the stage; the first is '{path}' of stage" in found.differences[0]
    assert found.differences[1:] == (
        f"trained on {original.n_training_images - 1} images, then {original.n_training_images}",
    )


def test_without_a_test_image_the_weights_are_the_same_all_the_same(
    again: Again, lose_pixels: Callable[[str], str]
) -> None:
    lose_pixels("test")

    found = again.run()

    assert found.same_weights
    assert "0 of them to train on" in found.differences[0]


def test_other_weights_and_the_original_answer_the_test_images_that_are_left(
    again: Again, lose_pixels: Callable[[str], str], query: Query
) -> None:
    lose_pixels("test")
    original = read_original(again.warehouse, 1)
    set_metrics(query, weights_sha256="ab" * 32, accuracy=0.125)

    found = again.run()

    assert found.n_images == original.n_test_images - 1
    assert found.accuracy == found.original_accuracy != 0.125, "the weights are the same, whatever METRICS says here"


def test_it_is_written_once_and_the_ledger_stays_as_it_is(again: Again, query: Query) -> None:
    tables = ("MODEL_VERSIONS", "MODEL_EVENTS", "BASELINES", "SNAPSHOTS", "IMAGES", "PIXELS")
    statements = [f"SELECT * FROM {table}" for table in tables]  # noqa: S608 - names from here
    before = [query(statement) for statement in statements]
    again.open()
    restored = again.restore()
    fitted = again.train(restored)

    first = again.compare(fitted, restored)
    query("UPDATE REPRODUCTIONS SET ACCURACY = 0.5")  # what is there counts
    second = again.compare(fitted, restored)

    assert second == dataclasses.replace(first, accuracy=0.5)
    assert query(
        "SELECT RUN_ID, VERSION, SAME_WEIGHTS, COMPUTED:compute.channels_last::BOOLEAN FROM REPRODUCTIONS"
    ) == [(RUN, 1, True, False)]
    assert [query(statement) for statement in statements] == before
    assert query("SELECT KIND, REASON FROM RUNS WHERE RUN_ID = %(run)s", run=RUN) == [
        ("reproduction", "train version 1 again")
    ]


def test_what_it_leaves_in_the_store_is_pruned_like_that_of_other_runs(
    again: Again, query: Query, lose_pixels: Callable[[str], str]
) -> None:
    lose_pixels("train")  # so that the weights, and their file, are others
    before = {file.name for file in again.store.list_files()}
    again.run()
    left = {file.name.partition("/")[0] for file in again.store.list_files() if file.name not in before}
    assert left == {"batches", "fitted", "segments"}, "the checkpoints are gone"

    # When a long time has passed, in which the images have left the stage
    for statement in (
        "UPDATE IMAGES SET GONE_AT = DATEADD(DAY, -40, SYSDATE()), FIRST_SEEN_AT = DATEADD(DAY, -50, SYSDATE())",
        "UPDATE PIXELS SET WRITTEN_AT = DATEADD(DAY, -40, SYSDATE())",
        "UPDATE SNAPSHOTS SET CREATED_AT = DATEADD(DAY, -40, SYSDATE())",
        "UPDATE RUNS SET STARTED_AT = DATEADD(DAY, -40, SYSDATE())",
    ):
        query(statement)
    make_older(Path(again.config.store_url), days=40)
    prune(again.warehouse, again.store, again.config, dry_run=False, work_path="prune")

    assert [
        file.name for file in again.store.list_files() if file.name.startswith(("batches", "fitted", "segments"))
    ] == []


def make_older(folder: Path, *, days: int) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            at = path.stat().st_mtime - days * 86_400
            os.utime(path, (at, at))


@pytest.mark.parametrize(
    ("version", "told"),
    [(7, "there is no version 7 in MODEL_VERSIONS"), (1, "METRICS of version 1 does not name its weights")],
)
def test_a_version_that_cannot_be_compared_with_opens_no_run(
    again: Again, query: Query, version: int, told: str
) -> None:
    set_metrics(query, weights_sha256=None)

    with pytest.raises(ArtefactError, match=told):
        open_reproduction(again.warehouse, again.config, version=version, run_id=RUN, dag_id="test_reproduce")

    assert query("SELECT COUNT(*) FROM RUNS WHERE KIND = 'reproduction'") == [(0,)]
