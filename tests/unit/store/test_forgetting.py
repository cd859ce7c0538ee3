"""Forgetting an image: what is erased, what stays, and that nothing brings it back."""

import json
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from filled_store import FilledStore

from include.catalog.forgotten import REASON, place_sha256
from include.errors import ForgottenMeanwhileError, MissingSegmentError, SnapshotError, UnknownImageError
from include.images.preprocessing import preprocessing_digest
from include.models import prediction
from include.models.answers import Predictions
from include.registry import answering, artefacts
from include.store import forgetting, segment_writer
from include.store.dataset import read_dataset
from include.store.files import sha256_of_bytes
from include.store.forgetting import NOTHING_FOUND
from include.store.pixels import PixelLocation, PixelReader
from include.store.preparation import locate_batch

COLOUR = (113, 57, 201)
PIXELS = bytes(COLOUR) * 16
"""A row of the image that is forgotten, as it stands in a segment."""


def of_image(filled: FilledStore, path: str) -> list[str]:
    """Return the files of the store that hold the image's pixels or its path."""
    found = []
    for name in filled.files():
        content = (filled.root / name).read_bytes()
        if PIXELS in content or path.encode() in content or json.dumps(path).encode() in content:
            found.append(name)
    return found


def answered(filled: FilledStore, path: str) -> None:
    """Make a champion, and answer an image among others."""
    filled.have_champion()
    filled.put_image(path, colour=COLOUR, stage="new")
    filled.put_image("other.png", colour=(1, 2, 3), stage="new")
    filled.put_image("another.png", colour=(4, 5, 6), stage="new")
    filled.infer()
    assert of_image(filled, path)


def staged(filled: FilledStore, path: str, stage: str = "new") -> Path:
    return filled.root.parent.parent / stage / path


def test_nothing_of_a_staged_image_is_left_but_its_file(filled: FilledStore) -> None:
    path = 'o\'clock "ñ" 100%/衣服\n1.png'
    # Given an image that was answered, labelled, and is in the lists of its run, in an old answer and in a thumbnail
    answered(filled, path)
    filled.query(
        "INSERT INTO LABELS SELECT STAGE, RELATIVE_PATH, ETAG, 'red', 'person', SYSDATE() FROM IMAGES "
        "WHERE RELATIVE_PATH = %(path)s",
        path=path,
    )
    [(content,)] = filled.query("SELECT CONTENT_SHA256 FROM IMAGES WHERE RELATIVE_PATH = %(path)s", path=path)
    filled.leave(f"thumbnails/{content}.png", days=0)
    others = {name: colour for name, colour in filled.colours().items() if name != path}

    # When it is forgotten
    done = filled.forget(path)

    # Then the store holds neither its pixels nor its path, and the tables nothing but why it is not used
    assert of_image(filled, path) == []
    assert not filled.files("thumbnails")
    for table in ("PREDICTIONS", "LABELS"):
        assert filled.query(f"SELECT COUNT(*) FROM {table} WHERE RELATIVE_PATH = %(p)s", p=path) == [(0,)]  # noqa: S608
    assert filled.query("SELECT RELATIVE_PATH, REASON FROM QUARANTINE") == [(path, REASON)]
    assert filled.query("SELECT COUNT(*) FROM PIXELS WHERE CONTENT_SHA256 = %(c)s", c=content) == [(0,)]
    # And all others are where they were, in segments that hold nothing else
    assert filled.colours() == others
    assert len(filled.query("SELECT SEGMENT, COUNT(*) FROM PIXELS GROUP BY SEGMENT")) == len(filled.files("segments"))
    # And it says what it found
    assert (done.rows.n_predictions, done.rows.n_labels, done.rows.n_pixels, done.rows.n_images) == (1, 1, 1, 0)
    assert (done.files.n_rewritten, done.files.n_lists, done.files.n_thumbnails) == (1, 2, 1)
    assert staged(filled, path).is_file()


