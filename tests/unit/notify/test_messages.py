"""What each mail says."""

from typing import Any

import pytest
from given_checks import make_check

from include.notify import messages
from include.notify.mail import Mail, Message, Picture, compose
from include.registry.promotion import Decision
from include.registry.recalls import LabelChange, Recall
from include.registry.rollback import Rollback

RUN = ("The run", "https://airflow.example.com/dags/garments_training/runs/1")


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
            "or put files into the training stage. 12 of 50 new labels are there",
        ),
        ({"action": "ALERT"}, "nothing was started", "./driftgate train garments"),
        (
            {"action": "ROLL_BACK", "verdict": "MODEL_REGRESSION"},
            "version 3 got worse, the previous one takes over again",
            "so it is champion again",
        ),
        (
            {"action": "ALERT", "verdict": "MODEL_REGRESSION"},
            "version 3 got worse, nothing was started",
            "Version 3 does worse on 200 new images than the version before it would.",
        ),
        (
            {"verdict": "CONCEPT_DRIFT"},
            "version 3 is wrong more often, a retraining is asked for",
            "labels show that version 3 is wrong about more of them than when it was accepted",
        ),
        (
            {"action": "ALERT", "verdict": "INSUFFICIENT_DATA", "statistics": {"n_invalid": 150}},
            "version 3 gives answers that cannot be judged, nothing was started",
            "Most answers of version 3 to 200 new images have a confidence that is no number from 0 to 1.",
        ),
        (
            {"action": "REQUEST_LABELS", "statistics": {"open_drift": "ab", "n_new_labels": 12}},
            "drift of version 3, labels are wanted",
            "An earlier check has found drift in the answers of version 3, which waits for labels.",
        ),
        (
            {"action": "ALERT", "statistics": {"open_drift": "ab", "n_new_labels": 62}},
            "drift of version 3, nothing was started",
            "Labels have arrived for the drift that an earlier check found in the answers of version 3.",
        ),
    ],
)
def test_drift_says_what_follows(changes: dict[str, Any], subject: str, follows: str) -> None:
    mail, text = told(messages.drift("garments", make_check(**changes), links=[RUN]))

    assert mail.subject.endswith(subject)
    assert mail.kind == "drift"
    assert follows in text
    assert "the confidences lie 1.483 standard deviations away" in text


JUMPS = [
    {"statistic": "sharpness", "before": 0.0203, "now": 0.00188, "distance": 4.46},
    {"statistic": "short_side", "before": 480.0, "now": 96.0, "distance": 3.0},
    {"statistic": "undecodable", "before": 0.0, "now": 0.12, "distance": 0.12},
]


@pytest.mark.parametrize(
    ("jumps", "found", "is_offered"),
    [
        (JUMPS, "sharpness and short side have jumped, and more of them cannot be decoded", True),
        (JUMPS[:1], "sharpness has jumped", True),
        (JUMPS[2:], "more of them cannot be decoded", False),
        ([], "the report says in what", False),
    ],
)
def test_broken_images_are_mended_or_accepted(jumps: list[dict[str, Any]], found: str, *, is_offered: bool) -> None:
    statistics = {**make_check().statistics, "jumps": jumps}
    check = make_check(verdict="BROKEN_IMAGES", action="ALERT", signal="images", statistics=statistics)

    mail, text = told(messages.drift("garments", check, links=[RUN]))

    assert mail.subject == "[driftgate] garments: the new images look broken, nothing was started"
    assert mail.kind == "broken"
    assert f"version 3 was accepted on: {found}." in text
    assert "nothing is retrained and nothing rolled back because of them" in text
    assert ('./driftgate accept garments 3f9a1c07d2e4b586 --reason "…"' in text) is is_offered
    assert "train garments" not in text


def test_every_figure_of_a_check_has_its_place() -> None:
    accuracy = {
        "baseline": 0.803,
        "expected": 0.803,
        "estimates": [{"method": "DoC", "value": 0.647, "low": 0.598, "high": 0.696}],
        "realised": {"n_images": 34, "n_right": 20},
        "is_trusted": False,
    }
    statistics = {
        **make_check().statistics,
        "features": {"distance": 0.31, "p_value": 0.0005, "n_images": 200, "n_baseline": 481},
        "images": {"distance": 4.46, "p_value": 0.0002, "measure": "sharpness, Wasserstein-1 in standard deviations"},
        "previous": {"version": 2, "accuracy": {**accuracy, "realised": None}},
        "accuracy": accuracy,
        "jumps": JUMPS,
        "moved_classes": ["hat", "shoe", "coat", "dress", "shirt", "sock", "tie"],
    }
    thresholds = {**make_check().thresholds, "features": 0.06, "images": 0.32}

    facts = dict(
        messages.drift(
            "garments",
            make_check(statistics=statistics, thresholds=thresholds, smallest_shift=0.363, signal="images"),
            links=[],
        ).facts
    )

    assert facts["Images have jumped"] == (
        "sharpness 0.0203 to 0.00188 (4.5 sd); short side 480 to 96 (3.0 sd); undecodable 0.0% to 12.0%"
    )
    assert facts["Estimated accuracy"] == (
        "64.7% (59.8% to 69.6%), on held-out images 80.3%; not to be trusted, the images are too different"
    )
    assert facts["Accuracy on labels"] == "58.8% (20 of 34 picked at random)"
    assert facts["Accuracy of version 2"] == "64.7% (59.8% to 69.6%), on held-out images 80.3%"
    assert facts["Features"] == "distance 0.310, threshold 0.060"
    assert facts["Images (sharpness)"] == "distance 4.460 sd, threshold 0.320 sd"
    assert facts["Smallest shift"] == "0.363 of images shows in four of five windows of this size"
    assert facts["Classes that moved"] == "hat, shoe, coat, dress, shirt and 2 more"
    assert "Previous version" not in facts


