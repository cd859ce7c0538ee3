"""What prune removes from a store, and what it keeps."""

import errno
import os
from datetime import timedelta
from typing import Any

import fsspec
import pytest
from filled_store import FilledStore

from include.errors import StoreError
from include.store import leftovers, pruning, segment_writer
from include.store.files import FileStore

PIXELS = "pixels"


def answered(filled: FilledStore, name: str, colour: tuple[int, int, int]) -> str:
    """Put a new image, answer it, let a check judge the answer, and return its segment."""
    filled.put_image(name, colour=colour, stage="new")
    assert filled.infer() == 1
    filled.judge()
    return filled.segments[name]


def champion(filled: FilledStore) -> str:
    """Make a champion, and return the segment of its images."""
    filled.have_champion()
    return filled.segments["red/1.png"]


def test_what_only_old_and_gone_images_use_goes_and_the_rest_is_kept_with_its_reason(filled: FilledStore) -> None:
    # Given a champion, two images that were answered long ago (one is gone), and then one that is answered now
    of_champion = champion(filled)
    answered(filled, "gone.png", (1, 2, 3))
    answered(filled, "old.png", (4, 5, 6))
    filled.pass_days(31)
    (filled.root.parent.parent / "new/gone.png").unlink()
    filled.sync()
    filled.query("UPDATE IMAGES SET GONE_AT = DATEADD(DAY, -31, SYSDATE()) WHERE GONE_AT IS NOT NULL")
    fresh = answered(filled, "fresh.png", (7, 8, 9))

    # When it is pruned
    pruned = filled.prune()

    # Then only the old ones are gone, rows and files
    assert filled.files("segments") == sorted([of_champion, fresh])
    assert {path for path, colour in filled.colours().items() if "/" not in path} == {"fresh.png"}
    assert pruned.removed[PIXELS].n_files == 2
    assert pruned.left[PIXELS].n_files == 2
    assert pruned.kept_for["the champion's snapshot"].n_files == 1
    assert "younger than a day" in pruned.kept_for
    # And an image that is wanted again is decoded again
    filled.query("DELETE FROM PREDICTIONS WHERE RELATIVE_PATH = 'old.png'")
    assert filled.infer() == 1
    assert filled.colours()["old.png"] == [4, 5, 6]


def test_the_previous_versions_snapshot_is_kept_and_that_of_the_one_before_is_not(filled: FilledStore) -> None:
    # Given three champions in turn, each of images that then went
    segments = []
    for generation in range(3):
        for name in ("red", "blue"):
            for n in (1, 2, 3):
                colour = (80 * generation + 20 * n, 0, 0) if name == "red" else (0, 0, 80 * generation + 20 * n)
                filled.put_image(f"{name}/{n}.png", colour=colour)
        filled.promote(filled.train())
        segments.append(filled.query("SELECT SEGMENT FROM PIXELS ORDER BY WRITTEN_AT DESC LIMIT 1")[0][0])
    filled.pass_days(40)

    pruned = filled.prune(max_gb=1e-6)

    assert filled.files("segments") == sorted(segments[1:])
    assert pruned.kept_for["the champion's snapshot"].n_files == 1
    assert pruned.kept_for["the previous version's snapshot"].n_files == 1


def test_waiting_labelled_and_unjudged_images_are_kept_however_old(filled: FilledStore) -> None:
    # Given an image that waits, one that is labelled but in no kept snapshot, and an answer that no check has judged
    champion(filled)
    answered(filled, "judged.png", (1, 1, 1))
    filled.put_image("unjudged.png", colour=(2, 2, 2), stage="new")
    filled.infer()
    filled.put_image("waits.png", colour=(3, 3, 3), stage="new")
    batch = filled.plan()
    assert batch is not None
    filled.prepare(batch)
    filled.put_image("blue/4.png", colour=(0, 0, 255))
    filled.train()
    filled.pass_days(400)

    pruned = filled.prune()

    assert set(filled.colours()) == {
        *(f"{name}/{n}.png" for name in ("red", "blue") for n in (1, 2, 3)),
        "blue/4.png",
        "unjudged.png",
        "waits.png",
    }
    assert {reason: amount.n_files for reason, amount in pruned.kept_for.items()} == {
        "the champion's snapshot": 1,
        "labelled images, for the next training": 1,
        "images that wait for an answer": 1,
        "answers that no drift check has judged": 1,
    }


def test_a_segment_goes_only_as_a_whole(filled: FilledStore) -> None:
    champion(filled)
    filled.put_image("old.png", colour=(1, 1, 1), stage="new")
    filled.put_image("used.png", colour=(2, 2, 2), stage="new")
    filled.infer()
    filled.judge()
    filled.pass_days(31)
    filled.query("UPDATE PREDICTIONS SET PRED_TIMESTAMP = SYSDATE() WHERE RELATIVE_PATH = 'used.png'")

    assert PIXELS not in filled.prune().removed
    assert filled.colours()["old.png"] == [1, 1, 1]


