import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from synthetic_images import CLASSES, shapes

from include.config_parts import PreprocessingConfig
from include.errors import ArtefactError
from include.models.artefact import SavedArtefact, load, save
from include.models.artefact_files import CARD_FILE, PROJECTION_FILE, WEIGHTS_FILE
from include.models.compute import Compute
from include.models.features import FeatureProjection
from include.models.prediction import predict_logits
from include.models.training import TrainedModel


@pytest.fixture(scope="session")
def projection() -> FeatureProjection:
    """From the 128 outputs of small_cnn's penultimate layer to some numbers."""
    return FeatureProjection.fit(np.random.default_rng(0).normal(size=(40, 128)).astype(np.float32))


@pytest.fixture
def saved(trained: TrainedModel, projection: FeatureProjection, tmp_path: Path) -> SavedArtefact:
    return save(
        tmp_path / "model",
        trained.model,
        architecture="small_cnn",
        classes=CLASSES,
        preprocessing=PreprocessingConfig(size=16),
        preprocessing_digest="d" * 64,
        temperature=1.25,
        snapshot_id="s" * 64,
        projection=projection,
    )


def rewrite_card(saved: SavedArtefact, **changes: object) -> str:
    """Change fields of the card, as somebody who can also change the ledger could; return the new digest."""
    path = saved.folder / CARD_FILE
    content = json.dumps(json.loads(path.read_bytes()) | changes).encode()
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def test_a_loaded_model_gives_the_same_answers(trained: TrainedModel, saved: SavedArtefact) -> None:
    images = shapes(30, seed=4).images

    loaded = load(saved.folder, sha256=saved.card_sha256)

    again, before = (predict_logits(model, images, compute=Compute()) for model in (loaded.model, trained.model))
    assert (again == before).all()
    assert not loaded.model.training


def test_a_loaded_model_projects_features_as_before(saved: SavedArtefact, projection: FeatureProjection) -> None:
    outputs = np.random.default_rng(1).normal(size=(5, 128)).astype(np.float32)

    loaded = load(saved.folder, sha256=saved.card_sha256)

    assert loaded.projection is not None
    assert (loaded.projection.project(outputs) == projection.project(outputs)).all()


def test_a_card_of_an_earlier_release_loads_and_gives_no_projection(saved: SavedArtefact) -> None:
    path = saved.folder / CARD_FILE
    card = json.loads(path.read_bytes())
    del card["features_sha256"]
    path.write_bytes(json.dumps(card).encode())
    (saved.folder / PROJECTION_FILE).unlink()

    loaded = load(saved.folder, sha256=hashlib.sha256(path.read_bytes()).hexdigest())

    assert loaded.projection is None


def test_a_projection_of_another_layer_is_refused(saved: SavedArtefact) -> None:
    path = saved.folder / PROJECTION_FILE
    save_file({"mean": torch.zeros(64), "components": torch.zeros(64, 16)}, path)
    sha256 = rewrite_card(saved, features_sha256=hashlib.sha256(path.read_bytes()).hexdigest())

    with pytest.raises(ArtefactError, match=r"features\.safetensors: expected the projection of 128 outputs"):
        load(saved.folder, sha256=sha256)


def test_the_card_says_what_is_needed_to_use_the_model(trained: TrainedModel, saved: SavedArtefact) -> None:
    card = json.loads((saved.folder / CARD_FILE).read_bytes())

    assert card["classes"] == list(CLASSES)
    assert card["preprocessing"]["size"] == 16
    assert card["temperature"] == 1.25
    assert card["normalisation"] == [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]
    assert card["weights_sha256"] == hashlib.sha256((saved.folder / WEIGHTS_FILE).read_bytes()).hexdigest()
    parameters = {name for name, _ in trained.model.named_parameters()}
    tensors = load_file(saved.folder / WEIGHTS_FILE)
    assert card["n_parameters"] == sum(tensors[name].numel() for name in parameters)
    assert card["created_by"]["torch"] == torch.__version__


