import time

import pytest
import torch
from synthetic_images import shapes

from include.models.architectures import build
from include.models.compute import IMAGENET, Compute, choose_compute, normalise


def test_normalised_pixels_have_imagenets_scale() -> None:
    pixels = torch.tensor([[[[0, 128, 255]]]], dtype=torch.uint8)

    red, green, blue = normalise(pixels)[0, :, 0, 0].tolist()

    assert red == pytest.approx((0 - 0.485) / 0.229, abs=1e-5)
    assert green == pytest.approx((128 / 255 - 0.456) / 0.224, abs=1e-5)
    assert blue == pytest.approx((1 - 0.406) / 0.225, abs=1e-5)


def test_normalising_keeps_the_layout_in_memory_and_the_pixels() -> None:
    pixels = torch.from_numpy(shapes(4).images.pixels)
    before = pixels.clone()

    inputs = normalise(pixels, IMAGENET)

    assert inputs.shape == (4, 3, 16, 16)
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(pixels, before)


@pytest.mark.parametrize("training", [True, False])
def test_choosing_leaves_model_threads_and_random_numbers_as_they_were(training: bool) -> None:  # noqa: FBT001
    # given
    model = build("small_cnn", n_classes=3).train()
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    n_threads, random_state = torch.get_num_threads(), torch.get_rng_state()

    # when
    started = time.monotonic()
    compute = choose_compute(model, shapes(64, size=32).images.pixels, training=training)
    seconds = time.monotonic() - started

    # then
    assert seconds < 20  # two seconds on a quiet machine
    assert compute.n_threads in (1, 2)
    assert model.training
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.get_num_threads() == n_threads
    assert torch.equal(torch.get_rng_state(), random_state)


def test_threads_are_restored_when_the_work_fails() -> None:
    before = torch.get_num_threads()

    with pytest.raises(RuntimeError), Compute(n_threads=before + 1).threads():
        raise RuntimeError

    assert torch.get_num_threads() == before


def test_a_mapped_array_that_may_not_be_written_is_no_problem(recwarn: pytest.WarningsRecorder) -> None:
    pixels = shapes(2).images.pixels
    pixels.setflags(write=False)

    Compute().inputs(pixels)

    assert not [warning for warning in recwarn if "writ" in str(warning.message)]
