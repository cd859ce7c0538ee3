"""A user's folder of images: what is found in it, what is held back, what is refused, and that it stays as it is."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from include.catalog.sync import sync_stage
from include.commands.console import printable
from include.commands.demo import folder as folder_module
from include.commands.demo import stages
from include.commands.demo.folder import read_image_folder
from include.commands.demo.stages import place_images, place_turned
from include.commands.new.image_files import FoundImage
from include.commands.new.names import pipeline_name
from include.errors import CommandError


def put(path: Path, *, size: tuple[int, int] = (60, 40), seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, {".jpeg": "JPEG"}.get(path.suffix.lower()))
    return path


def fill(root: Path, *, stage: str = "train", classes: tuple[str, ...] = ("cat", "dog"), n: int = 5) -> Path:
    for label in classes:
        for index in range(n):
            put(root / stage / label / f"{index}.png", seed=index)
    return root


def contents(root: Path) -> dict[str, tuple[bytes, int]]:
    return {str(p): (p.read_bytes(), p.stat().st_mtime_ns) for p in sorted(root.rglob("*")) if p.is_file()}


def test_labelled_and_new_images_are_found_with_their_classes(tmp_path):
    fill(tmp_path)
    fill(tmp_path, stage="new", n=2)
    put(tmp_path / "new" / "who knows.png")
    put(tmp_path / "new" / "bird" / "1.png")

    found = read_image_folder(tmp_path)

    assert found.n_by_class == {"cat": 5, "dog": 5}
    assert len(found.new) == 6
    assert found.truth == {"cat/0.png": "cat", "cat/1.png": "cat", "dog/0.png": "dog", "dog/1.png": "dog"}
    assert not found.is_held_back
    assert found.headers.short_side == 40


def test_names_are_as_users_have_them(tmp_path):
    fill(tmp_path)
    odd = [
        'my cats/it\'s "one" of 100%.JPG',
        "my cats/2024/Juli/Ünïcode 猫.Png",
        "my cats/line\nfeed.jpeg",
        "my cats/-rf *.webp",
    ]
    for path in odd:
        put(tmp_path / "train" / path)

    found = read_image_folder(tmp_path)
    place_images(found.training, tmp_path / "stage")

    assert found.n_by_class["my cats"] == 4
    assert {image.path for image in (*found.training, *found.new)} >= set(odd)
    assert {str(p.relative_to(tmp_path / "stage")) for p in (tmp_path / "stage").rglob("*.*")} >= set(odd)


def test_a_broken_image_goes_along_and_litter_does_not(tmp_path):
    fill(tmp_path, n=10)
    (tmp_path / "train" / "cat" / "empty.JPG").touch()
    (tmp_path / "train" / "dog" / "page.png").write_text("<html>404</html>")
    put(tmp_path / "train" / "cat" / "image.png").rename(tmp_path / "train" / "cat" / "no suffix")
    for litter in (".DS_Store", "Thumbs.db", "desktop.ini", "._0.png", ".hidden.png", "README.md", "labels.csv"):
        (tmp_path / "train" / "cat" / litter).write_text("not an image")
    put(tmp_path / "train" / "__MACOSX" / "0.png")
    put(tmp_path / "train" / ".thumbnails" / "0.png")
    put(tmp_path / "train" / "loose.png")
    (tmp_path / "new").mkdir()
    put(tmp_path / "new" / "1.png")

    found = read_image_folder(tmp_path)

    paths = {image.path for image in found.training}
    assert {"cat/empty.JPG", "dog/page.png", "cat/no suffix"} <= paths
    assert len(paths) == 23
    assert found.n_by_class == {"cat": 12, "dog": 11}
    assert found.n_left_out == 3  # the README, the table, and the image that lies in no class
    assert found.headers.unreadable == ("cat/empty.JPG", "dog/page.png")


def test_without_new_images_a_fifth_of_each_class_is_held_back_always_the_same(tmp_path):
    fill(tmp_path / "a", n=12)
    fill(tmp_path / "b", n=12, classes=("dog", "cat"))
    first, second = read_image_folder(tmp_path / "a"), read_image_folder(tmp_path / "b")

    assert first.is_held_back
    assert [image.path for image in first.new] == [image.path for image in second.new]
    assert sorted(first.truth.values()) == ["cat"] * 2 + ["dog"] * 2
    assert first.n_by_class == {"cat": 10, "dog": 10}
    assert not {image.path for image in first.new} & {image.path for image in first.training}


def test_broken_images_are_held_back_in_their_share(tmp_path):
    fill(tmp_path, n=60)
    for index in range(5):
        (tmp_path / "train" / "cat" / f"bad {index}.jpg").touch()

    found = read_image_folder(tmp_path)

    assert len(found.headers.unreadable) == 4
    assert sum(image.path.startswith("cat/bad") for image in found.new) == 1


def test_links_are_followed_but_not_in_circles(tmp_path):
    fill(tmp_path / "elsewhere", classes=("cat",))
    fill(tmp_path / "mine", classes=("dog",))
    (tmp_path / "mine" / "train" / "cat").symlink_to(tmp_path / "elsewhere" / "train" / "cat")
    (tmp_path / "mine" / "train" / "dog" / "again").symlink_to(tmp_path / "mine" / "train")
    (tmp_path / "mine" / "train" / "dog" / "lost.png").symlink_to(tmp_path / "nowhere.png")

    found = read_image_folder(tmp_path / "mine")
    place_images([*found.training, *found.new], tmp_path / "stage")

    assert len(found.training) + len(found.new) == 10
    assert found.n_left_out == 1
    assert not any(path.is_symlink() for path in (tmp_path / "stage").rglob("*"))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda root: root.parent.mkdir(exist_ok=True), ["is not there", "train/<class>/*"]),
        (lambda root: root.write_text("a file"), ["is no folder"]),
        (lambda root: fill(root, stage="shirts"), ["has no folder train", "there are shirts"]),
        (lambda root: (root / "train").mkdir(parents=True), ["train has no folders"]),
        (lambda root: put(root / "train" / "1.png"), ["train has no folders"]),
        (lambda root: (root / "train" / "cat").mkdir(parents=True), ["train has no image in its folders"]),
        (lambda root: fill(root, classes=("cat",)), ["one class only, cat", "needs two"]),
        (lambda root: (fill(root), fill(root, classes=("eel",), n=2)), ["at least 3 images", "eel has 2"]),
        (lambda root: (fill(root), (root / "train" / "eel").mkdir()), ["eel has 0", "remove the folder"]),
        (lambda root: fill(root, n=4), ["no class has 5 images", "held back"]),
        (lambda root: (fill(root), (root / "new").mkdir()), ["new has no image", "put some there, or remove it"]),
        (lambda root: fill(root, classes=("camera_b", "dog")), ["train/camera_b", "another one"]),
        (lambda root: (fill(root), fill(root, stage="new", classes=("camera_b",))), ["camera_b", "another one"]),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(tmp_path, make, told):
    root = tmp_path / "images"
    make(root)

    with pytest.raises(CommandError) as refused:
        read_image_folder(root)

    assert all(part in str(refused.value) for part in told), refused.value
    assert len(str(refused.value).splitlines()) == 1


def test_images_that_nobody_can_read_are_refused(tmp_path):
    for label in ("cat", "dog\n"):
        for index in range(12):
            path = tmp_path / "train" / label / f"{index}.heic"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"\0\0\0\x18ftypheic")

    with pytest.raises(CommandError, match=r"can be read \(JPEG, .*TIFF\), cat has 0, dog\\n has 0"):
        read_image_folder(tmp_path)


@pytest.mark.parametrize(("stage", "named"), [("train", "5 of the 45"), ("new", "5 of the 25")])
def test_more_broken_images_than_the_pipeline_allows_are_refused_at_once(tmp_path, stage, named):
    fill(tmp_path, n=20)
    fill(tmp_path, stage="new", n=10)
    for index in range(5):
        (tmp_path / stage / "cat" / f"bad {index}.jpg").touch()

    with pytest.raises(CommandError, match=rf"{named} images .* cat/bad 0.jpg: remove them, at most 10% may be broken"):
        read_image_folder(tmp_path)


def test_a_few_broken_images_among_few_are_let_pass_as_the_pipeline_does(tmp_path):
    fill(tmp_path, n=6)
    for index in range(4):
        (tmp_path / "train" / "cat" / f"bad {index}.jpg").touch()

    assert len(read_image_folder(tmp_path).headers.unreadable) == 4


def test_the_headers_of_a_large_folder_are_sampled(tmp_path, monkeypatch):
    monkeypatch.setattr(folder_module, "_SAMPLE", 10)
    fill(tmp_path, n=40)
    put(tmp_path / "new" / "1.png")

    found = read_image_folder(tmp_path)

    assert found.headers.n == 20
    assert len(found.training) == 80


def test_placed_images_are_links_and_the_folder_stays_as_it_is(tmp_path):
    fill(tmp_path / "mine")
    before = contents(tmp_path / "mine")
    found = read_image_folder(tmp_path / "mine")

    n_copied = place_images(found.training, tmp_path / "stage")

    assert n_copied == 0
    for image in found.training:
        assert image.source.samefile(tmp_path / "stage" / image.path)
    assert contents(tmp_path / "mine") == before


def test_the_catalog_finds_each_image_in_the_class_of_its_folder(tmp_path, warehouse, config, query):
    odd = ("null", "-rf", "# 1: a", 'it\'s "one" of 100%', "{{ x }}", "a\nb", " blank ", "猫", "a\\b", "%41")
    found = read_image_folder(fill(tmp_path / "mine", classes=odd))
    place_images(found.training, Path(config.stages.training.url.removeprefix("file://")))

    sync_stage(warehouse, config.stages.training, labels=config.labels, accept_removals=False)

    labels = dict(query("SELECT RELATIVE_PATH, LABEL FROM IMAGES"))
    assert labels == {image.path: image.first_folder for image in found.training}


def test_where_no_link_is_possible_images_are_copied(tmp_path, monkeypatch):
    found = read_image_folder(fill(tmp_path / "mine"))

    def refuse(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(stages.os, "link", refuse)

    n_copied = place_images(found.training, tmp_path / "stage")

    assert n_copied == len(found.training)
    for image in found.training:
        assert (tmp_path / "stage" / image.path).read_bytes() == image.source.read_bytes()
        assert not image.source.samefile(tmp_path / "stage" / image.path)


def test_turned_copies_have_their_proportions_and_broken_ones_are_left_out(tmp_path):
    wide = put(tmp_path / "wide.png", size=(90, 30))
    half = np.zeros((40, 40, 3), dtype=np.uint8)
    half[:20] = 255  # white above
    Image.fromarray(half).save(tmp_path / "half.png")
    (tmp_path / "broken.jpg").touch()
    images = [FoundImage(path.name, path) for path in (wide, tmp_path / "broken.jpg", tmp_path / "half.png")]

    turned = place_turned(images, tmp_path / "stage", name=lambda n: f"camera_b/{n}.jpg", longest_side=60)

    assert turned == {"camera_b/0.jpg": "wide.png", "camera_b/2.jpg": "half.png"}
    with Image.open(tmp_path / "stage" / "camera_b" / "0.jpg") as picture:
        assert picture.size == (20, 60)
    with Image.open(tmp_path / "stage" / "camera_b" / "2.jpg") as picture:
        pixels = np.asarray(picture.convert("L"))
        assert picture.size == (40, 40)
    assert pixels[:, :18].min() > 200  # what was above is on the left
    assert pixels[:, 22:].max() < 50


def test_a_turned_copy_is_never_written_over_a_file_which_may_be_a_link_to_the_user_s(tmp_path):
    mine = put(tmp_path / "mine.png")
    before = mine.read_bytes()
    images = [FoundImage("camera_b/0.jpg", mine)]
    place_images(images, tmp_path / "stage")

    with pytest.raises(FileExistsError):
        place_turned(images, tmp_path / "stage", name=lambda n: f"camera_b/{n}.jpg", longest_side=60)

    assert mine.read_bytes() == before


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("clothing", "clothing"),
        ("My Photos (2024)", "my_photos_2024"),
        ("2024-07", "images_2024_07"),
        ("Hüte & Schuhe", "hute_schuhe"),
        ("猫", "images"),
        ("order", "images_order"),
        ("Yes", "images_yes"),
        ("a" * 200, "a" * 48),
    ],
)
def test_a_pipeline_is_called_as_its_folder_is(folder, name):
    assert pipeline_name(Path("/data") / folder) == name


def test_what_is_shown_of_a_name_is_one_line_without_escape_sequences():
    assert printable("a\n\x1b[31m\u202e猫\udcff.jpg") == "a\\n\\x1b[31m\\u202e猫\\udcff.jpg"
