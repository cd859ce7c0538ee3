"""The page on which a retraining is approved: all the evidence, and nothing in it that is taken for markup."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from include.drift.approval import RetrainingEvidence
from include.drift.checks import DriftCheck
from include.notify.approval_page import retraining_page
from include.notify.markdown import escaped

CHECK = DriftCheck(
    check_id="0123456789abcdef",
    run_id="hats_inference/scheduled__1",
    version=3,
    champion_event_seq=7,
    first_commit_seq=11,
    last_commit_seq=210,
    n_images=200,
    statistics={
        "confidences": {"distance": 0.41, "p_value": 0.001, "n_images": 200, "n_baseline": 1090},
        "previous": {"version": 2, "distance": 0.5, "p_value": 0.002, "n_images": 200, "n_baseline": 90},
        "n_new_labels": 60,
    },
    thresholds={"confidences": 0.18, "previous": 0.2, "min_new_labels": 50},
    verdict="DATA_DRIFT",
    action="REQUEST_RETRAINING",
    reasons=("the confidences have moved", "there are 60 new labels"),
    report_path="reports/1.html",
    checked_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
)
SHOWN = RetrainingEvidence(
    check_id=CHECK.check_id,
    verdict=CHECK.verdict,
    reasons=CHECK.reasons,
    champion_event_seq=7,
    report_path=CHECK.report_path,
    picture_path="reports/1.png",
)


def test_the_page_has_the_whole_evidence() -> None:
    page = retraining_page(CHECK, SHOWN)

    for line in (
        "- the confidences have moved",
        "- there are 60 new labels",
        "| Verdict | DATA\\_DRIFT |",
        "| Champion | version 3 |",
        "| Window | 200 answers \\(COMMIT\\_SEQ 11 to 210\\) |",
        "| New labels | 60 |",
        "| Report \\(in the store\\) | reports/1.html |",
        "| Picture \\(in the store\\) | reports/1.png |",
        "| Check | 0123456789abcdef, 2026-01-02 03:04 UTC |",
        "| Confidences | 0.410 | 0.180 | 0.001 | 200 | 1,090 |",
        "| Previous version \\(2\\) | 0.500 | 0.200 | 0.002 | 200 | 90 |",
    ):
        assert line in page


def test_what_is_known_of_the_accuracy_speaks_for_or_against_it() -> None:
    accuracy = {"baseline": 0.8, "estimates": [{"value": 0.6, "low": 0.55, "high": 0.65}], "realised": None}

    page = retraining_page(replace(CHECK, statistics={**CHECK.statistics, "accuracy": accuracy}), SHOWN)

    assert "| Estimated accuracy | 60.0% \\(55.0% to 65.0%\\), on held-out images 80.0% |" in page


def test_a_check_that_compared_nothing_has_a_page_too() -> None:
    page = "\n".join(retraining_page(replace(CHECK, statistics={}, first_commit_seq=None, report_path=None), SHOWN))

    assert "| Window | 200 answers |" in page
    assert "| Report \\(in the store\\) | none |" in page
    assert "Distance" not in page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;alert\\(1\\)&lt;/script&gt;"),
        ("[x](javascript:y)", "\\[x\\]\\(javascript:y\\)"),
        ("a|b\n\n# c", "a\\|b \\# c"),
        (
            "http://evil.example www.evil.example me@evil.example",
            "http\\://evil.example www\\.evil.example me\\@evil.example",
        ),
        ("**bold** `code` ~~gone~~ ![img]", "\\*\\*bold\\*\\* \\`code\\` \\~\\~gone\\~\\~ \\!\\[img\\]"),
        ("{{ conf }}", "\\{\\{ conf \\}\\}"),
        ("a &amp; b", "a &amp;amp; b"),
    ],
)
def test_what_stands_in_a_name_shows_as_it_is(text: str, shown: str) -> None:
    assert escaped(text) == shown
