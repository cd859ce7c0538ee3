"""The verb `accept`, as a person and a program call it."""

import json

import pytest

from include.commands import accept, warehouse_access
from include.commands.app import main


@pytest.fixture(autouse=True)
def here(place_pipeline, monkeypatch, warehouse):
    """The pipeline's file, its warehouse in the environment, and no local instance."""
    place_pipeline()
    monkeypatch.setattr(accept, "user_name", lambda: "ann")


@pytest.fixture
def broken(query):
    """A check that found images too dark."""
    query(
        "INSERT INTO DRIFT_CHECKS (CHECK_ID, RUN_ID, VERSION, CHAMPION_EVENT_SEQ, N_IMAGES, STATISTICS, THRESHOLDS, "
        "VERDICT, ACTION, REASONS, CHECKED_AT, EVIDENCE) SELECT 'c4ec', 'r', 1, 1, 60, "
        """PARSE_JSON('{"jumps": [{"statistic": "brightness"}]}'), PARSE_JSON('{}'), 'BROKEN_IMAGES', 'ALERT', """
        "PARSE_JSON('[]'), SYSDATE(), PARSE_JSON('{}')"
    )
    return "c4ec"


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    return ended.value.code or 0, capsys.readouterr()


def test_a_person_is_told_what_is_normal_now_and_what_follows(capsys, config, broken):
    code, told = run(capsys, "accept", config.name, broken, "--reason", "the new [camera]")

    assert code == 0
    assert "ann has declared the images of check c4ec normal: the new [camera]" in told.out
    assert f"./driftgate infer {config.name} goes on with it" in told.out


def test_a_program_gets_json_and_twice_the_same(capsys, config, broken):
    _, first = run(capsys, "accept", config.name, broken, "--reason", "a new camera", "--json")
    _, again = run(capsys, "accept", config.name, broken, "--reason", "it is", "--json")

    result = json.loads(first.out)
    assert {name: result[name] for name in ("name", "check_id", "reason", "actor")} == {
        "name": config.name,
        "check_id": "c4ec",
        "reason": "a new camera",
        "actor": "ann",
    }
    assert json.loads(again.out) == result


def test_what_cannot_be_accepted_is_told_in_a_line(capsys, config, broken, query):
    assert run(capsys, "accept", config.name, "beef", "--reason", "x") == (
        1,
        ("", "error: there is no check beef in DRIFT_CHECKS\n"),
    )
    query("UPDATE DRIFT_CHECKS SET VERDICT = 'DATA_DRIFT'")
    code, told = run(capsys, "accept", config.name, broken, "--reason", "x")
    assert (code, told.err) == (
        1,
        "error: check c4ec found DATA_DRIFT: only BROKEN_IMAGES can be declared the new normal\n",
    )
    code, told = run(capsys, "accept", config.name, broken, "--reason", " ")
    assert (code, "not accepted without a reason" in told.err) == (1, True)
    assert run(capsys, "accept", config.name, broken)[0] == 2


def test_who_calls_the_command_has_a_name_also_without_one(monkeypatch):
    assert warehouse_access.user_name()
    monkeypatch.setattr("getpass.getuser", lambda: {}["nobody"])
    assert warehouse_access.user_name().startswith("user ")
