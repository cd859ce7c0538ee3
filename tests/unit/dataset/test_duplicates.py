"""Copies: equal files, the same picture in other files, and that ten thousand images are no trouble."""

import io

import numpy as np
from drawn_pictures import Given, drawn
from PIL import Image, ImageEnhance

from include.dataset.duplicates import near_duplicates, same_files
from include.dataset.images import DatasetImage, Fingerprints


def groups_of(given):
    found = given.looked_at()
    return [
        [found.images[place].path for place in group.places]
        for group in near_duplicates(found.images, found.fingerprints)
    ]


def compressed(picture, *, quality=30):
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=quality)
    return Image.open(content)


def test_equal_files_are_one_group_however_many_there_are():
    given = Given().add(drawn(1), path="a/1.jpg").add(drawn(2), path="a/2.jpg")
    given.add(drawn(1), path="a/3.jpg").add(drawn(1), label="b", path="b/1.jpg")

    [group] = same_files(given.images)

    assert [given.images[place].path for place in group.places] == ["a/1.jpg", "a/3.jpg", "b/1.jpg"]
    assert group.labels == ("a", "b")
    assert groups_of(given) == []


def test_the_same_picture_in_another_size_or_compression_is_found_and_other_pictures_are_not():
    given = Given()
    for seed in range(40):
        given.add(drawn(seed), path=f"{seed}.png")
    given.add(compressed(drawn(3)), path="3 compressed.jpg").add(drawn(3).resize((20, 20)), path="3 small.png")
    given.add(drawn(7).transpose(Image.Transpose.ROTATE_90), path="7 turned.png")

    assert groups_of(given) == [["3 compressed.jpg", "3 small.png", "3.png"]]


def test_pictures_with_one_outline_and_other_colours_are_no_copies():
    given = Given().add(drawn(5), path="5.png").add(ImageEnhance.Brightness(drawn(5)).enhance(0.5), path="dark.png")

    assert groups_of(given) == []


def test_what_does_harm_comes_first():
    given = Given()
    for side, seed, label in (("train", 1, "a"), ("train", 2, "a"), ("train", 3, "a")):
        given.add(drawn(seed), label=label, side=side, path=f"{seed}.png")
    given.add(compressed(drawn(1)), path="1 again.jpg")
    given.add(compressed(drawn(2)), side="test", path="2 tested.jpg")
    given.add(compressed(drawn(3)), label="b", path="3 of b.jpg")
    found = given.looked_at()

    groups = near_duplicates(found.images, found.fingerprints)

    assert [(group.labels, group.sides) for group in groups] == [
        (("a", "b"), ("train",)),
        (("a",), ("test", "train")),
        (("a",), ("train",)),
    ]


def test_thousands_that_look_alike_are_not_compared_pair_by_pair():
    n = 4_000  # all pairs would be 8 million, in each of five parts of the hash
    images = [DatasetImage(f"{place}", "a", "train", f"{place:064}", None) for place in range(n)]
    grey = np.full((n, 16, 16, 3), 128, dtype=np.uint8)
    alike = Fingerprints(places=np.arange(n), hashes=np.full(n, 7, dtype=np.uint64), tiny=grey)

    [group] = near_duplicates(images, alike)

    assert len(group.places) == n


def test_nothing_to_compare_is_no_copy():
    assert near_duplicates([], Given().looked_at().fingerprints) == []
