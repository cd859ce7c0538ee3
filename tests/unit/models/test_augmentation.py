import pytest
import torch

from include.models.augmentation import change, draw_changes


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def augment(images: torch.Tensor, generator: torch.Generator, *, horizontal_flip: bool) -> torch.Tensor:
    return change(images, draw_changes(len(images), generator, horizontal_flip=horizontal_flip))


def half_bright(n_images: int) -> torch.Tensor:
    """Images that are bright on their left side."""
    images = torch.zeros(n_images, 3, 16, 16)
    images[..., :8] = 5.0
    return images


def bright_side(images: torch.Tensor) -> list[str]:
    return ["left" if image[:, :, :4].mean() > image[:, :, -4:].mean() else "right" for image in images]


def test_left_stays_left_without_flips() -> None:
    changed = augment(half_bright(64), generator(), horizontal_flip=False)

    assert set(bright_side(changed)) == {"left"}


def test_about_half_are_mirrored_with_flips() -> None:
    changed = augment(half_bright(400), generator(), horizontal_flip=True)

    assert bright_side(changed).count("right") == pytest.approx(200, abs=50)


def test_each_image_changes_in_its_own_way_and_the_same_seed_repeats_it() -> None:
    images = half_bright(8)

    first, again = (augment(images.clone(), generator(), horizontal_flip=False) for _ in range(2))

    assert torch.equal(first, again)
    assert len({tuple(image.flatten().tolist()) for image in first}) == 8


def test_an_object_stays_in_the_image() -> None:
    images = torch.zeros(100, 1, 32, 32).repeat(1, 3, 1, 1)
    images[:, :, 13:19, 13:19] = 10.0

    changed = augment(images, generator(), horizontal_flip=True)

    bright = (changed > 4).flatten(1).sum(dim=1) / 3
    assert bright.min() >= 20  # of 36 pixels
    assert bright.max() <= 60


def test_a_part_of_a_batch_is_changed_as_in_the_whole() -> None:
    images = half_bright(8)
    changes = draw_changes(8, generator(), horizontal_flip=True)

    assert torch.equal(change(images[3:6], changes.part(slice(3, 6))), change(images, changes)[3:6])
