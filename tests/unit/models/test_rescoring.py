"""Answers by stored features: the same as the network's, without the network."""

import copy
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from synthetic_images import CLASSES, InMemoryImages, LabelledImages, shapes
from torch import nn

from include.catalog.keys import ImageKey
from include.config_parts import PreprocessingConfig
from include.errors import UnstorableFeaturesError
from include.models.answers import Predictions
from include.models.architectures import build, last_linear
from include.models.artefact import LoadedModel, load, save
from include.models.backbone import Backbone, Head, backbone_digest
from include.models.embedding import FeatureSource
from include.models.features import FeatureProjection
from include.models.prediction import Predictor, predict_outputs
from include.models.rescoring import answers_with_features, outputs_with_features
from include.models.training import TrainedModel
from include.store import backbone_features
from include.store.dataset import LabelledImages as Side
from include.store.files import FileStore
from include.warehouse.session import Warehouse

N = 200
"""Of images in a gallery."""


@pytest.fixture(scope="module")
def images() -> LabelledImages:
    return shapes(N, seed=9)


@pytest.fixture(scope="module")
def version(trained: TrainedModel, images: LabelledImages, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """A version, as it is loaded."""
    outputs = predict_outputs(trained.model, images.images, reduce=lambda seen: seen).features
    folder = tmp_path_factory.mktemp("version")
    saved = save(
        folder,
        trained.model,
        architecture="small_cnn",
        classes=CLASSES,
        preprocessing=PreprocessingConfig(size=16),
        preprocessing_digest="p0",
        temperature=1.3,
        snapshot_id="5a",
        projection=FeatureProjection.fit(outputs),
    )
    return load(folder, sha256=saved.card_sha256)


class Gallery:
    """Images that are prepared in a pipeline, and how many of them the network was asked about."""

    def __init__(
        self,
        warehouse: Warehouse,
        store: FileStore,
        query: Callable[..., list[tuple[Any, ...]]],
        images: LabelledImages,
    ) -> None:
        self.warehouse, self.store, self.query = warehouse, store, query
        self.pixels = images.images.pixels
        self.contents = [f"c{number:03}" for number in range(len(self.pixels))]
        self.n_asked = 0
        query(
            "INSERT INTO PIXELS SELECT 'c' || LPAD(SEQ4()::VARCHAR, 3, '0'), 'p0', 'segments/a', SEQ4(), "
            "1, 1, 0.5, 0.5, 0.5, 'r', SYSDATE() FROM TABLE(GENERATOR(ROWCOUNT => 200))"
        )

    def answer(self, version: LoadedModel, places: Sequence[int] = range(N)) -> Predictions:
        def images_at(missing: NDArray[np.int64]) -> InMemoryImages:
            self.n_asked += len(missing)
            return InMemoryImages(self.pixels[np.array(places)[missing]])

        source = FeatureSource(self.warehouse, self.store, work_path="w")
        return answers_with_features(source, version, [self.contents[place] for place in places], images_at)

    @property
    def files(self) -> list[Path]:
        return [self.store.local_path(file.name) for file in self.store.list_files("features")]


@pytest.fixture
def gallery(
    warehouse: Warehouse, store: FileStore, query: Callable[..., list[tuple[Any, ...]]], images: LabelledImages
) -> Gallery:
    return Gallery(warehouse, store, query, images)


def same(some: Predictions, others: Predictions) -> bool:
    return some.labels == others.labels and all(
        np.array_equal(*pair) for pair in zip(some[1:], others[1:], strict=True)
    )


def with_other_head(version: LoadedModel) -> LoadedModel:
    model = copy.deepcopy(version.model)
    with torch.no_grad():
        last_linear(model).weight.copy_(last_linear(model).weight.roll(1, dims=0))
    return version._replace(model=model)


def test_answers_by_features_agree_with_the_network_and_stay_the_same(gallery: Gallery, version: LoadedModel) -> None:
    # Given what the network itself says
    by_network = Predictor(version).predict(InMemoryImages(gallery.pixels))

    # When the images are answered twice
    first = gallery.answer(version)
    second = gallery.answer(version)

    # Then the network has looked at each once, and says the same as ever
    assert gallery.n_asked == N
    assert same(first, second)
    agreement = np.mean([one == other for one, other in zip(first.labels, by_network.labels, strict=True)])
    assert agreement >= 0.995
    assert np.abs(first.confidences - by_network.confidences).mean() < 0.01
    assert np.abs(first.features - by_network.features).mean() < 0.01


def test_another_head_answers_what_the_backbone_has_seen_without_the_network(
    gallery: Gallery, version: LoadedModel
) -> None:
    gallery.answer(version)
    retrained = with_other_head(version)

    answers = gallery.answer(retrained)

    assert gallery.n_asked == N
    by_network = Predictor(retrained).predict(InMemoryImages(gallery.pixels))
    assert np.mean([one == other for one, other in zip(answers.labels, by_network.labels, strict=True)]) >= 0.995
    # And after a rollback the first one answers again
    assert same(gallery.answer(version), gallery.answer(version))
    assert gallery.n_asked == N


def test_the_network_looks_at_each_content_once_and_only_at_what_is_new(gallery: Gallery, version: LoadedModel) -> None:
    gallery.answer(version, [5, 3])

    answers = gallery.answer(version, [7, 3, 7, 5, 9])

    assert gallery.n_asked == 4
    assert gallery.query("SELECT CONTENT_SHA256 FROM FEATURES ORDER BY 1") == [
        ("c003",),
        ("c005",),
        ("c007",),
        ("c009",),
    ]
    assert same(answers, gallery.answer(version, [7, 3, 7, 5, 9]))
    assert np.array_equal(answers.scores[0], answers.scores[2])


def test_a_data_set_is_embedded_once_and_its_logits_are_a_product(gallery: Gallery, version: LoadedModel) -> None:
    images, keys = InMemoryImages(gallery.pixels[:50]), [ImageKey("s", "p", "e")] * 50
    side = Side(images, np.zeros(50, dtype=np.int64), tuple(keys), tuple(gallery.contents[:50]))
    source = FeatureSource(gallery.warehouse, gallery.store, work_path="w")
    backbone = Backbone.of_version(version)
    by_network = predict_outputs(version.model, side.images, reduce=lambda outputs: outputs)

    features = source.embed(backbone, side)
    outputs = outputs_with_features(source, backbone, side, reduce=lambda seen: seen)

    assert features.dtype == np.float16
    assert np.allclose(features, by_network.features, rtol=1e-3, atol=1e-4)
    assert np.array_equal(outputs.features, features)
    assert np.array_equal(outputs.logits.argmax(axis=1), by_network.logits.argmax(axis=1))
    assert len(gallery.files) == 1


def test_another_backbone_sees_for_itself(gallery: Gallery, version: LoadedModel) -> None:
    gallery.answer(version)
    model = copy.deepcopy(version.model)
    with torch.no_grad():
        next(model.parameters()).mul_(1.01)

    gallery.answer(version._replace(model=model))

    assert gallery.n_asked == 2 * N
    assert len(gallery.files) == 2


def test_features_are_written_in_files_of_a_bounded_size(
    gallery: Gallery, version: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backbone_features, "ROWS_IN_FILE", 64)

    answers = gallery.answer(version)

    assert sorted(len(load_file(file)["features"]) for file in gallery.files) == [8, 64, 64, 64]
    assert same(answers, gallery.answer(version))


def damaged(path: Path, damage: str) -> None:
    features = load_file(path)["features"]
    header = {"backbone_digest": _backbone_of(path)}
    if damage == "missing":
        path.unlink()
    elif damage == "torn":
        os.truncate(path, path.stat().st_size - 1)
    elif damage == "no safetensors":
        path.write_bytes(b"<html>" * 100)
    elif damage == "another width":
        save_file({"features": features[:, :7].copy()}, path, metadata=header)
    elif damage == "another type":
        save_file({"features": features.astype(np.float32)}, path, metadata=header)
    elif damage == "another network":
        save_file({"features": np.zeros_like(features)}, path, metadata={"backbone_digest": "b"})
    elif damage == "fewer rows":
        save_file({"features": features[:-1].copy()}, path, metadata=header)


def _backbone_of(path: Path) -> str:
    with safe_open(path, framework="np") as file:
        return str(file.metadata()["backbone_digest"])


@pytest.mark.parametrize(
    ("damage", "told", "n_anew"),
    [
        ("missing", "is missing", N),
        ("torn", "is torn (it has", N),
        ("no safetensors", "is torn", N),
        ("another width", "is foreign (it holds 7 numbers an image, 128 are needed)", N),
        ("another type", "is torn (it holds F32", N),
        ("another network", "is foreign (it is of another network)", N),
        ("fewer rows", None, 1),
    ],
)
def test_a_damaged_file_costs_a_warning_and_a_second_look(
    gallery: Gallery, version: LoadedModel, caplog: pytest.LogCaptureFixture, damage: str, told: str | None, n_anew: int
) -> None:
    before = gallery.answer(version)
    [file] = gallery.files
    damaged(file, damage)
    caplog.clear()

    after = gallery.answer(version)

    assert same(before, after)
    assert gallery.n_asked == N + n_anew
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == (told is not None)
    if told is not None:
        assert file.name in warnings[0]
        assert told in warnings[0]
    # And it is whole again
    gallery.answer(version)
    assert gallery.n_asked == N + n_anew


def test_interrupted_before_they_are_named_features_are_written_again(
    gallery: Gallery, version: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(backbone_features, "loaded_rows", killed)
        with pytest.raises(KeyboardInterrupt):
            backbone_features.FeatureWriter.publish(_written(gallery, version), gallery.warehouse, work_path="w")
    [file] = gallery.files
    assert gallery.query("SELECT COUNT(*) FROM FEATURES") == [(0,)]

    gallery.answer(version)

    assert gallery.files == [file]
    assert gallery.query("SELECT COUNT(*) FROM FEATURES") == [(N,)]


def _written(gallery: Gallery, version: LoadedModel) -> backbone_features.FeatureWriter:
    writer = backbone_features.FeatureWriter(gallery.store, Backbone.of_version(version).id)
    writer.add(gallery.contents, np.zeros((N, 128), dtype=np.float16))
    return writer


def test_nothing_is_kept_of_a_batch_of_which_an_image_was_forgotten_meanwhile(
    gallery: Gallery, version: LoadedModel, caplog: pytest.LogCaptureFixture
) -> None:
    gallery.query("DELETE FROM PIXELS WHERE CONTENT_SHA256 = 'c007'")

    answers = gallery.answer(version)

    assert len(answers.labels) == N
    assert "1 of these images have no pixels any more" in caplog.text
    assert gallery.files == []
    assert gallery.query("SELECT COUNT(*) FROM FEATURES") == [(0,)]


def test_what_float16_cannot_hold_is_not_kept(gallery: Gallery, version: LoadedModel) -> None:
    model = copy.deepcopy(version.model)
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.weight.mul_(1e6)

    with pytest.raises(UnstorableFeaturesError, match="beyond float16"):
        gallery.answer(version._replace(model=model))

    assert gallery.query("SELECT COUNT(*) FROM FEATURES") == [(0,)]
    assert gallery.files == []


def test_a_backbone_is_named_by_all_that_decides_what_it_sees() -> None:
    model = build("small_cnn", n_classes=3)

    def named(network: nn.Module = model, **other: Any) -> str:
        return backbone_digest(network, **{"architecture": "small_cnn", "preprocessing_digest": "p0", **other})

    digest = named()
    assert named(copy.deepcopy(model).to(memory_format=torch.channels_last)) == digest
    # Not by its head, which may know other classes
    other_head = build("small_cnn", n_classes=5)
    own = other_head.state_dict()
    tensors = model.state_dict()
    other_head.load_state_dict(
        {name: tensors[name] if tensors[name].shape == own[name].shape else own[name] for name in own}
    )
    assert named(other_head) == digest
    # But by each tensor of the rest, and by what is done to images
    for name, tensor in model.state_dict().items():
        changed = copy.deepcopy(model)
        with torch.no_grad():
            changed.state_dict()[name].copy_(tensor + 1)
        is_head = changed.state_dict()[name].shape[:1] == (3,)
        assert (named(changed) == digest) == is_head, name
    assert len({digest, named(architecture="resnet18"), named(preprocessing_digest="p1")}) == 3


def test_a_head_says_the_same_of_an_image_in_any_company() -> None:
    head = Head(build("small_cnn", n_classes=3))
    features = np.random.default_rng(0).normal(size=(300, 128)).astype(np.float16)

    together = head.logits(features)

    assert np.array_equal(together, np.concatenate([head.logits(features[:7]), head.logits(features[7:])]))
