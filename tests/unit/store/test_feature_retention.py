"""What networks saw in images goes with the images, and when nobody needs it any more."""

import json
from pathlib import Path

import numpy as np
import pytest
from filled_store import FilledStore
from safetensors.numpy import load_file

from include.images.preprocessing import preprocessing_digest
from include.store import erasure
from include.store.backbone_features import BackboneId, FeatureReader, FeatureWriter, find_features
from include.store.files import FileStore

WIDTH = 4


def see(filled: FilledStore, backbone: str, contents: list[str] | None = None) -> dict[str, list[float]]:
    """Keep features of contents, by default of all that have pixels, and return them by content."""
    if contents is None:
        contents = [content for (content,) in filled.query("SELECT CONTENT_SHA256 FROM PIXELS ORDER BY 1")]
    writer = FeatureWriter(filled.store, backbone_id(filled, backbone))
    features = {content: [float(len(backbone)), number, -number, 0.5] for number, content in enumerate(contents)}
    writer.add(contents, np.array(list(features.values()), dtype=np.float16))
    writer.publish(filled.warehouse, work_path="w")
    return features


def backbone_id(filled: FilledStore, backbone: str) -> BackboneId:
    return BackboneId(preprocessing_digest(filled.config.preprocessing), backbone, WIDTH)


def seen(filled: FilledStore, backbone: str) -> dict[str, list[float]]:
    """Return the features that FEATURES leads to, by content."""
    contents = [content for (content,) in filled.query("SELECT DISTINCT CONTENT_SHA256 FROM FEATURES")]
    places = find_features(filled.warehouse, filled.store, backbone_id(filled, backbone), contents, work_path="w")
    if not places:
        return {}
    features = FeatureReader(filled.store, list(places.values())).gather(np.arange(len(places)))
    return dict(zip(places, features.tolist(), strict=True))


def n_rows(filled: FilledStore) -> int:
    """Return how many images all files of features are of."""
    return sum(len(load_file(filled.root / name)["features"]) for name in filled.files("features"))


def content_of(filled: FilledStore, path: str) -> str:
    [(content,)] = filled.query("SELECT CONTENT_SHA256 FROM IMAGES WHERE RELATIVE_PATH = %(path)s", path=path)
    return str(content)


def name_backbone(filled: FilledStore, backbone: str) -> None:
    """Let all versions have this backbone."""
    filled.query("UPDATE MODEL_VERSIONS SET METRICS = PARSE_JSON(%(m)s)", m=json.dumps({"backbone_digest": backbone}))


def answer(filled: FilledStore, *names: str) -> None:
    """Answer new images, and let a check judge the answers."""
    for number, name in enumerate(names):
        filled.put_image(name, colour=(11 * number + 1, len(name), 3), stage="new")
    filled.infer()
    filled.judge()


def test_a_forgotten_image_leaves_no_features_of_any_backbone(filled: FilledStore) -> None:
    # Given an image among others that two backbones have seen
    filled.have_champion()
    answer(filled, "x.png", "other.png")
    content = content_of(filled, "x.png")
    before = {backbone: see(filled, backbone) for backbone in ("b1", "b22")}
    files = set(filled.files("features"))

    # When it is forgotten
    done = filled.forget("x.png")

    # Then its features are in no table and no file, and those of the others are what they were
    for backbone, features in before.items():
        del features[content]
        assert seen(filled, backbone) == features
    assert filled.query("SELECT COUNT(*) FROM FEATURES WHERE CONTENT_SHA256 = %(c)s", c=content) == [(0,)]
    assert not files & set(filled.files("features"))
    assert n_rows(filled) == sum(map(len, before.values()))
    # And it says so
    assert done.rows.n_features == 2
    assert done.files.n_rewritten == 3  # a segment of pixels, two of features
    assert "2 feature sets" in done.outcome


def test_while_a_copy_lives_the_features_stay(filled: FilledStore) -> None:
    filled.have_champion()
    filled.put_image("x.png", colour=(1, 2, 3), stage="new")
    filled.put_image("copy.png", colour=(1, 2, 3), stage="new")
    filled.infer()
    before = see(filled, "b1")

    done = filled.forget("x.png")

    assert done.rows.n_features == 0
    assert seen(filled, "b1") == before


def test_a_torn_file_goes_as_a_whole_when_an_image_in_it_is_forgotten(filled: FilledStore) -> None:
    filled.have_champion()
    answer(filled, "x.png", "other.png")
    see(filled, "b1")
    [file] = filled.files("features")
    path: Path = filled.root / file
    path.write_bytes(path.read_bytes()[:-1])

    filled.forget("x.png")

    assert filled.files("features") == []
    assert filled.query("SELECT COUNT(*) FROM FEATURES") == [(0,)]


def test_interrupted_the_request_is_finished_by_the_next(filled: FilledStore, monkeypatch: pytest.MonkeyPatch) -> None:
    filled.have_champion()
    answer(filled, "x.png", "other.png")
    before = see(filled, "b1")
    del before[content_of(filled, "x.png")]

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(erasure, "write_features", killed)
        with pytest.raises(KeyboardInterrupt):
            filled.forget("x.png")
    filled.forget("x.png")

    assert seen(filled, "b1") == before
    assert n_rows(filled) == len(before)


def test_features_of_backbones_that_serve_no_more_go_when_they_are_old(filled: FilledStore) -> None:
    # Given a champion, and features of its backbone and of one that no version has any more
    filled.have_champion()
    name_backbone(filled, "b1")
    kept = see(filled, "b1")
    see(filled, "of another version")
    leftover = filled.leave("features/orphan.safetensors", days=31)
    filled.pass_days(31)
    assert len(filled.files("features")) == 3

    told = filled.prune(dry_run=True)
    pruned = filled.prune()

    assert leftover not in filled.files("features")
    assert seen(filled, "b1") == kept
    assert seen(filled, "of another version") == {}
    assert pruned.removed["features"].n_files == told.removed["features"].n_files == 2
    assert pruned.left["features"].n_files == 1
    assert pruned.kept_for["the champion's snapshot"].n_files == 2  # with the pixels


def test_features_of_images_that_nobody_needs_go_with_their_pixels(filled: FilledStore) -> None:
    filled.have_champion()
    name_backbone(filled, "b1")
    answer(filled, "old.png")
    old = [content_of(filled, "old.png")]
    see(filled, "b1", old)
    filled.pass_days(20)
    assert "features" not in filled.prune().removed

    filled.pass_days(11)
    pruned = filled.prune()

    assert (pruned.removed["features"].n_files, pruned.removed["pixels"].n_files) == (1, 1)
    assert filled.files("features") == []
    assert filled.query("SELECT COUNT(*) FROM FEATURES") == [(0,)]


def test_features_count_for_max_gb(filled: FilledStore) -> None:
    filled.have_champion()
    name_backbone(filled, "b1")
    answer(filled, "old.png")
    see(filled, "b1", [content_of(filled, "old.png")])
    filled.pass_days(3)

    pruned = filled.prune(max_gb=1e-9)

    assert filled.files("features") == []
    assert pruned.removed["features"].n_bytes > 0


def test_features_in_a_remote_store_are_found_and_rewritten(filled: FilledStore, tmp_path: Path) -> None:
    filled.store = FileStore(f"memory://{filled.config.name}", cache=tmp_path / "cache")
    filled.put_classes()
    filled.promote(filled.train())
    answer(filled, "x.png", "other.png")
    before = see(filled, "b1")
    del before[content_of(filled, "x.png")]

    filled.forget("x.png")

    assert seen(filled, "b1") == before
