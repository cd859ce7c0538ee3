"""Whether a challenger cures a drift, with networks that were really trained."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import nn

from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.config_parts import TrainingConfig
from include.drift.cure import check_cure
from include.errors import ArtefactError
from include.images.preprocessing import preprocessing_digest
from include.models.artefact import save
from include.models.baseline import Baseline, build_baseline
from include.models.calibration import softmax
from include.models.compute import Compute
from include.models.features import FeatureProjection
from include.models.gate import Cure
from include.models.prediction import predict_outputs
from include.models.training import train
from include.registry.artefacts import upload_model
from include.registry.cures import read_cure
from include.registry.ledger import register
from include.store.dataset import LabelledImages
from include.store.files import FileStore
from include.warehouse.session import Warehouse

pytestmark = pytest.mark.slow

Query = Callable[..., list[tuple[Any, ...]]]
PutImage = Callable[..., Path]
Pixels = NDArray[np.uint8]

CLASSES = ("blue", "green", "red")
CHECK, LATER = "00000000000000c1", "00000000000000c2"
N_WINDOW = 60


class Images:
    """Images in memory."""

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels

    def __len__(self) -> int:
        return len(self._pixels)

    def gather(self, indices: NDArray[np.int64]) -> Pixels:
        return self._pixels[indices]


class Trained(NamedTuple):
    model: nn.Module
    projection: FeatureProjection
    baseline: Baseline


def colours(n: int, *, are_new: bool, seed: int) -> tuple[Pixels, NDArray[np.int64]]:
    """Images of one colour each, and their classes; the new ones have as much of the next class's colour."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    channels = rng.integers(0, 30, (n, 3))
    channels[np.arange(n), 2 - labels] = rng.integers(120, 200, n)
    if are_new:
        channels[np.arange(n), (3 - labels) % 3] = rng.integers(190, 250, n)
    return np.broadcast_to(channels[:, np.newaxis, np.newaxis], (n, 16, 16, 3)).astype(np.uint8), labels


def together(*parts: tuple[Pixels, NDArray[np.int64]]) -> tuple[Pixels, NDArray[np.int64]]:
    return np.concatenate([pixels for pixels, _ in parts]), np.concatenate([labels for _, labels in parts])


def trained_on(learnt: tuple[Pixels, NDArray[np.int64]], held_out: tuple[Pixels, NDArray[np.int64]]) -> Trained:
    images, labels = Images(learnt[0]), learnt[1]
    model = train(
        images=images,
        labels=labels,
        validation=LabelledImages(Images(held_out[0]), held_out[1], (), ()),
        classes=CLASSES,
        architecture="small_cnn",
        weights="none",
        settings=TrainingConfig(n_epochs=15, batch_size=16, base_lr=0.005),
        seed=1,
        horizontal_flip=True,
        compute=Compute(),
    ).model
    outputs = predict_outputs(model, images, reduce=lambda outputs: outputs).features
    projection = FeatureProjection.fit(outputs)
    answers = predict_outputs(model, Images(held_out[0]), reduce=projection.project)
    baseline = build_baseline(
        softmax(answers.logits).astype(np.float32),
        held_out[1],
        classes=CLASSES,
        features=answers.features,
        image_statistics={},
        n_undecodable=0,
    )
    return Trained(model, projection, baseline)


@pytest.fixture(scope="module")
def old_images() -> Trained:
    """A network that knows the old images."""
    return trained_on(colours(90, are_new=False, seed=1), colours(120, are_new=False, seed=2))


@pytest.fixture(scope="module")
def all_images() -> Trained:
    """A network that knows old and new images."""
    return trained_on(
        together(colours(60, are_new=False, seed=1), colours(60, are_new=True, seed=3)),
        together(colours(90, are_new=False, seed=2), colours(60, are_new=True, seed=4)),
    )


@pytest.fixture
def registered(warehouse: Warehouse, config: PipelineConfig, tmp_path: Path) -> Callable[[Trained], int]:
    """A function that registers a network."""

    def run(trained: Trained) -> int:
        snapshot_id = f"snapshot {len(list(tmp_path.glob('model*')))}"
        saved = save(
            tmp_path / f"model of {snapshot_id}",
            trained.model,
            architecture="small_cnn",
            classes=CLASSES,
            preprocessing=config.preprocessing,
            preprocessing_digest=preprocessing_digest(config.preprocessing),
            temperature=1.0,
            snapshot_id=snapshot_id,
            projection=trained.projection,
        )
        return register(
            warehouse,
            config=config,
            snapshot_id=snapshot_id,
            metrics={},
            n_training_images=60,
            artifact_path=upload_model(warehouse, saved.folder, sha256=saved.card_sha256),
            sha256=saved.card_sha256,
            temperature=1.0,
            baseline=trained.baseline,
            run_id=snapshot_id,
        )

    return run