def test_pixels_of_a_size_that_nobody_uses_any_more_go(filled: FilledStore) -> None:
    champion(filled)
    small = filled.config
    filled.config = small.model_copy(update={"preprocessing": small.preprocessing.model_copy(update={"size": 8})})
    filled.train()  # for no version
    filled.pass_days(31)
    filled.config = small

    filled.prune()

    assert len(filled.files("segments")) == 1
    assert filled.colours()["red/1.png"] == [60, 0, 0]


def test_a_dry_run_says_the_same_and_changes_nothing(filled: FilledStore) -> None:
    champion(filled)
    answered(filled, "old.png", (1, 1, 1))
    filled.pass_days(31)
    filled.leave("segments/.abc.tmp", days=2)
    before = filled.files(), filled.query("SELECT * FROM PIXELS ORDER BY SEGMENT, SEGMENT_ROW")

    told = filled.prune(dry_run=True)

    assert (filled.files(), filled.query("SELECT * FROM PIXELS ORDER BY SEGMENT, SEGMENT_ROW")) == before
    done = filled.prune()
    assert (told.removed, told.left, told.kept_for) == (done.removed, done.left, done.kept_for)
    assert done.freed.n_bytes > 0


def test_over_max_gb_what_was_not_used_for_longest_goes_first(filled: FilledStore) -> None:
    of_champion = champion(filled)
    answered(filled, "first.png", (1, 1, 1))
    filled.pass_days(3)
    second = answered(filled, "second.png", (2, 2, 2))
    filled.pass_days(3)
    third = answered(filled, "third.png", (3, 3, 3))  # today
    for name in [*filled.files("batches"), *filled.files("answers")]:
        (filled.root / name).unlink()
    n_bytes = sum((filled.root / name).stat().st_size for name in filled.files())

    pruned = filled.prune(max_gb=(n_bytes - 1) / 1e9)

    assert filled.files("segments") == sorted([of_champion, second, third])
    assert pruned.excess == 0
    # And what is protected stays, whatever it comes to
    pruned = filled.prune(max_gb=1e-9)
    assert filled.files("segments") == sorted([of_champion, third])
    assert pruned.excess == pruned.remaining.n_bytes - 1 > 0
    assert pruned.kept_for["younger than a day"].n_files == 1


def test_leftovers_go_by_age_and_what_is_not_ours_stays(filled: FilledStore) -> None:
    old = [
        filled.leave(name, days=31)
        for name in (
            "batches/a.parquet",
            "answers/a.parquet",
            "fitted/a.safetensors",
            "checkpoints/ab/a.json",
            "models/old/card.json",
            "reports/a.html",
            "reports/a.png",
            "thumbnails/a.jpg",
            "evidently/0c6d/snapshots/a.json",
            "segments/orphan.safetensors",
        )
    ]
    old.append(filled.leave("fitted/.killed.tmp", days=1.1))
    young = [
        filled.leave("reports/b.html", days=29),
        filled.leave("evidently/0c6d/snapshots/b.json", days=29),
        # what the history of checks is shown in stays, whatever becomes of it
        filled.leave("evidently/0c6d/metadata.json", days=400),
        filled.leave("evidently/0c6d/dashboard.json", days=400),
        filled.leave("segments/written.safetensors", days=0),
        filled.leave("batches/.being-written.tmp", days=0.5),
        filled.leave("notes.txt", days=400),
        filled.leave("thumbnails/b.jpg", days=29),
        # one that is being written keeps the others of its run
        filled.leave("checkpoints/cd/a.json", days=60),
        filled.leave("checkpoints/cd/b.json", days=0),
    ]

    pruned = filled.prune()

    assert filled.files() == sorted(young)
    assert {kind: amount.n_files for kind, amount in pruned.removed.items()} == {
        "batches": 1,
        "answers": 1,
        "trained networks": 1,
        "checkpoints": 1,
        "copies of models": 1,
        "drift reports": 3,
        "thumbnails": 1,
        "pixels": 1,
        "temporary files": 1,
    }
    assert pruned.kept_for["what the history of drift checks is shown in"].n_files == 2
    assert pruned.kept_for["not of Driftgate's making"].n_files == 1


def test_on_a_full_disk_what_needs_no_room_goes_all_the_same(
    filled: FilledStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled.leave("checkpoints/ab/a.json", days=31)
    young = filled.leave("reports/b.html", days=29)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pruning, "loaded_rows", full)
    with pytest.raises(OSError, match="No space left"):
        filled.prune()

    assert filled.files() == [young]


