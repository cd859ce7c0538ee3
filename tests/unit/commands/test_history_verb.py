"""The verb `history`, as a person and a program call it."""

import json

import pytest
from ledger_story import SEEN_BEFORE_PROMOTION, LedgerStory

from include.commands import history
from include.commands.app import main


@pytest.fixture(autouse=True)
def here(place_pipeline, monkeypatch, warehouse):
    """The pipeline's file, its warehouse in the environment, and no local instance."""
    place_pipeline()
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def lived(warehouse, config, query):
    query("INSERT INTO SNAPSHOTS SELECT '5a', 1234, 10, 'digits_training/1', SYSDATE()")
    LedgerStory(warehouse, config).live()


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    return ended.value.code or 0, capsys.readouterr()


def test_a_person_sees_each_version_with_who_let_it_in_and_when_it_was_valid(capsys, config, lived):
    code, told = run(capsys, "history", config.name)

    rows = {line.split()[0]: line for line in told.out.splitlines() if line.split()[0].isdigit()}
    assert code == 0
    assert list(rows) == ["4", "3", "2", "1"]
    assert "ann, bob" in rows["3"]
    assert "champion; valid 20" in rows["3"]
    assert rows["3"].rstrip().endswith("until now, 2 times")
    assert "passed" in rows["3"]
    assert "failed" in rows["2"]
    assert rows["2"].rstrip().endswith("refused by the gate")
    assert "driftgate" in rows["1"]
    assert "superseded; valid 20" in rows["1"]
    assert all("1,234" in row and "0.910" in row for row in rows.values())
    assert f"./driftgate history {config.name} --version VERSION" in told.out


def test_the_latest_alone(capsys, config, lived):
    _, told = run(capsys, "history", config.name, "--limit", "1", "--json")

    assert [version["version"] for version in json.loads(told.out)["versions"]] == [4]


def test_of_many_versions_the_latest_are_listed_and_a_program_gets_all(capsys, config, lived, monkeypatch):
    monkeypatch.setattr(history, "_N_LISTED", 3)

    _, told = run(capsys, "history", config.name)
    assert "… and 1 older: --limit 4 shows all" in told.out
    _, told = run(capsys, "history", config.name, "--limit", "4")
    assert "older" not in told.out
    _, told = run(capsys, "history", config.name, "--json")
    assert len(json.loads(told.out)["versions"]) == 4


def test_all_of_one_version_is_told_in_sentences(capsys, config, lived):
    code, told = run(capsys, "history", config.name, "--version", "3")

    assert code == 0
    for part in (
        f"version 3 of {config.name}: champion",
        "in run digits_training/3",
        "learnt from snapshot 5a (1,234 images), 7 of them to train on",
        "files: 3/ in stage MODELS; SHA-256 of the card sha of 3, that of the weights w3",
        "test accuracy 0.910 on 180 images, calibration error 0.031, log loss 0.250",
        "[bold]hat: recall 0.900, precision - (90 images)",
        "accuracy of 3 reaches the gate",
        "retraining approved by ann on ",
        "(request q1): approved by ann",
        "reasons: the confidences have fallen",
        "promotion approved by bob on ",
        "gate.champion: 0.8",
        "by driftgate, in place of version 1: 3 is good enough",
        "by dora, by a rollback from version 3 to version 1: takes every hat for a shirt",
        "champion again on ",
        "and still is",
    ):
        assert part in told.out


def test_what_was_never_decided_is_said_too(capsys, config, lived):
    _, told = run(capsys, "history", config.name, "--version", "2")

    assert "no person was asked about it" in told.out
    assert "gate failed on " in told.out
    assert "never promoted" in told.out
    assert "valid as champion" not in told.out


def test_a_program_gets_everything(capsys, config, lived):
    _, told = run(capsys, "history", config.name, "--version", "3", "--json")

    result = json.loads(told.out)
    assert (result["name"], result["version"], result["state"]) == (config.name, 3, "champion")
    assert [(a["actor"], a["kind"]) for a in result["approvals"]] == [("ann", "retraining"), ("bob", "promotion")]
    assert result["approvals"][1]["evidence"] == SEEN_BEFORE_PROMOTION
    assert result["promotion"]["over"] == 1
    assert result["gate"]["is_passed"] is True
    assert [effect["effect"] for effect in result["rollbacks"]] == ["RECALLED", "RESTORED"]
    assert (len(result["periods"]), result["valid_to"]) == (2, None)


def test_without_a_version_it_says_how_to_make_one(capsys, config):
    code, told = run(capsys, "history", config.name)

    assert code == 0
    assert f"{config.name} has no version yet: ./driftgate train {config.name} makes the first one" in told.out


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--version", "7"], 1, "has no version 7: the latest is version 4"),
        (["--version", "1", "--limit", "2"], 2, "--limit is for the list of versions"),
        (["--version", "0"], 2, "Usage"),
        (["--limit", "none"], 2, "Usage"),
    ],
)
def test_a_wrong_call_is_told(capsys, config, lived, arguments, code, told):
    ended, shown = run(capsys, "history", config.name, *arguments)

    assert ended == code
    assert told in shown.err
    assert shown.out == ""


def test_an_unknown_pipeline_is_told(capsys):
    code, told = run(capsys, "history", "digit")

    assert (code, "there is no pipeline 'digit'" in told.err) == (2, True)
