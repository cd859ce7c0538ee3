"""From a trained network to a registered version, compared with the champion on the same images."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from include.catalog.snapshot import freeze_snapshot
from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.errors import SnapshotError
from include.images.preprocess import read_digests
from include.models import compute
from include.models.evidence import PairedEvidence
from include.models.fitting import FittedModel, fit_snapshot
from include.models.prediction import Predictor
from include.registry.artefacts import load_version
from include.registry.baselines import read_baseline
from include.registry.challenger import Challenger, read_evidence
from include.registry.ledger import NO_CHAMPION_SEQ, champion_event_seq, read_version
from include.registry.promotion import Decision, pass_gate_and_promote
from include.registry.registration import evaluate_and_register
from include.store.batches import write_batches
from include.store.dataset import read_dataset
from include.store.files import FileStore
from include.store.preparation import prepare_batch
from include.warehouse.session import Warehouse

pytestmark = pytest.mark.slow

Query = Callable[..., list[tuple[Any, ...]]]
PutImage = Callable[..., Path]

COLOURS = {"blue": (0, 0, 1), "green": (0, 1, 0), "red": (1, 0, 0), "white": (1, 1, 1)}
N_IMAGES = 20


class Evaluated(NamedTuple):
    config: PipelineConfig
    fitted: FittedModel
    challenger: Challenger
    evidence: PairedEvidence


class Training:
    """The steps of a training run, each of which can be left out."""

    def __init__(self, warehouse: Warehouse, store: FileStore, config: PipelineConfig) -> None:
        self.warehouse = warehouse
        self.store = store
        self.config = config

    def fit(self, run_id: str, *, size: int = 16) -> tuple[PipelineConfig, FittedModel]:
        config = self.config.model_copy(
            update={
                "preprocessing": self.config.preprocessing.model_copy(update={"size": size}),
                "training": self.config.training.model_copy(update={"n_epochs": 10}),
            }
        )
        sync_stage(self.warehouse, config.stages.training, labels=config.labels, accept_removals=True)
        snapshot = freeze_snapshot(
            self.warehouse, config, run_id=run_id, work_path=f"{run_id}/f", read_digests=read_digests
        )
        [batch] = write_batches(self.store, [snapshot.keys], preprocessing=config.preprocessing, version=None)
        prepare_batch(self.warehouse, self.store, batch, stages=config.stages, run_id=run_id, work_path=f"{run_id}/p")
        return config, fit_snapshot(self.warehouse, self.store, config, snapshot_id=snapshot.snapshot_id, run_id=run_id)

    def evaluate(self, run_id: str, config: PipelineConfig, fitted: FittedModel) -> Evaluated:
        challenger = evaluate_and_register(
            self.warehouse, self.store, config, fitted, run_id=run_id, work_path=f"{run_id}/e"
        )
        return Evaluated(config, fitted, challenger, read_evidence(self.warehouse, challenger.version))

    def run(self, run_id: str, *, size: int = 16) -> Evaluated:
        return self.evaluate(run_id, *self.fit(run_id, size=size))

    def promote(self, evaluated: Evaluated, run_id: str, *, accept_vanished_classes: bool = False) -> Decision:
        return pass_gate_and_promote(
            self.warehouse,
            evaluated.challenger,
            gate=evaluated.config.gate,
            accept_vanished_classes=accept_vanished_classes,
            run_id=run_id,
        )


@pytest.fixture(autouse=True)
def brief_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which way of computing is the fastest does not matter here, so each is timed for a moment only."""
    monkeypatch.setattr(compute, "_SECONDS_PER_CANDIDATE", 0.0)


@pytest.fixture
def training(warehouse: Warehouse, store: FileStore, config: PipelineConfig) -> Training:
    return Training(warehouse, store, config)


@pytest.fixture
def put_class(put_image: PutImage) -> Callable[..., None]:
    """A function that puts 20 shades of a colour into the training stage."""

    def put(label: str, *, first: int = 120) -> None:
        red, green, blue = COLOURS[label]
        for i in range(N_IMAGES):
            shade = first + 6 * i
            put_image(f"{label}/{first}_{i}.png", colour=(red * shade, green * shade, blue * shade))

    return put


@pytest.fixture
def pictures(put_class: Callable[..., None]) -> None:
    for label in ("blue", "green", "red"):
        put_class(label)


