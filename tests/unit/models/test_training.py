import hashlib
import logging

import numpy as np
import pytest
import torch
from safetensors.torch import save, save_file
from synthetic_images import CLASSES, LabelledImages, shapes

from include.config_parts import TrainingConfig
from include.errors import ModelError
from include.models.compute import Compute
from include.models.optimizer import EagerAdamW
from include.models.prediction import predict_logits
from include.models.training import EpochProgress, TrainedModel, train


def train_briefly(training: LabelledImages, *, validation: LabelledImages | None = None, **changes) -> TrainedModel:
    settings = {"n_epochs": 2, "batch_size": 16} | changes.pop("settings", {})
    return train(
        **{
            "images": training.images,
            "labels": training.labels,
            "validation": shapes(30, seed=2) if validation is None else validation,
            "classes": CLASSES,
            "architecture": "small_cnn",
            "weights": "none",
            "settings": TrainingConfig(**settings),
            "seed": 0,
            "horizontal_flip": True,
            "compute": Compute(),
        }
        | changes
    )


def digest(model: torch.nn.Module) -> str:
    return hashlib.sha256(save(model.state_dict())).hexdigest()


def accuracy(model: torch.nn.Module, data: LabelledImages) -> float:
    return float((predict_logits(model, data.images).argmax(axis=1) == data.labels).mean())


def test_small_cnn_learns_shapes_in_seconds(trained: TrainedModel) -> None:
    assert accuracy(trained.model, shapes(300, seed=3)) >= 0.95
    assert trained.history[-1].validation_accuracy >= 0.95
    assert trained.n_images == 240
    assert not trained.model.training


def test_the_same_seed_gives_the_same_weights_and_another_does_not() -> None:
    first, again, other = (train_briefly(shapes(48), seed=seed) for seed in (1, 1, 2))

    assert digest(first.model) == digest(again.model)
    assert digest(first.model) != digest(other.model)


def test_training_leaves_torch_as_it_was() -> None:
    before = torch.get_rng_state(), torch.get_num_threads(), torch.is_grad_enabled()

    train_briefly(shapes(24), compute=None)

    assert torch.equal(torch.get_rng_state(), before[0])
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == before[1:]


def test_each_epoch_is_told_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    told: list[EpochProgress] = []

    with caplog.at_level(logging.INFO, logger="include.models.training"):
        result = train_briefly(shapes(24), on_epoch=told.append, settings={"n_epochs": 3})

    assert [progress.epoch for progress in told] == [1, 2, 3]
    assert tuple(told) == result.history
    assert told[0].seconds_left > told[-1].seconds_left == 0
    assert all(progress.images_per_second > 0 for progress in told)
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("epoch 2/3")]
    assert len(lines) == 1
    assert "loss" in lines[0] and "validation accuracy" in lines[0] and "img/s" in lines[0] and "left" in lines[0]  # noqa: PT018


@pytest.mark.parametrize(("n_images", "batch_size"), [(17, 16), (3, 2), (3, 64), (5, 4)])
def test_no_number_of_images_leaves_one_alone_in_a_batch(n_images: int, batch_size: int) -> None:
    result = train_briefly(shapes(n_images, size=8), settings={"n_epochs": 1, "batch_size": batch_size})

    assert result.n_images == n_images


def test_a_share_of_each_class_is_used_and_at_least_one_image() -> None:
    # given 40 images of two classes each, and two of the third
    data = shapes(120)
    kept = np.concatenate([np.flatnonzero(data.labels != 2), np.flatnonzero(data.labels == 2)[:2]])
    training = LabelledImages(type(data.images)(data.images.pixels[kept]), data.labels[kept])
    requested: list[int] = []
    gather = training.images.gather
    training.images.gather = lambda indices: (requested.extend(indices.tolist()), gather(indices))[1]

    # when a tenth is used
    result = train_briefly(training, settings={"n_epochs": 1, "downsample_to": 0.1})

    # then it is a tenth of each class, and one image of the rare one
    used = training.labels[sorted(set(requested))]
    assert np.bincount(used).tolist() == [4, 4, 1]
    assert result.n_images == 9


def test_without_validation_images_the_accuracy_is_unknown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="include.models.training"):
        result = train_briefly(shapes(12), validation=shapes(0))

    assert result.history[-1].validation_accuracy is None
    assert "validation accuracy unknown" in caplog.text


def test_divergence_is_named_with_the_next_step(trained: TrainedModel, tmp_path) -> None:
    # given weights so large that answers are infinite
    tensors = {name: tensor.contiguous() for name, tensor in trained.model.state_dict().items()}
    tensors["23.weight"] = torch.full_like(tensors["23.weight"], 3e38)
    save_file(tensors, tmp_path / "huge.safetensors")

    with pytest.raises(ModelError, match=r"diverged in epoch 1 of 2.*lower training\.base_lr \(now 0\.003\)"):
        train_briefly(shapes(24), weights=str(tmp_path / "huge.safetensors"))


def test_a_class_without_training_images_is_named() -> None:
    training = shapes(12)
    training.labels[training.labels == 1] = 0

    with pytest.raises(ModelError, match="no training image shows 'stripes'"):
        train_briefly(training)


@pytest.mark.parametrize("side", ["training", "validation"])
def test_labels_outside_the_classes_are_refused(side: str) -> None:
    data = {"training": shapes(12), "validation": shapes(12)}
    data[side].labels[0] = 3

    with pytest.raises(ModelError, match=f"{side} labels run from 0 to 3"):
        train_briefly(data["training"], validation=data["validation"])


def test_labels_that_are_too_few_are_refused() -> None:
    training = shapes(12)

    with pytest.raises(ModelError, match="12 training images have 11 labels"):
        train_briefly(training, labels=training.labels[:-1])


def test_images_too_small_for_an_architecture_are_refused_with_the_next_step() -> None:
    with pytest.raises(ModelError, match=r"convnext_tiny cannot be used on images of 8 px: raise preprocessing\.size"):
        train_briefly(shapes(6, size=8), architecture="convnext_tiny")


def test_the_trained_weights_can_be_kept_as_safetensors_in_any_layout() -> None:
    result = train_briefly(shapes(12), compute=Compute(channels_last=True))

    assert all(tensor.is_contiguous() for tensor in result.model.state_dict().values())


def test_the_optimizer_takes_the_steps_of_torchs_own() -> None:
    # given one network twice
    networks = [torch.nn.Linear(4, 3) for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    optimizers = [
        kind(network.parameters(), lr=0.1, weight_decay=0.3)
        for kind, network in zip((torch.optim.AdamW, EagerAdamW), networks, strict=True)
    ]

    # when both are trained alike
    for step in range(5):
        inputs = torch.rand(6, 4, generator=torch.Generator().manual_seed(step))
        for network, optimizer in zip(networks, optimizers, strict=True):
            optimizer.zero_grad()
            network(inputs).square().sum().backward()
            optimizer.step()

    # then they are equal
    assert torch.equal(networks[0].weight, networks[1].weight)