def test_however_little_is_to_be_kept_nothing_of_the_last_day_goes(filled: FilledStore) -> None:
    champion(filled)
    answered(filled, "a.png", (1, 1, 1))
    filled.pass_days(0.9)

    assert not filled.prune(keep_days=0.001, max_gb=1e-9).removed


def test_the_models_of_the_champion_and_the_previous_version_are_kept(filled: FilledStore) -> None:
    filled.have_champion()
    [(card,)] = filled.query("SELECT SHA256 FROM MODEL_VERSIONS")
    kept = filled.leave(f"models/{card}/card.json", days=90)
    filled.leave("models/other/card.json", days=90)

    filled.prune()

    assert filled.files("models") == [kept]


def test_killed_between_rows_and_files_the_next_prune_finishes(
    filled: FilledStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_champion = champion(filled)
    old = answered(filled, "old.png", (1, 1, 1))
    filled.pass_days(31)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pruning, "delete_unnamed", killed)
        with pytest.raises(KeyboardInterrupt):
            filled.prune()
    assert old in filled.files()
    assert "old.png" not in filled.colours()

    filled.prune()

    assert filled.files("segments") == [of_champion]


def test_a_segment_that_a_run_names_meanwhile_is_kept(filled: FilledStore, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given an image that prune takes for old, and a run that takes the image up while prune is at work
    champion(filled)
    old = answered(filled, "old.png", (1, 1, 1))
    filled.pass_days(31)
    delete_unnamed = leftovers.delete_unnamed

    def after_a_run(*args: Any) -> Any:
        filled.query("DELETE FROM PREDICTIONS WHERE RELATIVE_PATH = 'old.png'")
        filled.infer()
        return delete_unnamed(*args)

    monkeypatch.setattr(pruning, "delete_unnamed", after_a_run)

    pruned = filled.prune()

    assert filled.segments["old.png"] == old in filled.files()
    assert filled.colours()["old.png"] == [1, 1, 1]
    assert PIXELS not in pruned.removed


def test_a_segment_that_is_pruned_before_a_run_names_it_is_written_again(
    filled: FilledStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a segment without a name, which a run finds lying there
    champion(filled)
    old = answered(filled, "old.png", (1, 1, 1))
    filled.query("DELETE FROM PIXELS WHERE SEGMENT = %(segment)s", segment=old)
    filled.query("DELETE FROM PREDICTIONS")
    filled.pass_days(31)
    write_segment = segment_writer.write_segment

    def then_pruned(store: FileStore, *args: Any, **kwargs: Any) -> str:
        found = write_segment(store, *args, **kwargs)
        monkeypatch.setattr(segment_writer, "write_segment", write_segment)
        filled.prune()
        assert old not in filled.files()
        return found

    monkeypatch.setattr(segment_writer, "write_segment", then_pruned)

    filled.infer()

    assert filled.colours()["old.png"] == [1, 1, 1]


def test_work_files_of_killed_tries_go_after_a_day(filled: FilledStore) -> None:
    file = filled.root.parent / "keys.parquet"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"left")
    filled.query(f"PUT file://{file} @WORK/0123abcd/copy_loaded_keys/ AUTO_COMPRESS=FALSE")

    assert not filled.prune().removed
    [staged] = filled.root.parents[1].parent.parent.rglob("0123abcd/copy_loaded_keys/keys.parquet")
    os.utime(staged, (1_700_000_000, 1_700_000_000))

    assert filled.prune().removed["files on their way into tables"].n_files == 1
    assert not staged.exists()


def test_another_store_than_the_runs_use_is_refused(filled: FilledStore) -> None:
    champion(filled)
    filled.pass_days(31)
    filled.root.rename(filled.root.parent / "moved")

    with pytest.raises(StoreError, match=r"holds none of the 1 segments that PIXELS.*where it is mounted"):
        filled.prune()

    assert filled.query("SELECT COUNT(*) FROM PIXELS") == [(6,)]


def test_a_remote_store_is_pruned_too_and_the_copies_here(filled: FilledStore, tmp_path: Any) -> None:
    filled.store = FileStore(f"memory://{filled.config.name}", cache=tmp_path / "cache")
    filled.put_classes()
    filled.promote(filled.train())
    of_champion = filled.segments["red/1.png"]
    old = answered(filled, "old.png", (1, 1, 1))
    filled.colours()  # makes copies
    filled.pass_days(31)
    memory = fsspec.filesystem("memory")
    for path in memory.find(f"/{filled.config.name}"):
        memory.store[path].created -= timedelta(days=31)

    filled.prune()

    assert [file.name for file in filled.store.list_files("segments")] == [of_champion]
    assert not list((tmp_path / "cache").rglob(old.rpartition("/")[2]))
    assert filled.colours()["red/1.png"] == [60, 0, 0]
