"""What `status` tells of a pipeline, read from the warehouse."""

import json

import pytest

from include.commands.app import main
from include.registry.alerts import enqueue


@pytest.fixture(autouse=True)
def here(place_pipeline, warehouse):
    """The pipeline's file, its warehouse in the environment, and no local instance."""
    place_pipeline()


def status(capsys, *options):
    with pytest.raises(SystemExit) as ended:
        main(["status", *options])
    assert not ended.value.code
    return capsys.readouterr().out


def test_before_the_first_check_there_is_no_verdict(capsys):
    assert "  drift  " not in status(capsys)
    assert json.loads(status(capsys, "--json"))["pipelines"][0]["last_check"] is None


def test_the_last_verdict_is_shown_with_its_action_and_time(capsys, query):
    for day, verdict, action in ((1, "STABLE", "NONE"), (2, "DATA_DRIFT", "REQUEST_RETRAINING")):
        query(
            "INSERT INTO DRIFT_CHECKS (CHECK_ID, RUN_ID, VERSION, CHAMPION_EVENT_SEQ, FIRST_COMMIT_SEQ, "
            "LAST_COMMIT_SEQ, N_IMAGES, STATISTICS, THRESHOLDS, VERDICT, ACTION, REASONS, REPORT_PATH, CHECKED_AT) "
            "SELECT %(verdict)s, 'a_inference/r', 3, 4, 1, 200, 200, PARSE_JSON('{}'), "
            """PARSE_JSON('{}'), %(verdict)s, %(action)s, PARSE_JSON('["distance 0.41"]'), NULL, """
            "DATEADD(DAY, %(day)s, '2026-03-01 12:34:56'::TIMESTAMP_NTZ)",
            day=day,
            verdict=verdict,
            action=action,
        )

    assert "  drift      DATA_DRIFT of version 3, action REQUEST_RETRAINING (2026-03-03 12:34 UTC)" in status(capsys)
    check = json.loads(status(capsys, "--json"))["pipelines"][0]["last_check"]
    assert (check["verdict"], check["action"], check["version"], check["n_images"], check["reasons"]) == (
        "DATA_DRIFT",
        "REQUEST_RETRAINING",
        3,
        200,
        ["distance 0.41"],
    )
    assert check["checked_at"] == "2026-03-03 12:34:56+00:00"


def test_what_people_were_not_told_for_an_hour_is_shown_with_the_last_error(capsys, query, warehouse):
    for n, minutes in enumerate((30, 90, 180)):
        about = {"tasks": [f"task {n}"]}
        warehouse.alone(lambda about=about: enqueue(warehouse, "failed", run_id="a_training/r", about=about))
        query(
            "UPDATE ALERTS SET DUE_AT = DATEADD(MINUTE, -%(minutes)s, SYSDATE()), N_TRIES = 4, "
            "ERROR = 'mail: Connection refused' WHERE ABOUT:tasks[0]::VARCHAR = %(task)s",
            minutes=minutes,
            task=about["tasks"][0],
        )

    shown = status(capsys)
    assert shown.count("  not told   failed of a_training/r, due ") == 2
    assert "UTC, 4 tries: mail: Connection refused" in shown
    late = json.loads(status(capsys, "--json"))["pipelines"][0]["late_alerts"]
    assert [(alert["kind"], alert["n_tries"], alert["error"]) for alert in late] == [
        ("failed", 4, "mail: Connection refused")
    ] * 2
    assert late[0]["due_at"] < late[1]["due_at"]

    # When they are delivered, or no longer wanted, nothing is shown
    query("UPDATE ALERTS SET DELIVERED_AT = SYSDATE()")
    assert "not told" not in status(capsys)
