"""The verb `explain`, as a person and a program call it."""

import json

import pytest
from ledger_story import LedgerStory

from include.commands.app import main

ODD = '[bold]写真/"100 %" it\'s\n%(x)s.png'


@pytest.fixture(autouse=True)
def here(place_pipeline, warehouse):
    """The pipeline's file, its warehouse in the environment, and no local instance."""
    place_pipeline()


@pytest.fixture
def seen(query):
    """A function that puts an image into the catalog."""

    def see(path):
        query(
            "INSERT INTO IMAGES SELECT 'INCOMING_IMAGES', %(path)s, 'e', 1234, SYSDATE(), '', 'c0', NULL, 'test', "
            "SYSDATE(), NULL",
            path=path,
        )
        return path

    return see


@pytest.fixture
def image(warehouse, config, query, seen):
    """An image that versions 1 and 3 answered, that was labelled, and of whose answers a check judged the first."""
    LedgerStory(warehouse, config).live()
    query("INSERT INTO SNAPSHOTS SELECT '5a', 1234, 10, 'digits_training/1', SYSDATE()")
    path = seen(ODD)
    query("INSERT INTO LABELS SELECT 'INCOMING_IMAGES', %(path)s, 'e', '[red]', 'person', SYSDATE()", path=path)
    query(
        "INSERT INTO DRIFT_CHECKS (CHECK_ID, RUN_ID, VERSION, CHAMPION_EVENT_SEQ, FIRST_COMMIT_SEQ, LAST_COMMIT_SEQ, "
        "N_IMAGES, STATISTICS, THRESHOLDS, VERDICT, ACTION, REASONS, CHECKED_AT) SELECT 'c1', 'r', 1, 1, 1, 9, 9, "
        """PARSE_JSON('{}'), PARSE_JSON('{}'), 'DATA_DRIFT', 'ALERT', PARSE_JSON('["darker"]'), SYSDATE()"""
    )
    for seq, version in ((5, 1), (12, 3)):
        query(
            "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, PRED_TIMESTAMP, "
            "RUN_ID, COMMIT_SEQ, IS_FIRST) SELECT 'INCOMING_IMAGES', %(path)s, 'e', %(version)s, 'hat', 0.876, "
            "PARSE_JSON('[1]'), SYSDATE(), 'digits_inference/4', %(seq)s, %(version)s = 1",
            path=path,
            version=version,
            seq=seq,
        )
    return path


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    return ended.value.code or 0, capsys.readouterr()


def test_a_person_is_told_who_answered_what_and_on_which_grounds(capsys, config, image):
    code, told = run(capsys, "explain", config.name, image)

    assert code == 0
    lines = told.out.splitlines()
    assert lines[0] == f'[bold]写真/"100 %" it\'s\\n%(x)s.png of {config.name}'
    for part in (
        "file e in stage INCOMING_IMAGES: 1,234 bytes, first seen ",
        "content SHA-256 c0, split test",
        "label [red], given ",
        "(source person); counts",
        "by version 3 (champion); the current answer",
        "by version 1 (superseded)",
        "answered in run digits_inference/4",
        "version 3 learnt from snapshot 5a (1,234 images) in run digits_training/3",
        "retraining approved by ann on ",
        "promotion approved by bob on ",
        "not judged by drift checks: another version had answered this image before",
        "drift check c1 of ",
        "DATA_DRIFT, action ALERT: darker",
    ):
        assert part in told.out
    assert told.out.index("by version 3") < told.out.index("by version 1"), "the newest answer comes first"


def test_a_program_gets_everything_and_the_name_as_it_is(capsys, config, image):
    code, told = run(capsys, "explain", config.name, image, "--json")

    result = json.loads(told.out)
    assert code == 0
    assert (result["name"], result["path"]) == (config.name, ODD)
    assert [(a["version"], a["type"], a["is_current"]) for a in result["answers"]] == [
        (3, "hat", True),
        (1, "hat", False),
    ]
    assert result["answers"][1]["verdict"]["verdict"] == "DATA_DRIFT"
    assert result["versions"]["3"]["snapshot_id"] == "5a"
    assert [approval["actor"] for approval in result["versions"]["3"]["approvals"]] == ["ann", "bob"]
    assert result["labels"][0]["label"] == "[red]"


def test_an_image_that_nobody_has_answered_is_told_too(capsys, config, seen, query):
    seen("a.png")
    query("INSERT INTO QUARANTINE SELECT 'INCOMING_IMAGES', 'a.png', 'e', 'cut off', 'r', SYSDATE()")

    code, told = run(capsys, "explain", config.name, "a.png")

    assert code == 0
    assert "in quarantine since " in told.out
    assert "cut off" in told.out
    assert "no version has answered it" in told.out
    assert "no answer to it counts today" in told.out


def test_a_misspelt_path_is_told_with_the_most_similar_ones(capsys, config, seen):
    seen("shirt/0001.jpg")

    code, told = run(capsys, "explain", config.name, "shirt/001.jpg")

    assert code == 1
    assert "has no image shirt/001.jpg in stage TRAINING_IMAGES or INCOMING_IMAGES" in told.err
    assert "the most similar are shirt/0001.jpg (stage INCOMING_IMAGES)" in told.err
    assert told.out == ""


def test_an_unknown_pipeline_and_a_missing_path_are_told(capsys, config):
    assert run(capsys, "explain", "digit", "a.png")[0] == 2
    assert run(capsys, "explain", config.name)[0] == 2
