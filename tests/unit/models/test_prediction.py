from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_images import CLASSES, InMemoryImages, shapes

from include.config_parts import PreprocessingConfig
from include.errors import ModelError
from include.models.artefact import LoadedModel, load, save
from include.models.calibration import softmax
from include.models.compute import Compute
from include.models.features import N_FEATURES, FeatureProjection
from include.models.prediction import Predictor, predict_logits, predict_outputs
from include.models.training import TrainedModel

TEMPERATURE = 0.8


@pytest.fixture(scope="module")
def projection(trained: TrainedModel) -> FeatureProjection:
    """Fitted on what the network sees in other images."""
    raw = predict_outputs(trained.model, shapes(90, seed=3).images, reduce=lambda outputs: outputs)
    return FeatureProjection.fit(raw.features)


@pytest.fixture(scope="module")
def predictor(
    trained: TrainedModel, projection: FeatureProjection, tmp_path_factory: pytest.TempPathFactory
) -> Predictor:
    folder: Path = tmp_path_factory.mktemp("model")
    saved = save(
        folder,
        trained.model,
        architecture="small_cnn",
        classes=CLASSES,
        preprocessing=PreprocessingConfig(size=16),
        preprocessing_digest="d" * 64,
        temperature=TEMPERATURE,
        snapshot_id="s" * 64,
        projection=projection,
    )
    return Predictor(load(folder, sha256=saved.card_sha256))


def test_answers_are_in_the_order_of_the_images(predictor: Predictor, trained: TrainedModel) -> None:
    data = shapes(60, seed=8)

    answers = predictor.predict(data.images)

    expected = softmax(predict_logits(trained.model, data.images), temperature=TEMPERATURE)
    assert answers.scores == pytest.approx(expected, abs=1e-5)
    assert answers.scores.dtype == answers.confidences.dtype == np.float32
    assert answers.confidences == pytest.approx(expected.max(axis=1), abs=1e-5)
    hits = sum(label == CLASSES[truth] for label, truth in zip(answers.labels, data.labels, strict=True))
    assert hits >= 55


def test_scores_are_probabilities(predictor: Predictor) -> None:
    answers = predictor.predict(shapes(40, seed=9).images)

    assert answers.scores.min() >= 0
    assert answers.scores.sum(axis=1) == pytest.approx(np.ones(40), abs=1e-5)


def test_an_answer_comes_with_what_the_network_saw(predictor: Predictor) -> None:
    images = shapes(60, seed=8).images

    features = predictor.predict(images).features

    assert features.shape == (60, N_FEATURES)
    assert features.dtype == np.float32
    turned_round = predictor.predict(InMemoryImages(images.pixels[::-1])).features
    assert turned_round[::-1] == pytest.approx(features, abs=1e-3)


def test_the_images_go_through_the_network_once(trained: TrainedModel, projection: FeatureProjection) -> None:
    passes: list[int] = []
    hook = trained.model.register_forward_hook(lambda _, inputs, __: passes.append(len(inputs[0])))

    with_features = predict_outputs(trained.model, shapes(50).images, reduce=projection.project, batch_size=32)
    hook.remove()

    assert passes == [32, 18]
    without = predict_outputs(trained.model, shapes(50).images, reduce=None, batch_size=32)
    assert (with_features.logits == without.logits).all()
    assert without.features.shape == (50, 0)


def test_a_model_without_a_projection_gives_no_features(trained: TrainedModel, predictor: Predictor) -> None:
    plain = Predictor(LoadedModel(predictor._card, trained.model))

    assert plain.predict(shapes(5).images).features.shape == (5, 0)


def test_no_images_give_no_answers(predictor: Predictor) -> None:
    answers = predictor.predict(InMemoryImages(np.empty((0, 16, 16, 3), np.uint8)))

    assert answers.labels == ()
    assert answers.confidences.shape == (0,)
    assert answers.scores.shape == (0, 3)


def test_images_of_another_size_are_refused_with_the_next_step(predictor: Predictor) -> None:
    with pytest.raises(ModelError, match=r"trained on images of 16 px, these have 24 px: preprocess them"):
        predictor.predict(shapes(3, size=24).images)


def test_how_images_are_batched_changes_no_answer(trained: TrainedModel) -> None:
    images = shapes(50, seed=10).images

    whole, singly = (predict_logits(trained.model, images, batch_size=size) for size in (256, 1))

    assert singly == pytest.approx(whole, abs=1e-4)


def test_no_more_images_are_gathered_at_once_than_a_batch_has(trained: TrainedModel) -> None:
    images = shapes(100).images

    predict_logits(trained.model, images, batch_size=16)

    assert images.largest_batch == 16


def test_broken_weights_are_told_and_not_answered_with(predictor: Predictor, trained: TrainedModel) -> None:
    class Broken(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.full((len(images), 3), float("nan"))

    broken = Predictor(LoadedModel(predictor._card, Broken()))

    with pytest.raises(ModelError, match="not numbers"):
        broken.predict(shapes(3).images)


def test_many_images_are_predicted_with_the_fastest_compute(trained: TrainedModel) -> None:
    data = shapes(1100, seed=11)

    logits = predict_logits(trained.model, data.images)

    plain = predict_logits(trained.model, data.images, compute=Compute())
    assert (logits.argmax(axis=1) == plain.argmax(axis=1)).mean() >= 0.99


def test_batches_are_answered_as_they_come(predictor: Predictor) -> None:
    images = shapes(70, seed=8).images
    expected = predictor.predict(images)

    with predictor.ready(len(images), images.pixels[:32]):
        parts = [predictor.answer(images.pixels[start : start + 32]) for start in (0, 32, 64)]

    assert sum((part.labels for part in parts), ()) == expected.labels
    assert np.concatenate([part.confidences for part in parts]) == pytest.approx(expected.confidences, abs=1e-5)
    assert np.concatenate([part.features for part in parts]) == pytest.approx(expected.features, abs=1e-3)


def test_who_is_not_ready_does_not_answer(predictor: Predictor) -> None:
    pixels = shapes(3).images.pixels
    with predictor.ready(3, pixels):
        assert len(predictor.answer(pixels).labels) == 3
        assert predictor.answer(pixels[:0]).labels == ()
        with pytest.raises(ModelError, match="these have 24 px"):
            predictor.answer(shapes(3, size=24).images.pixels)

    with pytest.raises(RuntimeError, match="not ready"):
        predictor.answer(pixels)
