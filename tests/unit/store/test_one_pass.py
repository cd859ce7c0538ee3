"""A batch is prepared and answered in one pass: what is answered, what is read, and what one bad image costs."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import torch
from filled_store import FilledStore
from numpy.typing import NDArray

from include.config_parts import PreprocessingConfig
from include.errors import FetchError, WarehouseError
from include.images.preprocessing import preprocessing_digest
from include.models import prediction
from include.models.answers import Predictions
from include.models.architectures import build
from include.models.artefact import LoadedModel, load, save
from include.registry import answering, artefacts, version_answers
from include.store import batches, preparation, segment_writer
from include.store.findings import Findings
from include.store.pixels import PixelLocation

Answered = dict[str, str]


@pytest.fixture
def answer(filled: FilledStore, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Answered]:
    """A function that answers what is pending with what an image's red is; it returns the answers by path."""
    filled.have_champion()

    def answers(pixels: NDArray[np.uint8]) -> Predictions:
        n = len(pixels)
        labels = tuple(str(red) for red in pixels[:, 8, 8, 0])
        return Predictions(labels, np.full(n, 0.9), np.full((n, 2), 0.5), np.empty((n, 0), np.float32))

    digest = preprocessing_digest(filled.config.preprocessing)
    model = SimpleNamespace(card=SimpleNamespace(preprocessing_digest=digest))
    monkeypatch.setattr(artefacts, "load_version", lambda *_: model)
    predictor = SimpleNamespace(ready=lambda *_, **__: nullcontext(), answer=answers)
    monkeypatch.setattr(prediction, "Predictor", lambda _: predictor)

    def run() -> Answered:
        batch = filled.plan()
        assert batch is not None
        answered = answering.answer_batch(
            filled.warehouse,
            filled.store,
            batch,
            stages=filled.config.stages,
            run_id=filled.run("i"),
            work_path="w",
            keep_features=False,
        )
        rows = pyarrow.parquet.read_table(filled.store.local_path(answered.path)).to_pylist()
        assert len(rows) == answered.n_images
        return {row["RELATIVE_PATH"]: row["TYPE"] for row in rows}

    return run


def put(filled: FilledStore, reds: range) -> Answered:
    for red in reds:
        filled.put_image(f"{red:03}.png", colour=(red, 0, 0), stage="new")
    return {f"{red:03}.png": str(red) for red in reds}


