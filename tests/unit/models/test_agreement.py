"""Whether a faster way to compute answers as float32 does."""

import numpy as np
import pytest
import torch
from synthetic_images import shapes

from include.models.agreement import Agreement
from include.models.compute import Compute
from include.models.forward import forward_pass
from include.models.training import TrainedModel


class Close(torch.nn.Module):
    """Logits that differ by less than bfloat16 can tell."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 2, kernel_size=1, bias=False)  # a last linear layer would be in float32
        self.layer.weight.data = torch.tensor([[100.0, 100.0, 100.0], [100.001, 100.0, 99.999]])[:, :, None, None]

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.layer(images).mean(dim=(2, 3))


def agreement_of_bfloat16(model: torch.nn.Module, pixels: np.ndarray) -> Agreement:
    logits = []
    for dtype in ("float32", "bfloat16"):
        with forward_pass(model, pixels, n_images=len(pixels), compute=Compute(dtype=dtype)) as forward:
            logits.append(forward(pixels).logits)
    return Agreement.between(*logits)


def test_bfloat16_is_refused_where_it_changes_answers() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (200, 8, 8, 3), dtype=np.uint8)

    assert not agreement_of_bfloat16(Close(), pixels).holds


def test_bfloat16_is_accepted_where_it_does_not(trained: TrainedModel) -> None:
    assert agreement_of_bfloat16(trained.model, shapes(200, seed=5).images.pixels).holds


@pytest.mark.parametrize(("n_changed", "holds"), [(1, True), (2, False)])
def test_one_image_in_200_may_change_its_class(n_changed: int, holds: bool) -> None:  # noqa: FBT001
    exact = np.tile(np.float32([0.01, 0]), (200, 1))
    other = exact.copy()
    other[:n_changed] = [0, 0.01]

    agreement = Agreement.between(exact, other)

    assert agreement.holds is holds
    assert agreement.same_class == pytest.approx(1 - n_changed / 200)


def test_confidences_that_move_up_here_and_down_there_do_not_agree() -> None:
    """Their mean stays where it was."""
    exact = np.tile(np.float32([2, 0]), (200, 1))
    other = exact.copy()
    other[::2, 0], other[1::2, 0] = 2.3, 1.75

    assert not Agreement.between(exact, other).holds


def test_answers_that_are_no_numbers_do_not_agree() -> None:
    exact = np.tile(np.float32([2, 0]), (200, 1))

    assert not Agreement.between(exact, np.full_like(exact, np.nan)).holds
