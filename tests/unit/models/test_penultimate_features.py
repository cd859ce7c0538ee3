"""What a network sees in images, as a few numbers."""

from typing import get_args

import numpy as np
import pytest
import torch
from synthetic_images import shapes

from include.config_parts import Architecture
from include.errors import ModelError
from include.models.architectures import build
from include.models.features import (
    MAX_FITTED,
    N_FEATURES,
    FeatureProjection,
    fitting_places,
)
from include.models.prediction import predict_outputs
from include.models.training import TrainedModel


def correlated(n_images: int, n_outputs: int, *, seed: int = 0) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Return outputs of which a few directions say nearly everything, as those of a network do."""
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(n_outputs, n_outputs)) * np.geomspace(1, 0.01, n_outputs)
    return (rng.normal(size=(n_images, n_outputs)) @ directions.T + 5).astype(np.float32)


def test_features_have_mean_0_and_variance_1_and_nothing_in_common() -> None:
    outputs = correlated(400, 60)

    features = FeatureProjection.fit(outputs).project(outputs)

    assert features.shape == (400, N_FEATURES)
    assert features.mean(axis=0) == pytest.approx(np.zeros(N_FEATURES), abs=1e-3)
    assert np.cov(features.T) == pytest.approx(np.eye(N_FEATURES), abs=1e-2)


def test_the_first_features_hold_what_images_differ_in_most() -> None:
    outputs = correlated(400, 60)
    projection = FeatureProjection.fit(outputs)

    spreads = 1 / np.linalg.norm(projection.components, axis=0)

    assert (np.diff(spreads) < 0).all()
    assert (spreads**2).sum() == pytest.approx(
        np.sort(np.linalg.eigvalsh(np.cov(outputs.T.astype(np.float64))))[-N_FEATURES:].sum(), rel=1e-3
    )


def test_signs_do_not_depend_on_the_order_of_the_images() -> None:
    outputs = correlated(200, 30)

    straight, reversed_ = FeatureProjection.fit(outputs), FeatureProjection.fit(outputs[::-1].copy())

    assert reversed_.components == pytest.approx(straight.components, abs=1e-3)
    assert (FeatureProjection.fit(outputs).components == straight.components).all()


@pytest.mark.parametrize(("n_images", "n_outputs", "n_features"), [(5, 30, 4), (100, 3, 3), (1, 30, 0)])
def test_few_images_or_outputs_make_fewer_features(n_images: int, n_outputs: int, n_features: int) -> None:
    outputs = correlated(n_images, n_outputs)

    assert FeatureProjection.fit(outputs).project(outputs).shape == (n_images, n_features)


def test_images_that_are_all_alike_have_no_features() -> None:
    outputs = np.full((20, 8), 3, dtype=np.float32)

    assert FeatureProjection.fit(outputs).project(outputs).shape == (20, 0)


def test_outputs_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(ModelError, match="not a number: train it anew"):
        FeatureProjection.fit(np.full((4, 3), np.nan, dtype=np.float32))


def test_a_projection_is_fitted_on_images_from_everywhere() -> None:
    assert fitting_places(3).tolist() == [0, 1, 2]
    places = fitting_places(10 * MAX_FITTED + 7)
    assert len(set(places.tolist())) == MAX_FITTED
    assert places.min() == 0
    assert places.max() > 9.9 * MAX_FITTED
    assert fitting_places(0).tolist() == []


@pytest.mark.parametrize("architecture", get_args(Architecture))
def test_the_penultimate_layer_of_every_architecture_makes_its_logits(architecture: str) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build(architecture, n_classes=3).eval()

    logits, seen = predict_outputs(model, shapes(2, size=32).images, reduce=lambda outputs: outputs)

    last = [module for module in model.modules() if isinstance(module, torch.nn.Linear)][-1]
    assert seen.shape == (2, last.in_features)
    again = seen @ last.weight.detach().numpy().T + last.bias.detach().numpy()
    assert again == pytest.approx(logits, abs=1e-4)


def test_other_images_have_other_features(trained: TrainedModel) -> None:
    """The network has learned on shapes: darkened, they look to it like nothing that it was trained on."""
    raw = predict_outputs(trained.model, shapes(120, seed=1).images, reduce=lambda outputs: outputs).features
    projection = FeatureProjection.fit(raw)
    held_out, dark = shapes(90, seed=5).images, shapes(90, seed=6).images
    dark.pixels //= 4

    alike, apart = (
        predict_outputs(trained.model, images, reduce=projection.project).features.mean(axis=0)
        for images in (held_out, dark)
    )

    assert np.linalg.norm(apart) > 3 * np.linalg.norm(alike)