def test_the_request_is_told_in_runs_without_the_path(filled: FilledStore) -> None:
    answered(filled, "shirt/0001.png")

    done = filled.forget("shirt/0001.png")

    [(run_id, kind, reason, outcome, config)] = filled.query(
        "SELECT RUN_ID, KIND, REASON, OUTCOME, TO_JSON(CONFIG) FROM RUNS WHERE FINISHED_AT IS NOT NULL"
    )
    assert (run_id, kind, reason) == (done.run_id, "forget", "asked to")
    assert outcome == done.outcome
    assert "as alice asked" in outcome
    assert "1 answer, 1 pixel set, 2 corrected lists" in outcome
    digest = place_sha256(filled.config.stages.incoming.name, "shirt/0001.png")
    assert digest in outcome
    assert "0001" not in outcome.replace(digest, "") + config
    assert filled.query("SELECT PLACE_SHA256, COPIES_KEPT FROM FORGOTTEN") == [(digest, False)]


def test_it_is_not_taken_up_again_by_inference_or_training(filled: FilledStore) -> None:
    # Given a labelled incoming image that is in a snapshot, and is forgotten
    answered(filled, "x.png")
    filled.query(
        "INSERT INTO LABELS SELECT STAGE, RELATIVE_PATH, ETAG, 'red', 'person', SYSDATE() FROM IMAGES "
        "WHERE RELATIVE_PATH = 'x.png'"
    )
    old = filled.train()
    assert filled.query("SELECT COUNT(*) FROM SNAPSHOT_IMAGES WHERE RELATIVE_PATH = 'x.png'") == [(1,)]
    filled.promote(old)
    found = filled.find("x.png")
    assert {snapshot.snapshot_id for snapshot in found.snapshots} == {old}
    filled.forget("x.png")

    # When runs follow, and a person labels it once more
    assert filled.infer() == 0
    filled.query(
        "INSERT INTO LABELS SELECT STAGE, RELATIVE_PATH, ETAG, 'red', 'person', SYSDATE() FROM IMAGES "
        "WHERE RELATIVE_PATH = 'x.png'"
    )
    new = filled.train()

    # Then no new snapshot names it, the old one still does, and nothing of it is in the store
    snapshots = filled.query("SELECT DISTINCT SNAPSHOT_ID FROM SNAPSHOT_IMAGES WHERE RELATIVE_PATH = 'x.png'")
    assert snapshots == [(old,)]
    assert new != old
    assert of_image(filled, "x.png") == []
    # And what was frozen is trained on without it
    dataset = read_dataset(filled.warehouse, filled.store, snapshot_id=old, preprocessing=filled.config.preprocessing)
    assert sum(len(side.labels) for side in (dataset.train, dataset.validation, dataset.test)) == 6


def test_of_a_file_that_is_gone_the_catalog_keeps_nothing_and_it_does_not_come_back(filled: FilledStore) -> None:
    answered(filled, "x.png")
    content = staged(filled, "x.png").read_bytes()
    staged(filled, "x.png").unlink()

    done = filled.forget("x.png")  # before any run has seen that it is gone

    assert done.rows.n_images == 1
    for table in ("IMAGES", "LABELS", "QUARANTINE", "PREDICTIONS"):
        assert filled.query(f"SELECT COUNT(*) FROM {table} WHERE RELATIVE_PATH = 'x.png'") == [(0,)]  # noqa: S608
    # The same file comes back: at its place, and at another one, where only its content tells
    staged(filled, "x.png").write_bytes(content)
    staged(filled, "y.png").write_bytes(content)
    staged(filled, "red/9.png", "train").write_bytes(content)
    filled.train()
    assert filled.infer() == 0
    assert filled.query("SELECT RELATIVE_PATH, REASON FROM QUARANTINE ORDER BY 1") == [
        ("red/9.png", REASON),
        ("x.png", REASON),
        ("y.png", REASON),
    ]
    assert filled.query("SELECT COUNT(*) FROM SNAPSHOT_IMAGES WHERE RELATIVE_PATH = 'red/9.png'") == [(0,)]
    assert not [name for name in filled.files("segments") if PIXELS in (filled.root / name).read_bytes()]