def test_the_first_version_is_registered_with_its_figures_and_its_baseline(
    training: Training, pictures: None, warehouse: Warehouse, query: Query
) -> None:
    first = training.run("a")

    assert first.challenger == Challenger(version=1, champion_event_seq=NO_CHAMPION_SEQ)
    assert (first.evidence.champion_version, first.evidence.shared_classes) == (None, ())
    metrics = read_version(warehouse, 1).metrics
    assert (metrics["accuracy"], metrics["n_images"]) == (first.evidence.accuracy, first.evidence.n_images)
    assert {name.rpartition("/")[2] for name, *_ in query("LIST @MODELS")} == {
        "card.json",
        "confusion_matrix.png",
        "features.safetensors",
        "model.safetensors",
    }
    baseline = read_baseline(warehouse, 1)
    assert baseline is not None
    held_out = query("SELECT COUNT(*) FROM SNAPSHOT_IMAGES WHERE SPLIT IN ('validation', 'test')")[0][0]
    assert baseline.n_images == metrics["n_validation_images"] + metrics["n_images"] == held_out
    assert sorted(baseline.counts_by_class) == ["blue", "green", "red"]
    assert {name: sum(found.counts) for name, found in baseline.image_statistics.items()} == dict.fromkeys(
        ["short_side", "long_side", "brightness", "contrast", "sharpness"], held_out
    )
    right = sum(sum(of_bins) for of_bins in baseline.right_by_class.values())
    assert right == sum(baseline.confusion[label][label] for label in baseline.confusion) > held_out / 2
    assert sum(sum(of_bins) for of_bins in baseline.counts_by_truth.values()) == held_out
    assert baseline.features is not None
    assert len(baseline.features.rows) == len(baseline.features.truth) == held_out
    assert sorted(set(baseline.features.truth)) == ["blue", "green", "red"]


def test_a_version_answers_with_the_features_that_its_baseline_holds(
    training: Training, pictures: None, warehouse: Warehouse, store: FileStore, query: Query
) -> None:
    evaluated = training.run("a")
    dataset = read_dataset(
        warehouse, store, snapshot_id=evaluated.fitted.snapshot_id, preprocessing=evaluated.config.preprocessing
    )

    loaded = load_version(warehouse, store, 1)
    again = load_version(warehouse, store, 1)  # from the store

    baseline = read_baseline(warehouse, 1)
    assert baseline is not None
    assert baseline.features is not None
    for model in (loaded, again):
        features = [Predictor(model).predict(side.images).features for side in (dataset.validation, dataset.test)]
        assert baseline.features.rows == pytest.approx(np.concatenate(features), rel=1e-3, abs=1e-3)
    sha256 = read_version(warehouse, 1).sha256
    store.delete(f"models/{sha256}/features.safetensors")
    assert load_version(warehouse, store, 1).projection is not None, "it is downloaded again"


def test_an_evaluation_that_is_tried_again_returns_the_version_that_it_registered(
    training: Training, pictures: None, query: Query
) -> None:
    first = training.run("a")
    training.promote(training.run("b"), "b")

    again = training.evaluate("a", first.config, first.fitted)

    assert again == first, "as it was measured then, against no champion"
    assert query("SELECT COUNT(*) FROM MODEL_VERSIONS") == query("SELECT COUNT(*) FROM BASELINES") == [(2,)]
    assert training.promote(again, "a").outcome == "LOST_RACE"


def test_the_champion_answers_the_same_images_with_its_own_preprocessing(
    training: Training, pictures: None, put_class: Callable[..., None], warehouse: Warehouse, query: Query
) -> None:
    training.promote(training.run("a", size=8), "a")
    put_class("red", first=121)
    decoded = query("SELECT COUNT(*) FROM PIXELS GROUP BY PREPROCESSING_DIGEST")
    assert decoded == [(3 * N_IMAGES,)]

    second = training.run("b", size=16)

    n_test = query(
        "SELECT COUNT(*) FROM SNAPSHOT_IMAGES WHERE SPLIT = 'test' AND SNAPSHOT_ID = %(snapshot)s",
        snapshot=second.fitted.snapshot_id,
    )[0][0]
    assert second.challenger.champion_event_seq == champion_event_seq(warehouse)
    assert second.evidence.champion_version == 1
    assert (second.evidence.n_images, second.evidence.n_left_out, second.evidence.n_not_prepared) == (n_test, 0, 0)
    assert [of.label for of in second.evidence.shared_classes] == ["blue", "green", "red"]
    assert second.evidence.discordant.n_images == n_test
    assert second.evidence.compared_accuracies[0] > 0.8, "the champion was given what it was trained on"
    new_test_images = "SELECT COUNT(*) FROM IMAGES WHERE SPLIT = 'test' AND RELATIVE_PATH LIKE 'red/121%'"
    assert query("SELECT COUNT(*) FROM PIXELS GROUP BY PREPROCESSING_DIGEST ORDER BY 1") == sorted(
        [(3 * N_IMAGES + query(new_test_images)[0][0],), (4 * N_IMAGES,)]
    )

    decision = training.promote(second, "b")

    assert decision.outcome == "PROMOTED"
    assert f"of champion version 1 on the same {n_test} images: " in decision.reason