@pytest.fixture
def champion(
    registered: Callable[[Trained], int],
    old_images: Trained,
    put_image: PutImage,
    warehouse: Warehouse,
    config: PipelineConfig,
    query: Query,
) -> int:
    """Version 1, which knows the old images, has answered sixty new ones, and a check has found them to be drift."""
    version = registered(old_images)
    pixels, labels = colours(N_WINDOW, are_new=True, seed=5)
    answers = predict_outputs(old_images.model, Images(pixels), reduce=old_images.projection.project)
    scores = softmax(answers.logits)
    rows = []
    for place, image in enumerate(pixels):
        red, green, blue = image[0, 0].tolist()
        path = f"{CLASSES[labels[place]]} {place}.png"
        put_image(path, colour=(red, green, blue), stage="new", size=16)
        features = answers.features[place].tolist()
        rows.append([path, CLASSES[scores[place].argmax()], float(scores[place].max()), features])
    sync_stage(warehouse, config.stages.incoming, labels=None, accept_removals=True)
    query(
        "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, PRED_TIMESTAMP, "
        "RUN_ID, COMMIT_SEQ, FEATURES, IS_FIRST) SELECT IMAGES.STAGE, IMAGES.RELATIVE_PATH, IMAGES.ETAG, %(version)s, "
        "ROW_.VALUE[1]::VARCHAR, ROW_.VALUE[2]::FLOAT, PARSE_JSON('[]'), SYSDATE(), 'r', ROW_.INDEX + 1, "
        "ROW_.VALUE[3], TRUE FROM TABLE(FLATTEN(INPUT => PARSE_JSON(%(rows)s))) AS ROW_ "
        "INNER JOIN IMAGES ON IMAGES.RELATIVE_PATH = ROW_.VALUE[0]::VARCHAR",
        version=version,
        rows=json.dumps(rows),
    )
    add_check(query, CHECK, version, first=1, last=N_WINDOW)
    return version


def add_check(
    query: Query, check_id: str, version: int, *, first: int | None, last: int | None, about: str = ""
) -> None:
    query(
        "INSERT INTO DRIFT_CHECKS (CHECK_ID, RUN_ID, VERSION, CHAMPION_EVENT_SEQ, FIRST_COMMIT_SEQ, LAST_COMMIT_SEQ, "
        "N_IMAGES, STATISTICS, THRESHOLDS, VERDICT, ACTION, REASONS, CHECKED_AT) SELECT %(check_id)s, 'r', "
        "%(version)s, 1, %(first)s, %(last)s, 60, PARSE_JSON(%(statistics)s), PARSE_JSON('{}'), 'DATA_DRIFT', "
        "'REQUEST_RETRAINING', PARSE_JSON('[]'), SYSDATE()",
        check_id=check_id,
        version=version,
        first=first,
        last=last,
        statistics=json.dumps({"open_drift": about} if about else {}),
    )


@pytest.fixture
def cured(warehouse: Warehouse, store: FileStore, config: PipelineConfig) -> Callable[..., Cure]:
    """A function that checks whether a version cures the drift."""

    def run(version: int, check_id: str = CHECK) -> Cure:
        return check_cure(
            warehouse, store, config, version=version, check_id=check_id, run_id="training", work_path="work"
        )

    return run


def stored_evidence(query: Query) -> dict[str, Any]:
    [(evidence,)] = query("SELECT TO_JSON(EVIDENCE) FROM CURE_CHECKS")
    found: dict[str, Any] = json.loads(evidence)
    return found


def give_labels(query: Query, n: int, *, source: str = "random") -> None:
    """Label the first images of the window as their paths say."""
    query(
        "INSERT INTO LABELS SELECT STAGE, RELATIVE_PATH, ETAG, SPLIT_PART(RELATIVE_PATH, ' ', 1), %(source)s, "
        "SYSDATE() FROM PREDICTIONS WHERE COMMIT_SEQ <= %(n)s",
        n=n,
        source=source,
    )


@pytest.fixture
def train_on_window(query: Query, tmp_path: Path) -> Callable[..., None]:
    """A function that says that images of the window were on the training side of a snapshot, under other names."""

    def say(snapshot_id: str, *, first: int, last: int) -> None:
        for image in (tmp_path / "new").iterdir():
            digest = hashlib.sha256(image.read_bytes()).hexdigest()
            query(
                "UPDATE IMAGES SET CONTENT_SHA256 = %(digest)s WHERE RELATIVE_PATH = %(path)s",
                digest=digest,
                path=image.name,
            )
        query(
            "INSERT INTO SNAPSHOT_IMAGES SELECT %(snapshot_id)s, 'TRAINING_IMAGES', 'copy of ' || RELATIVE_PATH, ETAG, "
            "'a', 'path', 'train', IMAGES.CONTENT_SHA256 FROM IMAGES INNER JOIN PREDICTIONS "
            "USING (RELATIVE_PATH, ETAG) WHERE COMMIT_SEQ BETWEEN %(first)s AND %(last)s",
            snapshot_id=snapshot_id,
            first=first,
            last=last,
        )

    return say


