"""What the previous version says of the champion's window, with a model that was really trained."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import nn

from include.catalog.plan import pending_images
from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.config_parts import PreprocessingConfig, TrainingConfig
from include.drift import previous
from include.drift.previous import WindowRange, previous_on_window
from include.drift.statistics.window import WindowCounts
from include.errors import ArtefactError
from include.images.preprocessing import preprocessing_digest
from include.models.artefact import save
from include.models.baseline import CONFIDENCE_EDGES, Baseline
from include.models.compute import Compute
from include.models.training import train
from include.registry.artefacts import upload_model
from include.registry.ledger import register
from include.store.batches import write_batches
from include.store.dataset import LabelledImages
from include.store.files import FileStore
from include.store.preparation import prepare_batch
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
PutImage = Callable[..., Path]
Ask = Callable[..., WindowCounts | None]

CLASSES = ("blue", "green", "red")
COLOURS = {"blue": (0, 0, 200), "green": (0, 200, 0), "red": (200, 0, 0)}
CHAMPION = 2


class Images:
    """Images in memory."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self._pixels = pixels

    def __len__(self) -> int:
        return len(self._pixels)

    def gather(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        return self._pixels[indices]


@pytest.fixture(scope="module")
def trained() -> nn.Module:
    """A small CNN that tells blue, green and red apart."""
    labels = np.arange(60) % 3
    pixels = np.zeros((60, 16, 16, 3), dtype=np.uint8)
    for number, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        image[..., 2 - label] = 120 + 2 * number
    data = LabelledImages(Images(pixels), labels, (), ())
    settings = TrainingConfig(n_epochs=12, batch_size=16, base_lr=0.005)
    return train(
        images=data.images,
        labels=data.labels,
        validation=data,
        classes=CLASSES,
        architecture="small_cnn",
        weights="none",
        settings=settings,
        seed=1,
        horizontal_flip=True,
        compute=Compute(),
    ).model


@pytest.fixture
def version(warehouse: Warehouse, config: PipelineConfig, trained: nn.Module, tmp_path: Path) -> int:
    """A registered version, whose images have 16 px."""
    saved = save(
        tmp_path / "model",
        trained,
        architecture="small_cnn",
        classes=CLASSES,
        preprocessing=config.preprocessing,
        preprocessing_digest=preprocessing_digest(config.preprocessing),
        temperature=1.0,
        snapshot_id="s",
    )
    return register(
        warehouse,
        config=config,
        snapshot_id="s",
        metrics={},
        n_training_images=60,
        artifact_path=upload_model(warehouse, saved.folder, sha256=saved.card_sha256),
        sha256=saved.card_sha256,
        temperature=1.0,
        baseline=Baseline(edges=CONFIDENCE_EDGES, counts_by_class={}, image_statistics={}),
        run_id="training",
    )


@pytest.fixture
def pictures(put_image: PutImage) -> None:
    """Four images of red, two of green, one of blue."""
    for label, n in (("red", 4), ("green", 2), ("blue", 1)):
        for i in range(n):
            shade = 20 * i
            red, green, blue = (max(0, level - shade) for level in COLOURS[label])
            put_image(f"{label} {i}.png", colour=(red, green, blue), stage="new")


@pytest.fixture
def answered(warehouse: Warehouse, config: PipelineConfig, query: Query) -> Callable[..., None]:
    """A function that syncs the stage and enters a version's answers, in the order of the paths."""

    def answer(paths: Sequence[str], *, version: int = CHAMPION, first_commit_seq: int = 1) -> None:
        sync_stage(warehouse, config.stages.incoming, labels=None, accept_removals=True)
        for place, path in enumerate(sorted(paths)):
            query(
                "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, "
                "PRED_TIMESTAMP, RUN_ID, COMMIT_SEQ) SELECT STAGE, RELATIVE_PATH, ETAG, %(version)s, 'red', "
                "0.4, PARSE_JSON('[]'), SYSDATE(), 'r', %(seq)s FROM IMAGES WHERE RELATIVE_PATH = %(path)s",
                version=version,
                seq=first_commit_seq + place,
                path=path,
            )
        warehouse.run("setup/fill_is_first")

    return answer


@pytest.fixture
def ask(warehouse: Warehouse, config: PipelineConfig, store: FileStore, version: int) -> Ask:
    """A function that asks the version about answers of the champion."""

    def run(first: int = 1, last: int = 99, *, version: int = version) -> WindowCounts | None:
        return previous_on_window(
            warehouse,
            store,
            config.model_copy(update={"preprocessing": PreprocessingConfig(size=24)}),
            version=version,
            window=WindowRange(CHAMPION, first, last),
            run_id="check",
            work_path="work",
        )

    return run


ALL = ("blue 0.png", "green 0.png", "green 1.png", "red 0.png", "red 1.png", "red 2.png", "red 3.png")


def totals(counts: WindowCounts | None) -> dict[str, int]:
    assert counts is not None
    return {label: sum(of_class) for label, of_class in counts.counts_by_class.items()}


def test_it_answers_the_images_of_the_window_prepared_as_its_card_says(
    pictures: None, answered: Callable[..., None], ask: Ask, query: Query
) -> None:
    answered(ALL)
    before = query("SELECT * FROM PREDICTIONS ORDER BY COMMIT_SEQ")

    counts = ask()

    assert totals(counts) == {"blue": 1, "green": 2, "red": 4}
    assert counts is not None
    assert all(len(of_class) == len(CONFIDENCE_EDGES) - 1 for of_class in counts.counts_by_class.values())
    digest = preprocessing_digest(PreprocessingConfig(size=16))
    assert query("SELECT DISTINCT PREPROCESSING_DIGEST FROM PIXELS") == [(digest,)]
    assert query("SELECT * FROM PREDICTIONS ORDER BY COMMIT_SEQ") == before


def test_only_what_the_champion_answered_first_and_in_the_window_counts(
    pictures: None, answered: Callable[..., None], ask: Ask
) -> None:
    answered(["green 0.png", "red 0.png"], version=1, first_commit_seq=1)
    answered(ALL, first_commit_seq=3)

    assert totals(ask(3, 8)) == {"blue": 1, "green": 1, "red": 2}, "not red 3, nor the two answered before"
    assert ask(50, 60) is None


def test_of_a_large_window_the_same_sample_is_taken_again(
    pictures: None, answered: Callable[..., None], ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered(ALL)
    monkeypatch.setattr(previous, "MAX_IMAGES", 3)

    sample = totals(ask())

    assert sum(sample.values()) == 3
    assert totals(ask()) == sample


def test_images_that_are_gone_or_broken_are_left_out(
    pictures: None, answered: Callable[..., None], ask: Ask, put_image: PutImage, tmp_path: Path
) -> None:
    put_image("broken.png", colour=(1, 1, 1), stage="new").write_bytes(b"no image")
    answered([*ALL, "broken.png"])
    (tmp_path / "new" / "red 3.png").unlink()

    assert totals(ask()) == {"blue": 1, "green": 2, "red": 3}


def test_when_no_image_can_be_read_any_more_there_is_no_answer(
    pictures: None, answered: Callable[..., None], ask: Ask, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answered(ALL)
    for path in (tmp_path / "new").iterdir():
        path.unlink()

    with caplog.at_level(logging.WARNING):
        assert ask() is None

    assert "none of 7 images of the window can be read" in caplog.text


def test_images_whose_pixels_are_lost_and_which_are_gone_are_left_out(
    pictures: None,
    answered: Callable[..., None],
    ask: Ask,
    warehouse: Warehouse,
    config: PipelineConfig,
    store: FileStore,
    query: Query,
    tmp_path: Path,
) -> None:
    answered([])
    first, second = pending_images(warehouse, config)[:3], pending_images(warehouse, config)[3:]
    for batch in write_batches(store, [first, second], preprocessing=config.preprocessing, version=1):
        prepare_batch(warehouse, store, batch, stages=config.stages, run_id="run", work_path="work")
    answered(ALL)
    find = "SELECT SEGMENT FROM PIXELS JOIN IMAGES USING (CONTENT_SHA256) WHERE RELATIVE_PATH = 'red 0.png'"
    store.delete(query(find)[0][0])
    for path in (tmp_path / "new").glob("red*.png"):
        path.unlink()

    assert totals(ask()) == {"blue": 1, "green": 2, "red": 0}


def test_a_version_whose_files_are_not_what_the_ledger_says_is_none_to_go_back_to(
    pictures: None, answered: Callable[..., None], ask: Ask, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    answered(ALL)
    query("UPDATE MODEL_VERSIONS SET SHA256 = REPEAT('a', 64)")

    with caplog.at_level(logging.WARNING):
        assert ask() is None

    assert "version 1 cannot answer:" in caplog.text
    assert "expected SHA-256 aaaa" in caplog.text


def test_an_unknown_version_is_an_error(pictures: None, answered: Callable[..., None], ask: Ask) -> None:
    answered(ALL)

    with pytest.raises(ArtefactError, match="no version 7"):
        ask(version=7)