def test_an_image_that_cannot_be_prepared_for_the_champion_is_not_compared_and_is_counted(
    training: Training, pictures: None, put_class: Callable[..., None], query: Query, tmp_path: Path
) -> None:
    training.promote(training.run("a", size=8), "a")
    put_class("red", first=121)
    config, fitted = training.fit("b", size=16)
    new = query("SELECT RELATIVE_PATH FROM IMAGES WHERE SPLIT = 'test' AND RELATIVE_PATH LIKE 'red/121%' ORDER BY 1")
    assert len(new) >= 2
    (tmp_path / "train" / new[0][0]).unlink()

    found = training.evaluate("b", config, fitted).evidence

    assert found.n_not_prepared == 1
    assert found.discordant.n_images == found.n_images - 1


def test_images_that_the_champion_was_trained_on_are_left_out(
    training: Training, pictures: None, put_class: Callable[..., None], warehouse: Warehouse, query: Query
) -> None:
    first = training.run("a")
    training.promote(first, "a")
    put_class("red", first=121)
    config, fitted = training.fit("b")
    in_test = "SELECT COUNT(*) FROM SNAPSHOT_IMAGES WHERE SPLIT = 'test' AND SNAPSHOT_ID = %(snapshot)s"
    n_test = query(in_test, snapshot=fitted.snapshot_id)[0][0]
    query(
        "UPDATE SNAPSHOT_IMAGES SET SPLIT = 'train' WHERE SNAPSHOT_ID = %(snapshot)s AND CONTENT_SHA256 = "
        "(SELECT MIN(CONTENT_SHA256) FROM SNAPSHOT_IMAGES WHERE SPLIT = 'test' AND SNAPSHOT_ID = %(snapshot)s)",
        snapshot=first.fitted.snapshot_id,
    )

    second = training.evaluate("b", config, fitted)

    assert second.evidence.n_left_out == 1
    assert second.evidence.n_images == n_test - 1 == read_version(warehouse, 2).metrics["n_images"]
    assert "1 test image left out because a model was trained on them" in training.promote(second, "b").reasons


def test_nothing_left_to_test_on_is_an_error(training: Training, pictures: None, query: Query) -> None:
    config, fitted = training.fit("a")
    query("INSERT INTO SNAPSHOT_IMAGES SELECT SNAPSHOT_ID, STAGE, RELATIVE_PATH, 'copy', LABEL, LABEL_SOURCE, 'train', "
          "CONTENT_SHA256 FROM SNAPSHOT_IMAGES WHERE SPLIT = 'test'")  # fmt: skip

    with pytest.raises(SnapshotError, match=r"was trained on each of the \d+ test images"):
        training.evaluate("a", config, fitted)


def test_classes_that_come_and_go(
    training: Training, pictures: None, put_class: Callable[..., None], tmp_path: Path
) -> None:
    training.promote(training.run("a"), "a")
    put_class("white")
    for image in (tmp_path / "train" / "blue").iterdir():
        image.unlink()

    second = training.run("b")

    assert second.evidence.vanished_classes == ("blue",)
    assert [(new.label, new.n_images > 0) for new in second.evidence.new_classes] == [("white", True)]
    assert [of.label for of in second.evidence.shared_classes] == ["green", "red"]
    assert sum(of.n_images for of in (*second.evidence.shared_classes, *second.evidence.new_classes)) == (
        second.evidence.n_images
    )
    refused = training.promote(second, "b")
    assert refused.outcome == "GATE_FAILED"
    assert "'blue'" in refused.reasons[0]
    assert training.promote(second, "c", accept_vanished_classes=True).outcome == "PROMOTED"


def test_a_champion_whose_pixels_cannot_be_made_any_more_is_replaced_by_one_that_can_answer(
    training: Training, pictures: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    training.promote(training.run("a"), "a")
    monkeypatch.setattr("include.images.preprocessing.PREPROCESSING_VERSION", 2)

    second = training.run("b")

    assert second.evidence.n_not_prepared == second.evidence.n_images
    assert training.promote(second, "b").outcome == "PROMOTED"