def test_one_that_knows_the_new_images_cures(
    champion: int,
    registered: Callable[[Trained], int],
    all_images: Trained,
    cured: Callable[..., Cure],
    query: Query,
    warehouse: Warehouse,
    tmp_path: Path,
) -> None:
    challenger = registered(all_images)

    cure = cured(challenger)

    assert cure.cures is True
    assert f"version {challenger} cures the drift of check {CHECK}: on 60 of 60 images of its window" in cure.reasons[0]
    evidence = stored_evidence(query)
    assert (evidence["n_images"], evidence["n_trained_on"], evidence["champion_version"]) == (60, 0, champion)
    assert evidence["better"]["method"] == "estimates"
    assert query("SELECT COUNT(*) FROM PREDICTIONS") == [(60,)], "its answers are not kept"

    # Tried again, it is what it was, whatever became of the images.
    for image in (tmp_path / "new").iterdir():
        image.unlink()
    query("DELETE FROM PIXELS")
    assert cured(challenger) == cure == read_cure(warehouse, version=challenger, check_id=CHECK)
    assert query("SELECT COUNT(*) FROM CURE_CHECKS") == [(1,)]


def test_one_that_is_as_the_champion_does_not_cure(
    champion: int,
    registered: Callable[[Trained], int],
    old_images: Trained,
    cured: Callable[..., Cure],
    query: Query,
) -> None:
    give_labels(query, 40)

    cure = cured(registered(old_images))

    assert cure.cures is False
    assert "does not cure the drift of check" in cure.reasons[0]
    assert "by 40 labels the accuracy is" in cure.reasons[0]
    assert "which is not better" in cure.reasons[0]
    assert cure.reasons[1].startswith("it is not at home with them, either: beside its own baseline they are")
    better = stored_evidence(query)["better"]
    assert (better["method"], better["n_images"]) == ("labels", 40)
    assert better["champion"] == better["challenger"] < 0.7


def test_labels_show_how_much_better_it_is(
    champion: int,
    registered: Callable[[Trained], int],
    all_images: Trained,
    cured: Callable[..., Cure],
    query: Query,
) -> None:
    give_labels(query, 60)

    cure = cured(registered(all_images))

    assert cure.cures is True
    better = stored_evidence(query)["better"]
    assert better["challenger"] > 0.9
    assert better["champion"] < 0.7
    assert better["is_shown"]


def test_labels_of_images_that_it_was_unsure_of_are_not_gone_by(
    champion: int,
    registered: Callable[[Trained], int],
    all_images: Trained,
    cured: Callable[..., Cure],
    query: Query,
) -> None:
    give_labels(query, 60, source="informative")

    cured(registered(all_images))

    assert stored_evidence(query)["better"]["method"] == "estimates"


def test_images_that_one_of_the_two_was_trained_on_are_left_out_by_content(
    champion: int,
    registered: Callable[[Trained], int],
    all_images: Trained,
    cured: Callable[..., Cure],
    query: Query,
    train_on_window: Callable[..., None],
) -> None:
    challenger = registered(all_images)
    train_on_window("snapshot 0", first=1, last=10)
    train_on_window("snapshot 1", first=11, last=30)

    cure = cured(challenger)

    assert "on 30 of 60 images of its window (30 that one of the two was trained on are left out)" in cure.reasons[0]


def test_too_few_images_are_not_checked_and_refuse_nothing(
    champion: int,
    registered: Callable[[Trained], int],
    old_images: Trained,
    cured: Callable[..., Cure],
    query: Query,
    train_on_window: Callable[..., None],
) -> None:
    challenger = registered(old_images)
    train_on_window("snapshot 1", first=1, last=41)

    cure = cured(challenger)

    assert cure.cures is None
    assert cure.reasons == (
        f"whether version {challenger} cures the drift of check {CHECK} was not checked: 19 images of its window are "
        "left without those that it or the champion was trained on, 20 are needed",
    )
    assert query("SELECT CURES, TO_JSON(EVIDENCE) FROM CURE_CHECKS") == [(None, "{}")]


def test_images_that_are_gone_are_not_checked(
    champion: int,
    registered: Callable[[Trained], int],
    all_images: Trained,
    cured: Callable[..., Cure],
    tmp_path: Path,
) -> None:
    for image in (tmp_path / "new").iterdir():
        image.unlink()

    cure = cured(registered(all_images))

    assert cure.cures is None
    assert "0 images of its window can still be answered" in cure.reasons[0]


def test_a_check_that_labels_arrived_for_is_about_the_window_of_the_open_drift(
    champion: int, registered: Callable[[Trained], int], all_images: Trained, cured: Callable[..., Cure], query: Query
) -> None:
    add_check(query, LATER, champion, first=None, last=None, about=CHECK)
    challenger = registered(all_images)

    assert cured(challenger, LATER).cures is True
    assert (
        cured(challenger, "00000000000000ff")
        .reasons[0]
        .endswith("no window of answers is known in which that drift was found")
    )


def test_what_nobody_has_looked_at_is_an_error(warehouse: Warehouse) -> None:
    with pytest.raises(ArtefactError, match="does not say whether version 7 cures the drift of check c"):
        read_cure(warehouse, version=7, check_id="c")
