"""What each mail says."""

from datetime import UTC, datetime
from typing import Any

import pytest

from include.drift.checks import DriftCheck
from include.notify import messages
from include.notify.mail import Mail, Message, compose
from include.registry.promotion import Decision
from include.registry.rollback import Rollback

RUN = ("The run", "https://airflow.example.com/dags/garments_training/runs/1")


def make_check(**changes: Any) -> DriftCheck:
    row: dict[str, Any] = {
        "check_id": "3f9a1c07d2e4b586",
        "run_id": "garments_inference/manual__1",
        "version": 3,
        "champion_event_seq": 9,
        "first_commit_seq": 4,
        "last_commit_seq": 6,
        "n_images": 200,
        "statistics": {
            "confidences": {"distance": 1.483, "p_value": 0.0005, "n_images": 200, "n_baseline": 481},
            "classes": {"distance": 0.31, "p_value": 0.001, "n_images": 200, "n_baseline": 481},
            "previous": {"version": 2, "distance": 1.61, "p_value": 0.0005, "n_images": 200, "n_baseline": 356},
            "n_new_labels": 62,
        },
        "thresholds": {"confidences": 0.212, "classes": 0.14, "previous": 0.22, "window": 200, "min_new_labels": 50},
        "verdict": "DATA_DRIFT",
        "action": "REQUEST_RETRAINING",
        "reasons": ("the confidences lie 1.483 standard deviations away", "version 2 drifts, too"),
        "report_path": "reports/3f9a1c07d2e4b586.html",
        "checked_at": datetime(2026, 1, 31, 10, tzinfo=UTC),
    }
    return DriftCheck(**{**row, **changes})


def told(message: Message) -> tuple[Mail, str]:
    mail = compose(message)
    return mail, " ".join(mail.text.split())


def test_a_promotion_names_the_version_and_the_way_back() -> None:
    decision = Decision(
        version=4, outcome="PROMOTED", reason="a; b", reasons=("accuracy 0.981", "no recall has dropped")
    )

    mail, text = told(messages.promoted("garments", decision, links=[RUN]))

    assert mail.subject == "[driftgate] garments: version 4 is champion"
    assert mail.kind == "promoted"
    assert "accuracy 0.981" in text
    assert "no recall has dropped" in text
    assert "./driftgate rollback garments" in text


def test_a_refusal_says_that_the_champion_stays_and_how_to_look() -> None:
    decision = Decision(version=5, outcome="GATE_FAILED", reason="r", reasons=("accuracy 0.612 is below 0.7",))

    mail, text = told(messages.refused("garments", decision, links=[RUN]))

    assert mail.subject == "[driftgate] garments: version 5 was refused, the champion stays"
    assert "accuracy 0.612 is below 0.7" in text
    assert "./driftgate status garments" in text


def test_a_lost_race_is_no_failed_gate() -> None:
    decision = Decision(version=5, outcome="LOST_RACE", reason="r", reasons=("by now the champion is version 4",))

    mail, text = told(messages.refused("garments", decision, links=[RUN]))

    assert mail.subject.endswith("version 5 came too late")
    assert "by now the champion is version 4" in text
    assert "the gate did not let it pass" not in text


@pytest.mark.parametrize(
    ("changes", "subject", "follows"),
    [
        ({}, "a retraining is asked for", "A training run follows."),
        (
            {"action": "ALERT", "statistics": {"confidences": {"distance": 1.5}, "n_new_labels": 12}},
            "labels are wanted",
            "add rows to LABELS for images of the incoming stage, or put files into the training stage. 12 of 50",
        ),
        ({"action": "ALERT"}, "nothing was started", "./driftgate train garments"),
        (
            {"action": "ROLL_BACK", "verdict": "MODEL_REGRESSION"},
            "version 3 got worse, the previous one takes over again",
            "so it is champion again",
        ),
    ],
)
def test_drift_says_what_follows(changes: dict[str, Any], subject: str, follows: str) -> None:
    mail, text = told(messages.drift("garments", make_check(**changes), links=[RUN]))

    assert mail.subject.endswith(subject)
    assert mail.kind == "drift"
    assert follows in text
    assert "the confidences lie 1.483 standard deviations away" in text


