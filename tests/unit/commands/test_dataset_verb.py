"""The verb `dataset`: the report on the newest snapshot of a pipeline."""

import json
from pathlib import Path

import pytest
from decoders_here import DecodersHere

from include.catalog.runs import open_run
from include.catalog.snapshot import freeze_snapshot
from include.catalog.sync import sync_stage
from include.commands.app import main
from include.images import preprocess
from include.images.preprocess import read_digests
from include.store.batches import write_batches
from include.store.preparation import prepare_batch


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    return ended.value.code, capsys.readouterr()


def test_without_a_snapshot_it_says_what_to_do(capsys, warehouse, config, place_pipeline):
    place_pipeline()

    code, shown = run(capsys, "dataset", config.name)

    assert code != 0
    assert f"{config.name} has no data set yet: ./driftgate train {config.name} freezes one" in shown.err


def test_it_writes_the_report_and_says_where_it_is(
    capsys, warehouse, config, store, place_pipeline, put_image, monkeypatch
):
    monkeypatch.setattr(preprocess, "Decoders", DecodersHere)
    place_pipeline()
    for number in range(1, 5):
        put_image(f"red/{number}.png", colour=(30 * number, 0, 0))
        put_image(f"blue/{number}.png", colour=(0, 0, 30 * number))
    sync_stage(warehouse, config.stages.training, labels=config.labels, accept_removals=False)
    open_run(warehouse, config, run_id="training/1", dag_id="training", kind="TRAINING", reason=None)
    snapshot = freeze_snapshot(warehouse, config, run_id="training/1", work_path="w", read_digests=read_digests)
    [batch] = write_batches(store, [snapshot.keys], preprocessing=config.preprocessing, version=None)
    prepare_batch(warehouse, store, batch, stages=config.stages, run_id="training/1", work_path="w")

    code, shown = run(capsys, "dataset", config.name, "--json")

    told = json.loads(shown.out)
    assert code == 0
    assert told["classes"] == {"blue": 4, "red": 4}
    assert told["snapshot_id"] == snapshot.snapshot_id
    page = Path(told["report_path"]).read_text(encoding="utf-8")
    assert f"Data set of {config.name}" in page