def test_the_same_model_has_the_same_digest(
    trained: TrainedModel, saved: SavedArtefact, projection: FeatureProjection, tmp_path: Path
) -> None:
    channels_last = trained.model.to(memory_format=torch.channels_last)

    again = save(
        tmp_path / "again",
        channels_last,
        architecture="small_cnn",
        classes=list(CLASSES),
        preprocessing=PreprocessingConfig(size=16),
        preprocessing_digest="d" * 64,
        temperature=1.25,
        snapshot_id="s" * 64,
        projection=projection,
    )

    assert again[1:] == saved[1:]
    assert sorted(path.name for path in again.folder.iterdir()) == [CARD_FILE, PROJECTION_FILE, WEIGHTS_FILE]


def test_loading_draws_no_random_numbers(saved: SavedArtefact) -> None:
    before = torch.get_rng_state()

    load(saved.folder, sha256=saved.card_sha256)

    assert torch.equal(torch.get_rng_state(), before)


def test_a_changed_card_is_refused(saved: SavedArtefact) -> None:
    changed = rewrite_card(saved, temperature=0.1)

    with pytest.raises(ArtefactError, match=rf"card\.json: expected SHA-256 {saved.card_sha256}, found {changed}"):
        load(saved.folder, sha256=saved.card_sha256)


@pytest.mark.parametrize("name", [WEIGHTS_FILE, PROJECTION_FILE])
def test_changed_tensors_are_refused(saved: SavedArtefact, name: str) -> None:
    path = saved.folder / name
    content = bytearray(path.read_bytes())
    expected = hashlib.sha256(content).hexdigest()
    content[-1] ^= 1
    path.write_bytes(content)

    with pytest.raises(ArtefactError, match=rf"{name}: expected SHA-256 {expected}, found"):
        load(saved.folder, sha256=saved.card_sha256)


@pytest.mark.parametrize("name", [CARD_FILE, WEIGHTS_FILE, PROJECTION_FILE])
def test_a_missing_file_is_named(saved: SavedArtefact, name: str) -> None:
    (saved.folder / name).unlink()

    with pytest.raises(ArtefactError, match=rf"{name}: cannot be read \(No such file or directory\)"):
        load(saved.folder, sha256=saved.card_sha256)


def test_a_missing_folder_is_named(saved: SavedArtefact) -> None:
    shutil.rmtree(saved.folder)

    with pytest.raises(ArtefactError, match="cannot be read"):
        load(saved.folder, sha256=saved.card_sha256)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"temperature": 0}, "temperature: Input should be greater than 0"),
        ({"format_version": 2}, "format_version: Input should be 1"),
        ({"colour": "red"}, "colour: Extra inputs are not permitted"),
        ({"weights_sha256": "../../x"}, "weights_sha256: String should match"),
        ({"architecture": "os.system"}, "no architecture 'os.system'"),
        ({"classes": ["disc", "stripes"]}, r"tensor 23\.bias: expected \[2\], found \[3\]"),
        ({"architecture": "mobilenet_v3_small"}, "tensor 0.weight: expected no such tensor"),
    ],
)
def test_a_card_that_makes_no_model_is_refused(saved: SavedArtefact, changes: dict[str, object], message: str) -> None:
    sha256 = rewrite_card(saved, **changes)

    with pytest.raises(ArtefactError, match=message):
        load(saved.folder, sha256=sha256)


def test_a_card_that_is_not_json_is_refused(saved: SavedArtefact) -> None:
    (saved.folder / CARD_FILE).write_bytes(b"<html>")

    with pytest.raises(ArtefactError, match=r"card\.json: is not a model card"):
        load(saved.folder, sha256=hashlib.sha256(b"<html>").hexdigest())


def test_weights_that_are_no_tensors_are_refused(saved: SavedArtefact) -> None:
    (saved.folder / WEIGHTS_FILE).write_bytes(b"\x80\x04pickled")
    sha256 = rewrite_card(saved, weights_sha256=hashlib.sha256(b"\x80\x04pickled").hexdigest())

    with pytest.raises(ArtefactError, match="is not a safetensors file"):
        load(saved.folder, sha256=sha256)


def test_weights_with_a_tensor_too_many_are_refused(saved: SavedArtefact) -> None:
    path = saved.folder / WEIGHTS_FILE
    save_file(load_file(path) | {"extra": torch.zeros(2)}, path)
    sha256 = rewrite_card(saved, weights_sha256=hashlib.sha256(path.read_bytes()).hexdigest())

    with pytest.raises(ArtefactError, match=r"tensor extra: expected no such tensor, found \[2\]"):
        load(saved.folder, sha256=sha256)