def test_all_images_are_answered_whatever_the_parts_segments_and_chunks(
    filled: FilledStore, answer: Callable[[], Answered], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = put(filled, range(0, 60, 2))
    filled.put_image("copy.png", colour=(8, 0, 0), stage="new")
    monkeypatch.setattr(batches.key_files, "__kwdefaults__", {"at_most": 19})
    monkeypatch.setattr(segment_writer, "SEGMENT_BYTES", 7 * 16 * 16 * 3)
    monkeypatch.setattr(version_answers, "CHUNK_IMAGES", 5)

    n_segments = len(filled.files("segments"))

    assert answer() == expected | {"copy.png": "8"}
    # of 18 and 12 contents, 7 a segment
    assert len(filled.files("segments")) == n_segments + 5


def test_images_of_the_store_are_only_read(
    filled: FilledStore, answer: Callable[[], Answered], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = put(filled, range(3))
    assert answer() == first
    before = filled.query("SELECT * FROM PIXELS ORDER BY CONTENT_SHA256")
    for path in first:
        (filled.root.parent / "new" / path).unlink(missing_ok=True)

    assert answer() == first
    assert filled.query("SELECT * FROM PIXELS ORDER BY CONTENT_SHA256") == before


def test_how_to_compute_is_chosen_on_images_of_the_store_and_new_ones_together(
    filled: FilledStore, answer: Callable[[], Answered], monkeypatch: pytest.MonkeyPatch
) -> None:
    n_examples: list[int] = []
    predictor = prediction.Predictor(None)  # type: ignore[arg-type]
    ready = predictor.ready
    monkeypatch.setattr(
        predictor, "ready", lambda n, example, **more: n_examples.append(len(example)) or ready(n, example, **more)
    )
    first = put(filled, range(3))
    assert answer() == first

    both = put(filled, range(20))

    assert answer() == both
    assert n_examples == [3, 20]


def test_what_cannot_be_read_or_fetched_costs_itself_alone(
    filled: FilledStore, answer: Callable[[], Answered], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = put(filled, range(20))
    filled.put_image("page.png", colour=(1, 1, 1), stage="new").write_text("<html>")
    vanishing = filled.put_image("vanishes.png", colour=(9, 9, 9), stage="new")
    plan = filled.plan

    def then_vanished(self: FilledStore) -> Any:
        batch = plan()
        vanishing.unlink(missing_ok=True)
        return batch

    monkeypatch.setattr(FilledStore, "plan", then_vanished)

    assert answer() == expected
    assert filled.query("SELECT RELATIVE_PATH FROM QUARANTINE") == [("page.png",)]


def test_when_nothing_can_be_fetched_the_batch_fails(
    filled: FilledStore, answer: Callable[[], Answered], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(filled, range(2))
    monkeypatch.setattr("include.images.fetch.Fetcher.fetch", _no_server)

    with pytest.raises(FetchError, match="none of 2 images could be fetched"):
        answer()


def test_what_the_warehouse_is_told_in_the_background_fails_the_batch_if_it_is_refused(
    filled: FilledStore, answer: Callable[[], Answered], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(filled, range(0, 60, 2))
    monkeypatch.setattr(batches.key_files, "__kwdefaults__", {"at_most": 19})

    def refuse(*_: object) -> None:
        raise WarehouseError("not now")

    monkeypatch.setattr(preparation.Preparation, "_write", refuse)

    with pytest.raises(WarehouseError, match="not now"):
        answer()


def test_segments_that_are_deleted_before_they_have_a_name_are_written_again(
    filled: FilledStore, answer: Callable[[], Answered], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = put(filled, range(0, 60, 2))
    write = preparation.Preparation._write
    n_written = 0

    def then_delete(self: preparation.Preparation, findings: Findings, locations: Mapping[str, PixelLocation]) -> None:
        nonlocal n_written
        n_written += 1
        write(self, findings, locations)
        if n_written == 1:
            for segment in {location.segment for location in locations.values()}:
                filled.store.delete(segment)

    monkeypatch.setattr(preparation.Preparation, "_write", then_delete)

    assert answer() == expected
    assert n_written == 2
    segments = filled.query("SELECT DISTINCT SEGMENT FROM PIXELS")
    assert all(filled.store.exists(segment) for (segment,) in segments)


def test_a_model_is_not_loaded_before_there_is_an_image_to_answer() -> None:
    code = "import sys, include.registry.answering; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_what_was_seen_before_is_answered_alike_without_the_network(
    filled: FilledStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # given: a network that has answered images, and one that has not
    put(filled, range(0, 60, 2))
    filled.have_champion()
    version = small_network(tmp_path, filled.config.preprocessing)
    monkeypatch.setattr(artefacts, "load_version", lambda *_: version)
    n_seen: list[int] = []
    see = prediction.Predictor.see
    monkeypatch.setattr(
        prediction.Predictor, "see", lambda self, pixels: n_seen.append(len(pixels)) or see(self, pixels)
    )

    def answered() -> dict[str, tuple[str, float]]:
        batch = filled.plan()
        assert batch is not None
        answers = answering.answer_batch(
            filled.warehouse, filled.store, batch, stages=filled.config.stages, run_id=filled.run("i"), work_path="w"
        )
        rows = pyarrow.parquet.read_table(filled.store.local_path(answers.path)).to_pylist()
        return {row["RELATIVE_PATH"]: (row["TYPE"], row["CONFIDENCE"]) for row in rows}

    first = answered()
    put(filled, range(100, 103))

    # when: all of them are asked about again
    again = answered()

    # then: the network has looked at the new ones alone, and said the same of the others
    assert n_seen == [30, 3]
    assert {path: answer for path, answer in again.items() if path in first} == first
    assert len(again) == 33


def small_network(folder: Path, preprocessing: PreprocessingConfig) -> LoadedModel:
    """Return a network with random weights, as it is loaded."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = build("small_cnn", n_classes=2)
    saved = save(
        folder,
        model,
        architecture="small_cnn",
        classes=("blue", "red"),
        preprocessing=preprocessing,
        preprocessing_digest=preprocessing_digest(preprocessing),
        temperature=1.0,
        snapshot_id="s",
    )
    return load(folder, sha256=saved.card_sha256)


def _no_server(*_: object) -> bytes:
    raise FetchError("no server")
