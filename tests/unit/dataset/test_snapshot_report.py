"""The report on a snapshot: from what the runs have decoded, kept in the store, deleted with an image that it shows."""

import pytest
from decoders_here import DecodersHere

from include.catalog.forgetting import find_image
from include.catalog.snapshot import freeze_snapshot
from include.catalog.sync import sync_stage
from include.dataset import keeping
from include.dataset.frozen import look_at_snapshot
from include.dataset.keeping import ensure_snapshot_report, keep_snapshot_report
from include.errors import ForgottenMeanwhileError
from include.images import preprocess
from include.images.preprocess import read_digests
from include.store.batches import write_batches
from include.store.forgetting import forget_image
from include.store.preparation import prepare_batch
from include.store.reports import dataset_path


@pytest.fixture
def snapshot_id(warehouse, config, store, put_image, monkeypatch):
    """A snapshot of two classes and a broken file, decoded."""
    monkeypatch.setattr(preprocess, "Decoders", DecodersHere)
    for number in range(1, 9):
        put_image(f"red/{number}.png", colour=(20 * number, 0, 0))
        put_image(f"<b>blue/{number}.png", colour=(0, 0, 20 * number))
    put_image("red/broken.png", colour=(1, 2, 3)).write_text("<html>")
    sync_stage(warehouse, config.stages.training, labels=config.labels, accept_removals=False)
    snapshot = freeze_snapshot(warehouse, config, run_id="r", work_path="w", read_digests=read_digests)
    [batch] = write_batches(store, [snapshot.keys], preprocessing=config.preprocessing, version=None)
    prepare_batch(warehouse, store, batch, stages=config.stages, run_id="r", work_path="w")
    return snapshot.snapshot_id


def test_it_shows_what_is_in_the_snapshot(warehouse, config, store, snapshot_id):
    report = keep_snapshot_report(warehouse, store, config, snapshot_id=snapshot_id)

    page = store.read(dataset_path(snapshot_id)).decode()
    assert (report.n_labelled, report.n_compared) == (17, 16)
    assert {row.label: row.n_images for row in report.classes} == {"red": 8, "<b>blue": 8}
    assert [file.path for file in report.unreadable] == ["red/broken.png"]
    assert "is not an image" in report.unreadable[0].reason
    assert "&lt;b&gt;blue" in page
    assert "<b>blue" not in page
    assert page.count("data:image/jpeg;base64,") >= 16
    assert f"snapshot {snapshot_id[:12]}" in page
    found = look_at_snapshot(warehouse, store, snapshot_id=snapshot_id, preprocessing=config.preprocessing)
    reds = [place for place, image in enumerate(found.images) if image.label == "red" and image.statistics]
    pixels = found.pictures.gather(reds)
    assert (pixels[..., 0] > 0).all()
    assert not pixels[..., 1:].any()


def test_a_report_is_made_once_and_shows_no_image_that_was_forgotten(warehouse, config, store, snapshot_id):
    path = ensure_snapshot_report(warehouse, store, config, snapshot_id=snapshot_id)
    store.write(path, b"red/1.png, as it was shown")
    assert ensure_snapshot_report(warehouse, store, config, snapshot_id=snapshot_id) == path
    assert store.read(path) == b"red/1.png, as it was shown"  # a snapshot never changes
    store.write(dataset_path(None), b"before the first training")
    found = find_image(warehouse, config, "red/1.png", stages=(config.stages.training,))

    forget_image(warehouse, store, config, found, with_copies=False, actor="me", reason=None)

    assert not store.exists(path)
    assert not store.exists(dataset_path(None))
    keep_snapshot_report(warehouse, store, config, snapshot_id=snapshot_id)
    page = store.read(path).decode()
    assert "red/2.png" in page
    assert "red/1.png" not in page


def test_a_report_that_was_made_while_an_image_was_forgotten_does_not_stay(
    warehouse, config, store, snapshot_id, monkeypatch
):
    def forget_first(*given, **named):
        found = find_image(warehouse, config, "red/1.png", stages=(config.stages.training,))
        forget_image(warehouse, store, config, found, with_copies=False, actor="me", reason=None)
        store.write(named["path"], b"red/1.png")

    monkeypatch.setattr(keeping, "keep_report", forget_first)

    with pytest.raises(ForgottenMeanwhileError, match="make it again"):
        keep_snapshot_report(warehouse, store, config, snapshot_id=snapshot_id)

    assert not store.exists(dataset_path(snapshot_id))