def test_pixels_of_every_size_go(filled: FilledStore) -> None:
    answered(filled, "x.png")
    batch = filled.plan()
    assert batch is None
    large = filled.config.preprocessing.model_copy(update={"size": 32})
    filled.config = filled.config.model_copy(update={"preprocessing": large})
    filled.query("DELETE FROM PREDICTIONS")
    filled.infer()

    done = filled.forget("x.png")

    assert done.rows.n_pixels == 2
    assert of_image(filled, "x.png") == []


def test_other_images_with_the_same_content_keep_the_pixels_unless_they_go_too(filled: FilledStore) -> None:
    answered(filled, "x.png")
    filled.put_image("copy.png", colour=COLOUR, stage="new")
    filled.infer()

    # Asked for one: the other is named, and is used on
    found = filled.find("x.png")
    assert [copy.relative_path for copy in found.live_copies] == ["copy.png"]
    done = filled.forget("x.png")
    assert done.rows.kept_contents
    assert filled.colours()["copy.png"] == list(COLOUR)
    assert filled.query("SELECT RELATIVE_PATH FROM PREDICTIONS ORDER BY 1") == [
        ("another.png",),
        ("copy.png",),
        ("other.png",),
    ]
    assert filled.infer() == 0

    # Asked for all: they go, too
    done = filled.forget("x.png", copies=True)
    assert (done.rows.n_predictions, done.rows.n_pixels) == (1, 1)
    assert of_image(filled, "copy.png") == []
    assert filled.query("SELECT RELATIVE_PATH FROM QUARANTINE ORDER BY 1") == [("copy.png",), ("x.png",)]