SHEET = Picture(name="sheet.png", content=b"a sheet", description="30 images to label")
BESIDE = Picture(name="drift.png", content=b"a picture", description="the confidences")


@pytest.mark.parametrize(
    ("sheet", "picture", "shown"), [(SHEET, BESIDE, (SHEET, BESIDE)), (SHEET, None, (SHEET,)), (None, None, ())]
)
def test_labels_are_asked_for_with_the_images_and_the_way_to_answer(
    sheet: Picture | None, picture: Picture | None, shown: tuple[Picture, ...]
) -> None:
    check = make_check(action="REQUEST_LABELS", statistics={**make_check().statistics, "n_new_labels": 12})

    message = messages.labels_wanted(
        "garments",
        check,
        n_requested=30,
        sheet=sheet,
        csv_path="label_requests/3f9a1c07d2e4b586.csv",
        links=[RUN],
        picture=picture,
    )

    mail, text = told(message)
    assert mail.subject == "[driftgate] garments: drift of version 3, labels are wanted: what do 30 images show?"
    assert mail.kind == "labels"
    assert mail.pictures == shown
    assert "12 of 50 new labels are there, and nothing was started" in text
    assert "`./driftgate labels garments export wanted.csv`" in text
    assert "`./driftgate labels garments import wanted.csv`" in text
    assert message.facts[:2] == (
        ("Images to label", "30"),
        ("List (in the store)", "label_requests/3f9a1c07d2e4b586.csv"),
    )


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


def test_a_request_and_a_drift_show_the_picture() -> None:
    request = messages.approval_wanted("garments", make_check(), hours=1, links=[], picture=BESIDE)

    assert request.pictures == messages.drift("garments", make_check(), links=[], picture=BESIDE).pictures == (BESIDE,)


@pytest.mark.parametrize(
    ("n_pending", "shown"),
    [
        (0, "Every image that had an answer still has one."),
        (1, "1 image is affected: for 1 there is none until"),
        (1500, "1,500 images are affected: for 1,500 there is none until"),
    ],
)
def test_a_rollback_says_who_why_and_what_is_pending(n_pending: int, shown: str) -> None:
    rollback = Rollback(version=2, from_version=3, event_seq=17, recall=Recall(n_pending=n_pending))

    mail, text = told(
        messages.rolled_back("garments", rollback, reason="coats everywhere", actor="anna.müller", links=[RUN])
    )

    assert mail.subject == "[driftgate] garments: rolled back from version 3 to version 2"
    assert "coats everywhere" in text
    assert "anna.müller" in text
    assert shown in text
    assert ("./driftgate infer garments" in text) is bool(n_pending)
    assert "--to 3" in text


def test_a_rollback_says_which_labels_change_and_how_often() -> None:
    recall = Recall(
        n_kept=7,
        n_changed=1203,
        changes=(LabelChange(type_before="<b>Coat", type_after="Dress", n_images=1200),),
        n_changes=3,
    )
    rollback = Rollback(version=2, from_version=3, event_seq=17, recall=recall)

    _, text = told(messages.rolled_back("garments", rollback, reason="r", actor="a", links=[]))

    assert "for 7 the label stays, for 1,203 it changes (1,200 from <b>Coat to Dress, and 2 more)." in text
    assert "Changed labels" in text


@pytest.mark.parametrize(("back", "before"), [(1, 3), (3, 1)], ids=["back", "forward again"])
def test_a_rollback_says_whose_answers_count_in_either_direction(back: int, before: int) -> None:
    rollback = Rollback(version=back, from_version=before, event_seq=17)

    message = messages.rolled_back("garments", rollback, reason="r", actor="a", links=[])

    # of the version that it replaces nothing is said: bringing version 3 back does not recall version 1
    assert message.sentences[0] == (
        f"Every version promoted since version {back} is recalled: its answers no longer count. Those of version "
        f"{back} show again."
    )
    assert ("In place of", f"version {before}") in message.facts
