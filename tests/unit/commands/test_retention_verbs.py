"""The verbs `prune` and `forget`, as a person and a program call them."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
import typer
import yaml

from include.commands import retention
from include.commands.app import main
from include.images.preprocessing import preprocessing_digest
from include.store.pixels import write_segment


@pytest.fixture(autouse=True)
def here(place_pipeline, warehouse):
    """The pipeline's file, its warehouse in the environment, and no local instance."""
    place_pipeline()


@pytest.fixture
def image(store, query, config, put_image):
    """An incoming image that was answered, with its pixels and another image's in one segment."""
    for name, content, etag in (("a/ü 1.png", "c1", "e1"), ("b.png", "c2", "e2")):
        query(
            "INSERT INTO IMAGES SELECT %(stage)s, %(name)s, %(etag)s, 1, SYSDATE(), '', %(content)s, NULL, NULL, "
            "SYSDATE(), NULL",
            stage=config.stages.incoming.name,
            name=name,
            etag=etag,
            content=content,
        )
    digest = preprocessing_digest(config.preprocessing)
    pixels = np.stack([np.full((16, 16, 3), colour, dtype=np.uint8) for colour in (7, 9)])
    segment = write_segment(store, pixels, preprocessing_digest=digest, content_digests=["c1", "c2"])
    for row, content in enumerate(("c1", "c2")):
        query(
            "INSERT INTO PIXELS SELECT %(c)s, %(d)s, %(s)s, %(row)s, 1, 1, 0.5, 0.5, 0.5, 'r', SYSDATE()",
            c=content,
            d=digest,
            s=segment,
            row=row,
        )
    query(
        "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, PRED_TIMESTAMP, "
        "RUN_ID, COMMIT_SEQ) SELECT STAGE, RELATIVE_PATH, ETAG, 1, 'a', 0.9, PARSE_JSON('[1]'), SYSDATE(), 'r', 1 "
        "FROM IMAGES WHERE ETAG = 'e1'"
    )
    return "a/ü 1.png"


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    return ended.value.code or 0, capsys.readouterr()


def leave(config, name, *, days, n_bytes=2_500_000):
    path = Path(config.store_url) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(n_bytes))
    os.utime(path, (time.time() - days * 86_400,) * 2)
    return path


def test_prune_shows_what_goes_what_stays_and_why(capsys, config):
    old = leave(config, "reports/old.html", days=40)
    young = leave(config, "reports/young.html", days=20)

    code, told = run(capsys, "prune", config.name, "--dry-run")
    assert code == 0
    assert "drift reports 1 file 2.5 MB 1 file 2.5 MB" in " ".join(told.out.split())
    assert "would free 2.5 MB; 2.5 MB are left (store.keep_days 30, store.max_gb not set)" in told.out
    assert old.exists()

    code, told = run(capsys, "prune", config.name)
    assert code == 0
    assert "freed 2.5 MB; 2.5 MB are left" in told.out
    assert "younger than store.keep_days" in told.out
    assert not old.exists()
    assert young.exists()


def test_prune_says_when_what_is_needed_is_more_than_allowed(capsys, config, tmp_path):
    leave(config, "reports/a.html", days=0.5)
    file = tmp_path / "pipelines/a.yaml"
    fields = yaml.safe_load(file.read_text())
    fields["store"]["max_gb"] = 0.001
    file.write_text(yaml.safe_dump(fields))

    code, told = run(capsys, "prune", config.name)
    assert code == 0
    assert "what is left is 1.5 MB over store.max_gb (1.0 MB), but all of it is needed" in told.out

    code, told = run(capsys, "prune", config.name, "--json")
    result = json.loads(told.out)
    assert (result["excess_bytes"], result["left_bytes"], result["freed_bytes"]) == (1_500_000, 2_500_000, 0)
    assert result["kept_for"] == {"younger than a day": {"n_files": 1, "n_bytes": 2_500_000}}