def test_lists_that_an_interrupted_request_did_not_come_to_are_corrected_by_the_next_of_whatever_image(
    filled: FilledStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a copy that is gone, and a request for both that was killed once the catalog knew neither any more
    answered(filled, "x.png")
    filled.put_image("copy.png", colour=COLOUR, stage="new")
    filled.infer()
    for name in ("x.png", "copy.png"):
        staged(filled, name).unlink()

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(forgetting, "erase_from_lists", killed)
        with pytest.raises(KeyboardInterrupt):
            filled.forget("x.png", copies=True)
    assert of_image(filled, "copy.png")

    filled.forget("other.png")

    assert of_image(filled, "copy.png") == of_image(filled, "x.png") == []


def test_when_the_last_copy_is_forgotten_the_pixels_go(filled: FilledStore) -> None:
    answered(filled, "x.png")
    filled.put_image("copy.png", colour=COLOUR, stage="new")
    filled.infer()
    filled.forget("x.png")

    done = filled.forget("copy.png")

    assert done.rows.n_pixels == 1
    assert of_image(filled, "x.png") == of_image(filled, "copy.png") == []


def test_a_second_time_nothing_is_found_and_no_run_is_written(filled: FilledStore) -> None:
    answered(filled, "x.png")
    filled.forget("x.png")
    before = filled.files(), filled.query("SELECT * FROM RUNS"), filled.query("SELECT * FROM FORGOTTEN")

    done = filled.forget("x.png")

    assert (done.run_id, done.outcome) == (None, NOTHING_FOUND)
    assert (filled.files(), filled.query("SELECT * FROM RUNS"), filled.query("SELECT * FROM FORGOTTEN")) == before


def test_interrupted_nothing_leads_to_the_pixels_and_run_again_it_finishes(
    filled: FilledStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a request that was killed, and killed again each time that it had come one step further
    answered(filled, "x.png")
    staged(filled, "x.png").unlink()

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    for step in ("erase_unnamed_rows", "erase_from_lists", "erase_abandoned", "close_run"):
        with monkeypatch.context() as patched:
            patched.setattr(forgetting, step, killed)
            with pytest.raises(KeyboardInterrupt):
                filled.forget("x.png")
        # Then it is out of the tables from the first time on
        assert "x.png" not in filled.colours()
        assert filled.query("SELECT COUNT(*) FROM PREDICTIONS WHERE RELATIVE_PATH = 'x.png'") == [(0,)]

    done = filled.forget("x.png")

    # And in the end out of the files, in one request
    assert of_image(filled, "x.png") == []
    assert filled.query("SELECT RUN_ID, OUTCOME FROM RUNS WHERE KIND = 'forget'") == [(done.run_id, done.outcome)]
    assert filled.colours()["other.png"] == [1, 2, 3]


def test_a_run_that_was_under_way_goes_on_without_the_image(filled: FilledStore) -> None:
    # Given answers that were not committed yet when the image was forgotten
    answered(filled, "x.png")
    filled.query("DELETE FROM PREDICTIONS")
    batch = filled.plan()
    assert batch is not None
    filled.prepare(batch)
    answers = filled.answer(batch)
    loaded_before = (filled.root / answers).read_bytes()
    located = locate_batch(filled.warehouse, filled.store, batch, work_path="w")
    filled.forget("x.png")

    # Then who knew where the pixels were is told to look again, and finds all others
    with pytest.raises(MissingSegmentError) as told:
        PixelReader(filled.store, located.locations)
    assert told.value.is_transient
    located = locate_batch(filled.warehouse, filled.store, batch, work_path="w")
    assert [key.relative_path for key in located.keys] == ["another.png", "other.png"]
    # And its answer is not committed, not even from a file that was read before
    assert filled.commit(answers) == 2
    (filled.root / answers).write_bytes(loaded_before)
    assert filled.commit(answers) == 0
    assert filled.query("SELECT RELATIVE_PATH FROM PREDICTIONS ORDER BY 1") == [("another.png",), ("other.png",)]


def test_a_run_that_has_decoded_the_image_meanwhile_leaves_no_pixels(
    filled: FilledStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a run that has written a segment with the image, and the image is forgotten before the run says so
    filled.have_champion()
    filled.put_image("x.png", colour=COLOUR, stage="new")
    filled.put_image("other.png", colour=(1, 2, 3), stage="new")
    batch = filled.plan()
    assert batch is not None
    write_segment = segment_writer.write_segment

    def then_forgotten(*args: Any, **kwargs: Any) -> str:
        segment = write_segment(*args, **kwargs)
        monkeypatch.setattr(segment_writer, "write_segment", write_segment)
        filled.forget("x.png")
        write_segment(*args, **kwargs)  # as if forget had looked a moment earlier
        return segment

    monkeypatch.setattr(segment_writer, "write_segment", then_forgotten)
    with pytest.raises(ForgottenMeanwhileError, match="forgotten on request meanwhile"):
        filled.prepare(batch)
    assert of_image(filled, "x.png") == []

    # And the next try prepares the others
    filled.prepare(batch)
    assert "other.png" in filled.colours()
    assert of_image(filled, "x.png") == []


def test_a_content_that_is_first_read_after_the_request_does_not_come_back_either(filled: FilledStore) -> None:
    # Given an image that was forgotten unread, and a run that had read it by then and keeps its digest
    filled.have_champion()
    path = filled.put_image("x.png", colour=COLOUR, stage="new")
    filled.sync()
    filled.forget("x.png")
    content = path.read_bytes()
    filled.query(
        "UPDATE IMAGES SET CONTENT_SHA256 = %(digest)s WHERE RELATIVE_PATH = 'x.png'", digest=sha256_of_bytes(content)
    )

    # When the request is made again, as its file has gone, and the same file comes back under another name
    path.unlink()
    filled.forget("x.png")
    staged(filled, "y.png").write_bytes(content)

    assert filled.infer() == 0
    assert filled.query("SELECT RELATIVE_PATH, REASON FROM QUARANTINE") == [("y.png", REASON)]


def test_what_a_version_answers_meanwhile_is_not_written_down(
    filled: FilledStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a version that answers for minutes, while an image of its batch is forgotten
    answered(filled, "x.png")
    filled.query("DELETE FROM PREDICTIONS")
    batch = filled.plan()
    assert batch is not None
    model = SimpleNamespace(card=SimpleNamespace(preprocessing_digest=preprocessing_digest(batch.preprocessing)))
    monkeypatch.setattr(artefacts, "load_version", lambda *_: model)

    def answers(pixels: np.ndarray) -> Any:
        filled.forget("x.png")
        n = len(pixels)
        return Predictions(("red",) * n, np.full(n, 0.9), np.full((n, 2), 0.5), np.empty((n, 0), np.float32))

    predictor = SimpleNamespace(ready=lambda *_, **__: nullcontext(), answer=answers)
    monkeypatch.setattr(prediction, "Predictor", lambda _: predictor)

    answered_now = answering.answer_batch(
        filled.warehouse,
        filled.store,
        batch,
        stages=filled.config.stages,
        run_id=filled.run("i"),
        work_path="w",
        keep_features=False,
    )

    assert answered_now.n_images == 2
    assert of_image(filled, "x.png") == []


def test_a_snapshot_that_is_being_frozen_does_not_name_it(filled: FilledStore, monkeypatch: pytest.MonkeyPatch) -> None:
    filled.put_classes()
    filled.put_image("red/x.png", colour=COLOUR)
    filled.train()
    filled.put_image("red/4.png", colour=(9, 9, 9))
    from include.catalog import snapshot

    assign_splits = snapshot.assign_splits

    def then_forgotten(*args: Any, **kwargs: Any) -> Any:
        monkeypatch.setattr(snapshot, "assign_splits", assign_splits)
        filled.forget("red/x.png")
        return assign_splits(*args, **kwargs)

    monkeypatch.setattr(snapshot, "assign_splits", then_forgotten)
    with pytest.raises(ForgottenMeanwhileError, match="forgotten on request meanwhile"):
        filled.freeze()

    filled.train()
    assert filled.query(
        "SELECT COUNT(DISTINCT SNAPSHOT_ID) FROM SNAPSHOT_IMAGES WHERE RELATIVE_PATH = 'red/x.png'"
    ) == [(1,)]


def test_pixels_that_only_a_second_segment_holds_go_too(filled: FilledStore) -> None:
    # Given two runs that decoded the image at once: PIXELS names one segment, the other holds it all the same
    answered(filled, "x.png")
    first = filled.segments["x.png"]
    [(content, digest)] = filled.query(
        "SELECT IMAGES.CONTENT_SHA256, PREPROCESSING_DIGEST FROM IMAGES INNER JOIN PIXELS "
        "ON IMAGES.CONTENT_SHA256 = PIXELS.CONTENT_SHA256 WHERE RELATIVE_PATH = 'x.png'"
    )
    from include.store.pixels import write_segment

    alone = np.tile(np.array(COLOUR, dtype=np.uint8), (1, 16, 16, 1))
    second = write_segment(filled.store, alone, preprocessing_digest=digest, content_digests=[content])
    filled.query("UPDATE PIXELS SET SEGMENT = %(s)s, SEGMENT_ROW = 0 WHERE CONTENT_SHA256 = %(c)s", s=second, c=content)

    done = filled.forget("x.png")

    assert not {first, second} & set(filled.files("segments"))
    assert of_image(filled, "x.png") == []
    assert (done.files.n_rewritten, done.files.n_segments) == (1, 2)
    assert filled.colours()["other.png"] == [1, 2, 3]


def test_only_the_stage_that_is_asked_for(filled: FilledStore) -> None:
    answered(filled, "red/x.png")
    filled.put_image("red/x.png", colour=(9, 9, 9), stage="train")
    filled.train()
    from include.catalog.forgetting import find_image

    found = find_image(filled.warehouse, filled.config, "red/x.png", stages=[filled.config.stages.incoming])
    forgetting.forget_image(
        filled.warehouse, filled.store, filled.config, found, with_copies=False, actor="a", reason=None
    )

    assert filled.query("SELECT STAGE FROM QUARANTINE") == [(filled.config.stages.incoming.name,)]
    assert filled.colours()["red/x.png"] == [9, 9, 9]


def test_an_image_that_nobody_read_is_quarantined_for_good(filled: FilledStore) -> None:
    filled.put_classes()
    filled.put_image("x.png", colour=COLOUR, stage="new")
    filled.sync()

    done = filled.forget("x.png")

    assert (done.rows.n_forgotten, done.rows.n_pixels) == (1, 0)
    filled.promote(filled.train())
    assert filled.infer() == 0
    assert of_image(filled, "x.png") == []


def test_an_unknown_path_names_the_most_similar_ones(filled: FilledStore) -> None:
    answered(filled, "shirt/0001.png")

    with pytest.raises(
        UnknownImageError, match=r"has no image shirt/001\.png in stage .*: the most similar are shirt/0"
    ):
        filled.find("shirt/001.png")


def test_answers_go_on_being_numbered_behind_what_a_drift_check_has_judged(filled: FilledStore) -> None:
    answered(filled, "zz.png")  # the last answer
    filled.judge()
    filled.forget("zz.png")
    filled.put_image("new.png", colour=(7, 7, 7), stage="new")

    filled.infer()

    assert filled.query(
        "SELECT COMMIT_SEQ > (SELECT MAX(LAST_COMMIT_SEQ) FROM DRIFT_CHECKS) FROM PREDICTIONS "
        "WHERE RELATIVE_PATH = 'new.png'"
    ) == [(True,)]


def test_a_class_of_which_too_little_is_left_is_refused_as_ever(filled: FilledStore) -> None:
    filled.put_classes()
    filled.train()
    filled.forget("red/1.png")

    with pytest.raises(SnapshotError, match="'red' has 2"):
        filled.train()


def test_what_killed_tries_have_left_goes_too(filled: FilledStore) -> None:
    answered(filled, "x.png")
    killed = filled.leave("segments/.killed.tmp", days=1, content=PIXELS)
    writing = filled.leave("segments/.writing.tmp", days=0, content=b"of another run")

    done = filled.forget("x.png")

    assert killed not in filled.files()
    assert writing in filled.files()
    assert done.files.n_abandoned == 1


def test_other_rows_are_where_they_were_read(filled: FilledStore) -> None:
    # Every image of a rewritten segment is read at its new place, not one is swapped with its neighbour
    filled.have_champion()
    colours = {f"{n:02}.png": (10 * n, 255 - 10 * n, n) for n in range(20)}
    for name, colour in colours.items():
        filled.put_image(name, colour=colour, stage="new")
    filled.infer()

    filled.forget("10.png")

    kept = {name: list(colour) for name, colour in colours.items() if name != "10.png"}
    assert {name: colour for name, colour in filled.colours().items() if "/" not in name} == kept
    [(segment, n)] = filled.query(
        "SELECT SEGMENT, COUNT(*) FROM PIXELS WHERE CONTENT_SHA256 IN "
        "(SELECT CONTENT_SHA256 FROM IMAGES WHERE RELATIVE_PATH = '01.png') GROUP BY SEGMENT"
    )
    assert n == 1
    assert len(PixelReader(filled.store, [PixelLocation(segment, row) for row in range(19)])) == 19
