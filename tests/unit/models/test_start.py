"""A network that starts from one that is there: what is carried over, what is fitted, and that it goes on."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from synthetic_images import CLASSES, LabelledImages, shapes
from torch import nn

from include.config_parts import ModelConfig, PreprocessingConfig, TrainingConfig
from include.images.preprocessing import preprocessing_digest
from include.models.architectures import last_linear
from include.models.artefact import LoadedModel, ModelCard
from include.models.checkpoints import Checkpoints, TrainingIdentity
from include.models.compute import Compute
from include.models.head import train_head
from include.models.last_layer import LastLayer, fit_last_layer
from include.models.prediction import predict_logits
from include.models.start import TrainingStart, shortened
from include.models.training import TrainedModel, train
from include.models.training_state import EpochProgress
from include.store.files import FileStore

NONE_NEW = np.zeros(0, dtype=np.int64)


@pytest.fixture
def start(trained: TrainedModel) -> TrainingStart:
    """Version 3, which tells discs, stripes and triangles apart."""
    card = ModelCard(
        architecture="small_cnn",
        classes=CLASSES,
        preprocessing=PreprocessingConfig(size=16),
        preprocessing_digest=preprocessing_digest(PreprocessingConfig(size=16)),
        temperature=1.0,
        weights_sha256="ab" * 32,
        snapshot_id="5eed",
        n_parameters=1,
        created_by={},
    )
    return TrainingStart(3, LoadedModel(card, trained.model))


def digest(model: nn.Module) -> str:
    return hashlib.sha256(save({name: tensor.contiguous() for name, tensor in model.state_dict().items()})).hexdigest()


def accuracy(model: nn.Module, data: LabelledImages) -> float:
    return float((predict_logits(model, data.images).argmax(axis=1) == data.labels).mean())


def without(data: LabelledImages, label: int) -> LabelledImages:
    kept = np.flatnonzero(data.labels != label)
    return LabelledImages(type(data.images)(data.images.pixels[kept]), data.labels[kept])


def test_rows_of_the_last_layer_are_carried_over_for_the_classes_that_both_have(start: TrainingStart) -> None:
    # when stripes are gone, squares are new, and discs have another place
    network = start.network(["circle", "disc", "square", "triangle"])

    last, theirs = last_linear(network), last_linear(start.loaded.model)
    assert torch.equal(last.weight[[1, 3]], theirs.weight[[0, 2]])
    assert torch.equal(last.bias[[1, 3]], theirs.bias[[0, 2]])
    assert not torch.equal(last.weight[2], theirs.weight[1])
    # and what comes before it is theirs, and a copy
    assert torch.equal(network[0].weight, start.loaded.model[0].weight)
    before = digest(start.loaded.model)
    with torch.no_grad():
        network[0].weight.zero_()
    assert digest(start.loaded.model) == before


@pytest.mark.parametrize(
    ("model", "size", "classes", "reason"),
    [
        (ModelConfig(), 16, CLASSES, None),
        (ModelConfig(), 16, ("disc", "star"), None),
        (ModelConfig(architecture="resnet18"), 16, CLASSES, "it is a small_cnn, resnet18 is wanted"),
        (ModelConfig(), 32, CLASSES, "it is for images of 16 px, these have 32 px"),
        (ModelConfig(), 16, ("star", "moon"), r"none of its classes (disc, stripes, triangle) is among those"),
    ],
)
def test_what_does_not_fit_is_no_start(
    start: TrainingStart, model: ModelConfig, size: int, classes: tuple[str, ...], reason: str | None
) -> None:
    found = start.unfit_for(model, PreprocessingConfig(size=size), classes)

    assert found is None if reason is None else reason in str(found)


def test_pixels_that_another_release_made_are_no_start(start: TrainingStart) -> None:
    card = start.loaded.card.model_copy(update={"preprocessing_digest": "0" * 64})
    other = TrainingStart(3, start.loaded._replace(card=card))

    assert "preprocessed in another way" in str(other.unfit_for(ModelConfig(), PreprocessingConfig(size=16), CLASSES))


def test_training_from_trained_weights_is_shorter_and_gentler_but_never_none() -> None:
    found = shortened(TrainingConfig(n_epochs=25, base_lr=0.003))

    assert 1 < found.n_epochs <= 25 / 4
    assert 0 < found.base_lr < 0.003
    assert shortened(TrainingConfig(n_epochs=1)).n_epochs == 1


def warm(start: TrainingStart, *, data: LabelledImages | None = None, **changes: object) -> TrainedModel:
    data = data or shapes(48)
    return train(
        **{
            "images": data.images,
            "labels": data.labels,
            "validation": shapes(30, seed=2),
            "classes": CLASSES,
            "architecture": "small_cnn",
            "weights": "none",
            "settings": TrainingConfig(n_epochs=2, batch_size=16, base_lr=0.001),
            "seed": 3,
            "horizontal_flip": True,
            "compute": Compute(),
            "start": start,
        }
        | changes
    )


def test_an_epoch_from_trained_weights_keeps_what_they_know(start: TrainingStart) -> None:
    test = shapes(150, seed=3)

    found = warm(start, settings=TrainingConfig(n_epochs=1, batch_size=16, base_lr=0.0005))

    assert accuracy(found.model, test) >= accuracy(start.loaded.model, test) - 0.05 > 0.85
    assert digest(found.model) != digest(start.loaded.model)


def test_a_warm_training_that_is_interrupted_goes_on_to_the_same_weights(start: TrainingStart, tmp_path: Path) -> None:
    settings = TrainingConfig(n_epochs=4, batch_size=16, base_lr=0.001)

    def checkpoints(of: TrainingStart) -> Checkpoints:
        identity = TrainingIdentity(
            snapshot_id="5eed",
            model=ModelConfig(strategy="warm"),
            training=settings,
            preprocessing_digest="0f",
            classes=CLASSES,
            n_images=48,
            contents_sha256="c0",
            seed=3,
            torch_version="2",
            start=of.recorded("warm"),
        )
        return Checkpoints(store=FileStore(str(tmp_path)), run_id="run", identity=identity, every_n_epochs=2)

    def stop(progress: EpochProgress) -> None:
        if progress.epoch == 3:
            raise KeyboardInterrupt

    epochs: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        warm(start, settings=settings, checkpoints=checkpoints(start), on_epoch=stop)
    again = warm(
        start,
        settings=settings,
        checkpoints=checkpoints(start),
        on_epoch=lambda progress: epochs.append(progress.epoch),
    )

    assert epochs == [3, 4]
    assert digest(again.model) == digest(warm(start, settings=settings).model)
    # and what another version's training has left is not gone on from
    other = TrainingStart(4, start.loaded)
    assert checkpoints(other).newest(again.model) is None


def test_only_the_last_layer_changes_and_it_learns_a_class_that_the_network_never_saw(trained: TrainedModel) -> None:
    # given a network for which triangles are new
    theirs = without(shapes(240, seed=1), 2)
    known = train(
        images=theirs.images,
        labels=theirs.labels,
        validation=without(shapes(60, seed=2), 2),
        classes=CLASSES[:2],
        architecture="small_cnn",
        weights="none",
        settings=TrainingConfig(n_epochs=6, batch_size=32, base_lr=0.005),
        seed=7,
        horizontal_flip=True,
        compute=Compute(),
    ).model
    card = ModelCard(
        architecture="small_cnn",
        classes=CLASSES[:2],
        preprocessing=PreprocessingConfig(size=16),
        preprocessing_digest="0f",
        temperature=1.0,
        weights_sha256="ab" * 32,
        snapshot_id="5eed",
        n_parameters=1,
        created_by={},
    )
    network = TrainingStart(1, LoadedModel(card, known)).network(CLASSES)

    # when its last layer is fitted to all three
    found = train_head(network, training=shapes(240, seed=1), validation=shapes(90, seed=2), new_classes=np.array([2]))

    assert accuracy(found.model, shapes(150, seed=3)) > 0.8
    assert torch.equal(found.model[0].weight, known[0].weight)
    assert torch.equal(found.model[1].running_mean, known[1].running_mean), "it saw no batch in training mode"
    assert (found.n_images, found.history, found.model.training) == (240, (), False)


def test_the_same_images_give_the_same_last_layer(start: TrainingStart) -> None:
    first, again = (
        train_head(
            start.network(CLASSES), training=shapes(60, seed=5), validation=shapes(30, seed=6), new_classes=NONE_NEW
        )
        for _ in range(2)
    )

    assert digest(first.model) == digest(again.model)


def test_features_that_are_given_are_not_computed(start: TrainingStart) -> None:
    class Stored:
        """Features of two numbers that are in no image."""

        def __init__(self) -> None:
            self.asked: list[int] = []

        def embed(self, model: nn.Module, images: LabelledImages) -> NDArray[np.float16]:
            self.asked.append(len(images.labels))
            assert not model.training
            return np.eye(128, dtype=np.float16)[images.labels]

    stored = Stored()

    found = train_head(
        start.network(CLASSES),
        training=shapes(60, seed=5),
        validation=shapes(30, seed=6),
        new_classes=NONE_NEW,
        features=stored,
    )

    assert stored.asked == [60, 30]
    last = last_linear(found.model)
    assert (last.weight[:, :3].argmax(dim=1) == torch.arange(3)).all()


def test_features_that_say_nothing_leave_the_layer_where_it_was() -> None:
    # given features without a relation to the classes, of few images
    rng = np.random.default_rng(0)
    training = rng.normal(size=(60, 8)).astype(np.float16), rng.integers(0, 3, 60)
    validation = rng.normal(size=(600, 8)).astype(np.float16), rng.integers(0, 3, 600)

    found = fit_last_layer(training, validation, start=LastLayer(torch.zeros(3, 8), torch.zeros(3)))

    assert found.weight.abs().max() < 0.2


def test_a_last_layer_needs_no_validation_images() -> None:
    labels = np.arange(90) % 3
    features = np.eye(3, dtype=np.float16)[labels]

    found = fit_last_layer((features, labels), None, start=LastLayer(torch.zeros(3, 3), torch.zeros(3)))

    assert (found.weight.argmax(dim=1) == torch.arange(3)).all()