def test_drift_has_its_figures_beside_their_thresholds() -> None:
    message = messages.drift("garments", make_check(), links=[RUN])

    assert dict(message.facts) == {
        "Verdict": "DATA_DRIFT",
        "Action": "REQUEST_RETRAINING",
        "Champion": "version 3",
        "New answers": "200",
        "Confidences": "distance 1.483 sd, threshold 0.212 sd",
        "Predicted classes": "distance 0.310, threshold 0.140",
        "Previous version": "version 2: distance 1.610 sd, threshold 0.220 sd",
        "New labels": "62 (needed: 50)",
        "Report (in the store)": "reports/3f9a1c07d2e4b586.html",
        "Check": "3f9a1c07d2e4b586",
    }


@pytest.mark.parametrize("has_previous", [True, False])
def test_going_back_is_offered_where_there_is_something_to_go_back_to(*, has_previous: bool) -> None:
    statistics = dict(make_check().statistics)
    if not has_previous:
        del statistics["previous"]

    _, text = told(messages.drift("garments", make_check(action="ALERT", statistics=statistics), links=[]))

    assert "./driftgate train garments" in text
    assert ("./driftgate rollback garments" in text) is has_previous


def test_labels_that_arrived_are_told_as_such() -> None:
    check = make_check(statistics={"n_new_labels": 62}, n_images=3, report_path=None, reasons=("62 labels arrived",))

    _, text = told(messages.drift("garments", check, links=[]))

    assert "Labels have arrived for the drift that an earlier check found" in text
    assert "no longer look like" not in text
    assert "Report" not in text


@pytest.mark.parametrize(
    ("hours", "shown"), [(72, "72 hours"), (1.5, "1.5 hours"), (1, "1 hour"), (0.5, "30 minutes"), (0.001, "1 minute")]
)
def test_a_request_says_how_long_it_waits_and_what_each_answer_does(hours: float, shown: str) -> None:
    links = [("Approve", "https://a.example/1"), ("Reject", "https://a.example/2")]

    mail, text = told(messages.approval_wanted("garments", make_check(), hours=hours, links=links))

    assert mail.subject == "[driftgate] garments: may a new model be trained? (drift of version 3)"
    assert f"within {shown} the request counts as rejected" in text
    assert "Rejected: version 3 stays champion" in text
    assert "version 2 drifts, too" in text
    assert text.index("https://a.example/1") < text.index("https://a.example/2")


@pytest.mark.parametrize(
    ("n_pending", "shown"),
    [(0, "Every image that had an answer still has one."), (1, "1 image that only"), (1500, "1,500 images that only")],
)
def test_a_rollback_says_who_why_and_what_is_pending(n_pending: int, shown: str) -> None:
    rollback = Rollback(version=2, from_version=3, event_seq=17, n_pending=n_pending)

    mail, text = told(
        messages.rolled_back("garments", rollback, reason="coats everywhere", actor="anna.müller", links=[RUN])
    )

    assert mail.subject == "[driftgate] garments: rolled back from version 3 to version 2"
    assert "coats everywhere" in text
    assert "anna.müller" in text
    assert shown in text
    assert ("./driftgate infer garments" in text) is bool(n_pending)
    assert "--to 3" in text


@pytest.mark.parametrize(("back", "before"), [(1, 3), (3, 1)], ids=["back", "forward again"])
def test_a_rollback_says_whose_answers_count_in_either_direction(back: int, before: int) -> None:
    rollback = Rollback(version=back, from_version=before, event_seq=17, n_pending=0)

    message = messages.rolled_back("garments", rollback, reason="r", actor="a", links=[])

    # of the version that it replaces nothing is said: bringing version 3 back does not recall version 1
    assert message.sentences[0] == (
        f"Every version promoted since version {back} is recalled: its answers no longer count. Those of version "
        f"{back} show again."
    )
    assert ("In place of", f"version {before}") in message.facts
