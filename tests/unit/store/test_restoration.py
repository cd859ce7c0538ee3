"""What is left of an old snapshot, and from which staged files its pixels are made again."""

from collections.abc import Callable
from pathlib import Path

import pytest
from filled_store import FilledStore

from include.errors import SnapshotError
from include.store.batches import write_batches
from include.store.restoration import Restoration, plan_restoration, refuse_unrestored

Plan = Callable[[], Restoration]


@pytest.fixture
def snapshot_id(filled: FilledStore) -> str:
    """The snapshot of a champion: three images of red and three of blue."""
    filled.have_champion()
    [(found,)] = filled.query("SELECT SNAPSHOT_ID FROM SNAPSHOTS")
    return str(found)


@pytest.fixture
def plan(filled: FilledStore, snapshot_id: str) -> Plan:
    def of_snapshot() -> Restoration:
        return plan_restoration(
            filled.warehouse,
            filled.store,
            snapshot_id=snapshot_id,
            preprocessing=filled.config.preprocessing,
            stages=filled.config.stages,
        )

    return of_snapshot


@pytest.fixture
def pruned(filled: FilledStore, snapshot_id: str) -> None:
    """The snapshot's pixels are gone."""
    for segment in set(filled.segments.values()):
        filled.store.delete(segment)
    filled.query("DELETE FROM PIXELS")


def prepare(filled: FilledStore, plan: Restoration) -> None:
    [batch] = write_batches(filled.store, [plan.keys], preprocessing=filled.config.preprocessing, version=None)
    filled.prepare(batch)


def train_folder(filled: FilledStore) -> Path:
    return filled.root.parent.parent / "train"


def test_with_all_pixels_in_the_store_nothing_is_to_be_done_whatever_the_stage_holds(
    filled: FilledStore, plan: Plan
) -> None:
    (train_folder(filled) / "red/1.png").unlink()

    found = plan()

    assert (found.keys, found.restored.n_all_lost, found.restored.n_images) == ((), 0, 6)
    assert found.restored.sentence.startswith("all 6 images of snapshot ")


def test_pixels_that_were_pruned_are_decoded_again(filled: FilledStore, plan: Plan, pruned: None) -> None:
    found = plan()

    assert len(found.keys) == 6
    assert found.restored.n_all_lost == 0
    prepare(filled, found)
    assert filled.colours()["red/2.png"] == [120, 0, 0]
    assert plan().keys == ()


def test_of_a_segment_that_is_torn_all_images_are_decoded_again(filled: FilledStore, plan: Plan) -> None:
    segment = filled.segments["red/1.png"]
    (filled.root / segment).write_bytes(b"torn")

    assert len(plan().keys) == sum(found == segment for found in filled.segments.values()) > 0


def test_an_image_that_was_moved_is_decoded_where_it_lies_now(filled: FilledStore, plan: Plan, pruned: None) -> None:
    folder = train_folder(filled)
    (folder / "red/1.png").rename(folder / "red/moved.png")
    filled.freeze()  # reads what is new, so that the catalog knows its content

    found = plan()

    assert found.restored.n_all_lost == 0
    assert "red/moved.png" in {key.relative_path for key in found.keys}
    prepare(filled, found)
    assert plan().keys == ()


def test_images_that_are_gone_or_changed_or_forgotten_are_counted_and_the_first_is_named(
    filled: FilledStore, plan: Plan, pruned: None
) -> None:
    filled.query(
        "UPDATE SNAPSHOT_IMAGES SET SPLIT = CASE WHEN RELATIVE_PATH = 'red/2.png' THEN 'train' ELSE 'test' END"
    )
    filled.forget("blue/1.png")
    filled.put_image("red/2.png", colour=(1, 2, 3))
    (train_folder(filled) / "red/3.png").unlink()

    found = plan()

    assert sorted(key.relative_path for key in found.keys) == ["blue/2.png", "blue/3.png", "red/1.png"]
    assert found.restored.n_lost == {"gone": 1, "changed": 1, "forgotten": 1}
    assert found.restored.n_lost_to_train_on == 1
    sentence = found.restored.sentence
    assert sentence.startswith("3 of 6 images of snapshot ")
    assert sentence.endswith(
        "cannot be restored, 1 of them to train on (1 another file by now, 1 forgotten on request, 1 gone from the "
        "stage; the first is 'red/2.png' of stage TRAINING_IMAGES)"
    )
    assert "blue" not in sentence, "what was forgotten is not named"


def test_an_image_that_nobody_could_ever_decode_is_no_loss(filled: FilledStore, plan: Plan, pruned: None) -> None:
    filled.query(
        "INSERT INTO QUARANTINE (STAGE, RELATIVE_PATH, ETAG, REASON, RUN_ID, QUARANTINED_AT) "
        "SELECT STAGE, RELATIVE_PATH, ETAG, 'no image', 'r', SYSDATE() FROM IMAGES WHERE RELATIVE_PATH = 'red/1.png'"
    )

    found = plan()

    assert "red/1.png" not in {key.relative_path for key in found.keys}
    assert found.restored.n_all_lost == 0


def test_a_snapshot_that_is_not_there_is_refused(filled: FilledStore) -> None:
    with pytest.raises(SnapshotError, match="SNAPSHOT_IMAGES has no snapshot beef"):
        plan_restoration(
            filled.warehouse,
            filled.store,
            snapshot_id="beef",
            preprocessing=filled.config.preprocessing,
            stages=filled.config.stages,
        )


def test_pixels_that_are_pruned_after_all_stop_the_training(filled: FilledStore, plan: Plan, pruned: None) -> None:
    (train_folder(filled) / "red/3.png").unlink()
    found = plan()
    prepare(filled, found)
    refuse_unrestored(filled.warehouse, filled.store, found.restored, preprocessing=filled.config.preprocessing)

    filled.store.delete(filled.segments["red/1.png"])

    with pytest.raises(SnapshotError, match=r"1 were known to be lost: .* reproduce it again"):
        refuse_unrestored(filled.warehouse, filled.store, found.restored, preprocessing=filled.config.preprocessing)
