import json
from datetime import UTC, datetime

import pytest

from include.commands.airflow_answers import DagRun, TaskInstance
from include.commands.console import Output
from include.commands.demo.findings import Answer, CheckRow, Findings, LedgerRow, QuarantineRow, VersionRow, show_ledger
from include.commands.demo.stopwatch import Stopwatch
from include.commands.demo.story import Chapter, Story
from include.commands.demo.summary import hop_seconds, mail_seconds, summarise
from include.commands.follow import FollowedRun
from include.commands.local.mails import ReceivedMail
from include.commands.local.state import LocalState

AT = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = ("infer", "drift", "cured", "rollback")


def followed(*seconds: float) -> FollowedRun:
    run = DagRun("digits_inference", "manual", "success", AT, AT.replace(second=10))
    tasks = tuple(TaskInstance(f"t{i}", -1, 1, "success", AT, s) for i, s in enumerate(seconds))
    return FollowedRun(run, "http://page", "done", tasks)


@pytest.fixture
def story(tmp_path, config) -> Story:
    output = Output()
    story = Story(
        state=LocalState(tmp_path, is_demo=True),
        config=config,
        output=output,
        stopwatch=Stopwatch(output),
        truth={"1.png": "1", "camera_b/2.png": "2"},
    )
    accuracies = {"infer": (0.99, None), "drift": (0.99, 0.1), "cured": (0.98, 0.97), "rollback": (0.9, 0.1)}
    for step in STEPS:
        story.runs[step] = followed(1.0, 5.0)
        upright, turned = accuracies[step]
        story.chapters.append(Chapter(f"[{step}] happens", "done", "DATA_DRIFT", "ALERT", None, 1, upright, turned))
    return story


FINDINGS = Findings(
    champion=1,
    answers=(Answer("1.png", "1", 0.9, 1, AT),),
    versions=(VersionRow(1, 0.99, "r1"), VersionRow(2, 0.95, "r2")),
    checks=(
        CheckRow("c1", "r", 1, 200, "STABLE", "NONE", "reports/c1.html"),
        CheckRow("c2", "s", 1, 10, "INSUFFICIENT_DATA", "NONE", None),
    ),
    ledger=(LedgerRow(1, "PROMOTED", 1, None, "driftgate", "[bold] is a class"),),
    quarantine=(QuarantineRow("NEW", "a\x1b[31m\nb.jpg", "is empty"),),
    outcomes={},
    n_predictions=5,
    n_pending=2,
)


def test_the_summary_has_what_a_program_asks_for(story, tmp_path):
    mail = ReceivedMail(AT, "[driftgate] digits: drift", "a@example.com", "drift", tmp_path / "1.eml")

    summarise(story, FINDINGS, mails=[mail]).write(tmp_path / "summary.json")

    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["versions"] == [1, 2]
    assert summary["verdicts"] == ["STABLE", "INSUFFICIENT_DATA"]
    assert summary["actions"] == ["NONE", "NONE"]
    assert summary["reports"] == ["reports/c1.html"]
    assert summary["predictions"] == 5
    assert summary["pending"] == 2
    assert summary["mails"] == [{"subject": "[driftgate] digits: drift", "to": "a@example.com"}]
    assert summary["accuracies"]["test"] == 0.99
    assert (summary["accuracies"]["turned_before"], summary["accuracies"]["turned_after"]) == (0.1, 0.97)
    assert summary["seconds"]["total"] >= 0
    assert [chapter["champion"] for chapter in summary["chapters"]] == [1] * 4


def test_what_is_in_brackets_is_shown_as_it_is(story, tmp_path, capsys):
    story.show_chapters()
    show_ledger(FINDINGS.ledger, story.output)
    mail = ReceivedMail(AT, "[driftgate] digits: drift", "a@example.com", "drift", tmp_path / "1.eml")
    summarise(story, FINDINGS, mails=[mail]).show_mails(story.output)

    shown = capsys.readouterr().out
    for text in ("[drift] happens", "[bold] is a class", "[driftgate] digits: drift", "97.0%"):
        assert text in shown


def test_a_hop_is_the_time_that_no_task_ran():
    assert hop_seconds(followed(1.0, 5.0)) == 2.0
    assert hop_seconds(followed()) == 10.0


def test_a_mail_is_counted_from_the_end_of_the_check_that_it_tells_of(tmp_path):
    def received(second: int) -> ReceivedMail:
        return ReceivedMail(AT.replace(second=second), "drift", "a@example.com", "drift", tmp_path / f"{second}.eml")

    run = DagRun("digits_inference", "manual", "success", AT, AT.replace(second=10))
    check = TaskInstance("check_drift", -1, 1, "success", AT.replace(second=2), 1.5)
    checked = FollowedRun(run, "http://page", "done", (check,))

    assert mail_seconds(checked, [received(1), received(6), received(8)]) == 2.5
    assert mail_seconds(checked, [received(1), received(11)]) is None  # others' runs have sent these
    assert mail_seconds(followed(1.0), [received(6)]) is None
