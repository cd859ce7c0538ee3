import logging
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
import torch
from safetensors.torch import save_file

from include.config import PROJECT_ROOT
from include.config_parts import Architecture
from include.errors import ModelError
from include.models.architectures import build


@pytest.mark.parametrize("size", [8, 9, 17, 32, 96])
def test_small_cnn_takes_any_size_from_8_to_96_px(size: int) -> None:
    model = build("small_cnn", n_classes=5).eval()

    assert model(torch.rand(2, 3, size, size)).shape == (2, 5)


def test_small_cnn_needs_neither_torchvision_nor_the_compiler() -> None:
    code = """
import sys
sys.path.insert(0, "tests/unit/models")
from synthetic_images import CLASSES, shapes
from include.config_parts import TrainingConfig
from include.models.training import train
data = shapes(12)
train(images=data.images, labels=data.labels, validation=data, classes=CLASSES, architecture="small_cnn",
      weights="none", settings=TrainingConfig(n_epochs=1), seed=0, horizontal_flip=True)
print([name for name in ("torchvision", "torch._dynamo", "sklearn", "pandas", "snowflake.connector", "airflow")
       if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_an_unknown_architecture_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"no architecture 'resnet19'.*small_cnn, resnet18"):
        build("resnet19", n_classes=3)


def test_every_architecture_of_the_config_is_one_of_torchvision() -> None:
    from torchvision.models import list_models

    assert set(get_args(Architecture)) - {"small_cnn"} <= set(list_models())


def test_a_torchvision_architecture_starts_from_a_file(tmp_path: Path) -> None:
    # given the weights of another model
    other = build("mobilenet_v3_small", n_classes=4).eval()
    save_file(other.state_dict(), tmp_path / "other.safetensors")

    # when a model is built from them
    model = build("mobilenet_v3_small", n_classes=4, weights=str(tmp_path / "other.safetensors")).eval()

    # then it gives the same answers
    images = torch.rand(2, 3, 64, 64)
    assert torch.equal(model(images), other(images))


def test_the_last_layer_stays_random_for_another_number_of_classes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = build("small_cnn", n_classes=4)
    save_file(other.state_dict(), tmp_path / "other.safetensors")

    with caplog.at_level(logging.INFO, logger="include.models.architectures"):
        model = build("small_cnn", n_classes=6, weights=str(tmp_path / "other.safetensors"))

    assert torch.equal(model[0].weight, other[0].weight)
    assert model(torch.rand(2, 3, 16, 16)).shape == (2, 6)
    assert "left random: 23.bias, 23.weight" in caplog.text


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no file .*absent\.safetensors"):
        build("small_cnn", n_classes=3, weights=str(tmp_path / "absent.safetensors"))


def test_a_file_that_is_no_safetensors_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"\x80\x04not tensors")

    with pytest.raises(ModelError, match=r"weights\.pt is not a safetensors file"):
        build("small_cnn", n_classes=3, weights=str(tmp_path / "weights.pt"))


def test_weights_of_another_architecture_are_refused_with_what_differs(tmp_path: Path) -> None:
    tensors = build("small_cnn", n_classes=3).state_dict()
    tensors["0.weight"] = torch.zeros(8, 3, 5, 5)
    del tensors["1.weight"]
    tensors["extra"] = torch.zeros(1)
    save_file(tensors, tmp_path / "other.safetensors")

    with pytest.raises(ModelError) as refused:
        build("small_cnn", n_classes=3, weights=str(tmp_path / "other.safetensors"))

    assert "0.weight has shape [8, 3, 5, 5], not [16, 3, 5, 5]" in str(refused.value)
    assert "1.weight is missing" in str(refused.value)
    assert "extra is not part of the model" in str(refused.value)


def test_small_cnn_has_no_default_weights() -> None:
    with pytest.raises(ModelError, match="small_cnn has no DEFAULT weights"):
        build("small_cnn", n_classes=3, weights="DEFAULT")


def test_default_weights_come_from_the_cache_of_torch_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a downloaded file of weights for ImageNet's 1,000 classes
    from torchvision.models import get_model, get_model_weights

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    pretrained = get_model("mobilenet_v3_small", weights=None)
    cached = tmp_path / "hub" / "checkpoints" / get_model_weights("mobilenet_v3_small").DEFAULT.url.rsplit("/")[-1]
    cached.parent.mkdir(parents=True)
    torch.save(pretrained.state_dict(), cached)

    # when a model for three classes starts from it
    model = build("mobilenet_v3_small", n_classes=3, weights="DEFAULT").eval()

    # then only its last layer is new
    assert torch.equal(model.classifier[0].weight, pretrained.classifier[0].weight)
    assert model(torch.rand(1, 3, 64, 64)).shape == (1, 3)


def test_default_weights_never_run_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import get_model_weights

    class Hostile:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "ran",)

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / get_model_weights("mobilenet_v3_small").DEFAULT.url.rsplit("/")[-1]
    cached.parent.mkdir(parents=True)
    torch.save({"features.0.0.weight": Hostile()}, cached)

    with pytest.raises(ModelError, match="DEFAULT weights of mobilenet_v3_small"):
        build("mobilenet_v3_small", n_classes=3, weights="DEFAULT")
    assert not (tmp_path / "ran").exists()


def test_a_failing_download_is_named_with_the_next_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there

    with pytest.raises(ModelError, match=r"DEFAULT weights of mobilenet_v3_small.*check the network"):
        build("mobilenet_v3_small", n_classes=3, weights="DEFAULT")