def test_forget_says_what_it_found_and_erased(capsys, config, image, query):
    code, told = run(capsys, "forget", config.name, image, "--yes", "--reason", "asked to")

    assert code == 0
    assert "a/ü 1.png of stage INCOMING_IMAGES: 1 version, 1 gone from there" in told.out
    assert "1 answer, 0 labels" in told.out
    assert "erased 1 answer, 1 pixel set, 1 catalog row" in told.out
    assert "written again without it: 1 segment\n" in told.out
    assert query("SELECT COUNT(*) FROM PREDICTIONS") == [(0,)]
    assert query("SELECT RELATIVE_PATH FROM IMAGES") == [("b.png",)]

    code, told = run(capsys, "forget", config.name, image, "--yes")
    assert code == 0
    assert "a/ü 1.png was forgotten on 20" in told.out
    assert "nothing was found that is not forgotten already" in told.out


def test_forget_as_json(capsys, config, image):
    code, told = run(capsys, "forget", config.name, image, "--yes", "--json", "--stage", "incoming")

    assert code == 0
    result = json.loads(told.out)
    assert result["path"] == image
    assert result["staged"] == result["live_copies"] == result["trained_versions"] == []
    assert result["erased"] == {
        "n_predictions": 1,
        "n_labels": 0,
        "n_images": 1,
        "n_pixels": 1,
        "n_features": 0,
        "n_rewritten": 1,
        "n_segments": 1,
        "n_lists": 0,
        "n_thumbnails": 0,
        "n_abandoned": 0,
        "n_copies": 0,
    }


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_without_anybody_to_ask_forget_wants_yes(capsys, config, image, query, option):
    code, told = run(capsys, "forget", config.name, image, *option)

    assert code == 2
    assert "say --yes" in told.err
    assert query("SELECT COUNT(*) FROM PREDICTIONS") == [(1,)]


@pytest.mark.parametrize(("answer", "n_left"), [(True, 0), (False, 1)])
def test_on_a_terminal_forget_asks(capsys, monkeypatch, config, image, query, answer, n_left):
    monkeypatch.setattr(retention.sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda _: answer)

    code, told = run(capsys, "forget", config.name, image)

    assert code == (0 if answer else 1)
    assert ("nothing was erased" in told.out) == (not answer)
    assert query("SELECT COUNT(*) FROM PREDICTIONS") == [(n_left,)]


def test_an_unknown_path_is_told_with_the_next_step(capsys, config, image):
    code, told = run(capsys, "forget", config.name, "a/u 1.png", "--yes")

    assert code == 1
    assert "has no image a/u 1.png" in told.err
    assert "the most similar are a/ü 1.png" in told.err


def test_files_that_are_still_staged_have_to_be_deleted_there(capsys, config, put_image, warehouse, query):
    from include.catalog.sync import sync_stage

    for path in ("x\ny.png", "copy.png"):
        put_image(path, colour=(1, 2, 3), stage="new")
    sync_stage(warehouse, config.stages.incoming, labels=None, accept_removals=False)
    query("UPDATE IMAGES SET CONTENT_SHA256 = 'c'")

    code, told = run(capsys, "forget", config.name, "x\ny.png", "--yes")

    assert code == 0
    assert r"x\ny.png of stage INCOMING_IMAGES: 1 version, 0 gone" in told.out
    assert "the same content is in 1 other image: copy.png (INCOMING_IMAGES); they keep the pixels" in told.out
    assert "erased nothing: there were no pixels, answers or labels of its own" in told.out
    assert r"x\ny.png is still in stage INCOMING_IMAGES, in quarantine: delete it there" in told.out
    assert "copy.png is still" not in told.out
    code, told = run(capsys, "status", config.name)
    assert "1 in quarantine" in told.out
    assert "forget     an image was forgotten, as " in told.out

    code, told = run(capsys, "forget", config.name, "x\ny.png", "--copies", "--yes", "--json")
    assert [file["path"] for file in json.loads(told.out)["staged"]] == ["x\ny.png", "copy.png"]
    assert "copy.png is still in stage INCOMING_IMAGES, in quarantine: delete it there" in told.err
    assert "then run this again" in told.err
