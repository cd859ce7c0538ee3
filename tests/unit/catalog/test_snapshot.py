"""A frozen data set."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from include.catalog.snapshot import ContentDigest, DigestReader, Snapshot, freeze_snapshot
from include.catalog.split import Split
from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.drift.evidence import count_new_labels
from include.errors import FetchError, SnapshotError
from include.images.limits import MAX_BYTES
from include.images.preprocess import read_digests
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
PutImage = Callable[..., Path]
Freeze = Callable[..., Snapshot]


@pytest.fixture
def freeze(warehouse: Warehouse, config: PipelineConfig) -> Freeze:
    def run(read: DigestReader = read_digests) -> Snapshot:
        for stage, labels in ((config.stages.training, config.labels), (config.stages.incoming, None)):
            sync_stage(warehouse, stage, labels=labels, accept_removals=False)
        return freeze_snapshot(warehouse, config, run_id="run", work_path="work", read_digests=read)

    return run


@pytest.fixture
def two_classes(put_image: PutImage) -> None:
    for i in range(12):
        put_image(f"{'red' if i % 2 else 'blue'}/{i}.png", colour=(i, 0, 0))


def test_the_same_images_and_labels_give_the_same_snapshot_and_no_new_row(
    two_classes: None, freeze: Freeze, query: Query
) -> None:
    first = freeze()
    rows = query("SELECT * FROM SNAPSHOT_IMAGES ORDER BY RELATIVE_PATH")

    second = freeze(read=never)

    assert second == first
    assert query("SELECT * FROM SNAPSHOT_IMAGES ORDER BY RELATIVE_PATH") == rows
    assert query("SELECT SNAPSHOT_ID, N_IMAGES, N_CLASSES FROM SNAPSHOTS") == [(first.snapshot_id, 12, 2)]


def never(urls: Sequence[str], *, refresh: Callable[[int], str]) -> Sequence[ContentDigest]:
    raise AssertionError(f"{len(urls)} images are read again")


def test_another_label_or_image_gives_another_snapshot(
    two_classes: None, freeze: Freeze, put_image: PutImage, query: Query
) -> None:
    first = freeze()
    query(
        "INSERT INTO LABELS SELECT STAGE, RELATIVE_PATH, ETAG, 'blue', 'person', SYSDATE() FROM IMAGES "
        "WHERE RELATIVE_PATH = 'red/1.png'"
    )
    relabelled = freeze()
    put_image("red/99.png", colour=(99, 0, 0))
    grown = freeze()

    assert len({first.snapshot_id, relabelled.snapshot_id, grown.snapshot_id}) == 3
    assert relabelled.n_by_class == {"blue": 7, "red": 5}
    label = query(
        "SELECT LABEL, LABEL_SOURCE FROM SNAPSHOT_IMAGES WHERE RELATIVE_PATH = 'red/1.png' AND SNAPSHOT_ID = %(id)s",
        id=relabelled.snapshot_id,
    )
    assert label == [("blue", "person")]


def test_an_incoming_image_takes_part_once_a_person_labelled_it(
    two_classes: None, freeze: Freeze, put_image: PutImage, query: Query
) -> None:
    put_image("unknown/a.png", colour=(0, 9, 0), stage="new")
    put_image("unknown/b.png", colour=(0, 99, 0), stage="new")
    assert sum(freeze().n_by_class.values()) == 12
    query(
        "INSERT INTO LABELS SELECT STAGE, RELATIVE_PATH, ETAG, 'red', 'person', SYSDATE() FROM IMAGES "
        "WHERE RELATIVE_PATH = 'unknown/a.png'"
    )

    assert freeze().n_by_class == {"blue": 6, "red": 7}


def test_labels_of_images_that_nobody_knows_are_told_once_and_left_out(
    two_classes: None, freeze: Freeze, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    first = freeze()
    query("INSERT INTO LABELS SELECT 'INCOMING_IMAGES', 'a/typo.png', 'e', 'red', 'person', SYSDATE()")
    query("INSERT INTO LABELS SELECT 'INCOMING_IMAGES', 'a/typo.png', 'e', 'blue', 'person', SYSDATE()")
    query(
        "INSERT INTO LABELS SELECT STAGE, RELATIVE_PATH, 'another tag', 'red', 'person', SYSDATE() FROM IMAGES "
        "WHERE RELATIVE_PATH = 'red/1.png'"
    )

    assert freeze() == first

    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "LABELS has rows for 2 images that are not in the catalog, the first is a/typo.png of stage INCOMING_IMAGES: "
        "they are left out"
    ]


def test_copies_are_on_one_side_even_when_they_come_later_elsewhere_or_relabelled(
    two_classes: None, freeze: Freeze, put_image: PutImage, query: Query
) -> None:
    freeze()
    for i in range(12):
        put_image(f"red/copy of {i}.png", colour=(i, 0, 0))

    freeze()

    sides = query("SELECT COUNT(DISTINCT SPLIT) FROM SNAPSHOT_IMAGES GROUP BY CONTENT_SHA256")
    assert set(sides) == {(1,)}
    assert query("SELECT COUNT(*) FROM IMAGES WHERE SPLIT IS NULL") == [(0,)]


def test_each_side_has_images_of_each_class(two_classes: None, freeze: Freeze) -> None:
    assert set(freeze().n_by_split) == set(Split)


def test_an_empty_stage_is_refused(freeze: Freeze) -> None:
    with pytest.raises(SnapshotError, match=r"TRAINING_IMAGES .* has no labelled image: put images there"):
        freeze()


def test_a_class_with_fewer_than_three_images_is_named(two_classes: None, freeze: Freeze, put_image: PutImage) -> None:
    put_image("green/1.png", colour=(0, 1, 0))
    put_image("green/2.png", colour=(0, 2, 0))
    put_image("green/copy of 2.png", colour=(0, 2, 0))

    with pytest.raises(SnapshotError, match="at least 3 different images: 'green' has 2"):
        freeze()


def test_one_class_is_no_data_set(freeze: Freeze, put_image: PutImage) -> None:
    for i in range(5):
        put_image(f"red/{i}.png", colour=(i, 0, 0))

    with pytest.raises(SnapshotError, match="only one class, 'red'"):
        freeze()


def test_a_file_that_cannot_be_fetched_stops_the_snapshot_and_is_named(
    two_classes: None, freeze: Freeze, query: Query, tmp_path: Path
) -> None:
    def vanish(urls: Sequence[str], *, refresh: Callable[[int], str]) -> Sequence[ContentDigest]:
        (tmp_path / "train" / "red" / "1.png").unlink()
        return read_digests(urls, refresh=refresh)

    with pytest.raises(
        FetchError, match=r"1 of 12 images could not be read; the first is red/1.png of stage TRAINING_IMAGES"
    ):
        freeze(read=vanish)

    assert query("SELECT COUNT(*) FROM SNAPSHOTS") == [(0,)]
    assert query("SELECT COUNT(CONTENT_SHA256) FROM IMAGES") == [(11,)]


def test_a_file_that_is_too_large_is_quarantined_and_not_read_again(
    two_classes: None, freeze: Freeze, query: Query, tmp_path: Path
) -> None:
    with (tmp_path / "train" / "red" / "huge.png").open("wb") as file:
        file.truncate(MAX_BYTES + 1)

    first = freeze()

    assert query("SELECT RELATIVE_PATH FROM QUARANTINE") == [("red/huge.png",)]
    assert sum(first.n_by_class.values()) == 12
    assert freeze(read=never) == first


def ask_for(query: Query, paths: Sequence[str], *, kind: str) -> None:
    """Let people be asked to label some images, and label them."""
    for path in paths:
        query(
            "INSERT INTO LABEL_REQUESTS SELECT 'c', STAGE, RELATIVE_PATH, ETAG, 1, %(kind)s, 'red', 0.4, NULL, 1, "
            "SYSDATE() FROM IMAGES WHERE RELATIVE_PATH = %(path)s",
            path=path,
            kind=kind,
        )
        query(
            "INSERT INTO LABELS SELECT STAGE, RELATIVE_PATH, ETAG, 'red', 'person', SYSDATE() FROM IMAGES "
            "WHERE RELATIVE_PATH = %(path)s",
            path=path,
        )


SIDES = "SELECT RELATIVE_PATH, LABEL_SOURCE, SPLIT FROM SNAPSHOT_IMAGES WHERE SNAPSHOT_ID = %(id)s"


def test_images_that_were_picked_because_a_version_doubts_about_them_are_trained_on_and_never_measured_with(
    two_classes: None, freeze: Freeze, put_image: PutImage, query: Query
) -> None:
    hard, sample = [f"hard {i}.png" for i in range(20)], [f"any {i}.png" for i in range(20)]
    for i, (one, other) in enumerate(zip(hard, sample, strict=True)):
        put_image(one, colour=(0, 0, 50 + i), stage="new")
        put_image(other, colour=(0, 200, i), stage="new")
    freeze()
    ask_for(query, hard, kind="informative")
    ask_for(query, sample, kind="random")

    snapshot = freeze()

    rows = query(SIDES, id=snapshot.snapshot_id)
    assert len(rows) == 12 + 20 + 20
    assert {side for path, _, side in rows if path in hard} == {"train"}
    assert {side for path, _, side in rows if path in sample} == {"train", "validation", "test"}
    assert {source for path, source, _ in rows if path in hard} == {"informative"}


def test_one_that_is_on_another_side_stays_there_and_is_in_no_snapshot(
    two_classes: None, freeze: Freeze, put_image: PutImage, query: Query, warehouse: Warehouse, config: PipelineConfig
) -> None:
    # Given images on every side, of which copies come in, people are asked about, and get another label
    before = freeze()
    reds = [path for path, _, _ in query(SIDES, id=before.snapshot_id) if path.startswith("red")]
    for path in reds:
        put_image(f"copy of {path}", colour=(int(path[4:-4]), 0, 0), stage="new")
    freeze()
    ask_for(query, [f"copy of {path}" for path in reds], kind="informative")
    query("UPDATE LABELS SET LABEL = 'blue'")

    snapshot = freeze()

    # Then a copy is in the snapshot if the original is trained on; the others have the side of the original
    rows = query(SIDES, id=snapshot.snapshot_id)
    trained = {path for path, _, side in rows if path.startswith("red") and side == "train"}
    assert {path for path, source, _ in rows if source == "informative"} == {f"copy of {path}" for path in trained}
    assert trained < set(reds)
    assert set(snapshot.n_by_split) == set(Split)
    assert sum(snapshot.n_by_class.values()) == len(snapshot.keys) == len(rows) == 12 + len(trained)
    assert query("SELECT N_IMAGES FROM SNAPSHOTS WHERE SNAPSHOT_ID = %(id)s", id=snapshot.snapshot_id) == [(len(rows),)]
    assert query("SELECT COUNT(*) FROM IMAGES WHERE SPLIT IS NULL") == [(0,)]
    # And what no training would take never counts as a new label
    query("INSERT INTO MODEL_VERSIONS SELECT 1, %(id)s, PARSE_JSON('{}'), PARSE_JSON('{}'), 1, 'a', 'b', 1, 'r', "
          "SYSDATE()", id=snapshot.snapshot_id)  # fmt: skip
    assert count_new_labels(warehouse, config, version=1) == 0


def test_a_class_of_such_images_alone_cannot_be_measured_and_is_named(
    two_classes: None, freeze: Freeze, put_image: PutImage, query: Query
) -> None:
    for i in range(5):
        put_image(f"{i}.png", colour=(0, 0, i), stage="new")
    freeze()
    ask_for(query, [f"{i}.png" for i in range(4)], kind="informative")
    ask_for(query, ["4.png"], kind="random")
    query("UPDATE LABELS SET LABEL = 'a hat'")

    with pytest.raises(SnapshotError, match="nearly all labels of 'a hat' are of images that were picked because"):
        freeze()
