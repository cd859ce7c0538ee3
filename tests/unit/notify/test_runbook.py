"""docs/runbook.md: each mail and each verdict has its entry, and whatever an entry names is there."""

import re
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, get_args

import pytest
import typer
from given_checks import make_check

from include.catalog.broken import Judgement
from include.commands.app import app
from include.config import PROJECT_ROOT, PipelineConfig
from include.config_parts import ApproversConfig
from include.drift.arbiter.verdict import Action, Verdict
from include.notify import failure_messages, messages
from include.notify.approval_messages import answered
from include.notify.approval_page import approval_subject
from include.notify.desk import Desk
from include.notify.mail import Message, compose
from include.registry.alerts import AlertKind
from include.registry.approvals.answers import Answer, AnswerEvent, read_answers, record_answer
from include.registry.approvals.requests import Request, put_request
from include.registry.ledger import champion_event_seq
from include.registry.promotion import Decision
from include.registry.recalls import Recall
from include.registry.rollback import Rollback
from include.warehouse.dead_man import dead_man_statements
from include.warehouse.session import Warehouse

RUNBOOK = (PROJECT_ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
LISTED = re.findall(r"^- `(\[driftgate\] .+)`$", RUNBOOK, flags=re.MULTILINE)

TOLD: Mapping[Verdict, tuple[Action, ...]] = {
    "MODEL_REGRESSION": ("ROLL_BACK", "ALERT"),
    "DATA_DRIFT": ("REQUEST_RETRAINING", "REQUEST_LABELS", "ALERT"),
    "CONCEPT_DRIFT": ("REQUEST_RETRAINING", "REQUEST_LABELS", "ALERT"),
    "BROKEN_IMAGES": ("ALERT",),
    "INSUFFICIENT_DATA": ("ALERT",),
}
"""The verdicts that people are mailed, each with what may follow from it."""


def subject_of(message: Message) -> str:
    """Return the subject as the runbook writes it: a number is N."""
    return re.sub(r"\d+", "N", compose(message).subject)


def drift_messages() -> Iterator[Message]:
    for verdict, actions in TOLD.items():
        for action in actions:
            yield messages.drift("NAME", make_check(verdict=verdict, action=action), links=[])


def label_messages() -> Iterator[Message]:
    for verdict in ("DATA_DRIFT", "CONCEPT_DRIFT"):
        check = make_check(verdict=verdict, action="REQUEST_LABELS")
        yield messages.labels_wanted("NAME", check, n_requested=90, sheet=None, csv_path="a.csv", links=[])


def broken_messages() -> Iterator[Message]:
    yield failure_messages.broken_images(
        "NAME",
        Judgement(n_images=120, n_bad=48, reasons=()),
        dag_id="DAG",
        run_id="r",
        max_bad_fraction=0.1,
        is_training=False,
        links=[],
    )


def failed_messages() -> Iterator[Message]:
    yield failure_messages.failed("NAME", dag_id="DAG", run_id="r", tasks=[], links=[])


def promoted_messages() -> Iterator[Message]:
    yield messages.promoted("NAME", Decision(version=4, outcome="PROMOTED", reason="", reasons=()), links=[])


def refused_messages() -> Iterator[Message]:
    for outcome in get_args(Decision.__annotations__["outcome"]):
        if outcome != "PROMOTED":
            yield messages.refused("NAME", Decision(version=4, outcome=outcome, reason="", reasons=()), links=[])


def rolled_back_messages() -> Iterator[Message]:
    rollback = Rollback(version=3, from_version=4, event_seq=9, recall=Recall(n_changed=1))
    yield messages.rolled_back("NAME", rollback, reason="worse", actor="ann", links=[])


BY_KIND: Mapping[AlertKind, Callable[[], Iterator[Message]]] = {
    "drift": drift_messages,
    "labels": label_messages,
    "broken": broken_messages,
    "failed": failed_messages,
    "promoted": promoted_messages,
    "refused": refused_messages,
    "rolled_back": rolled_back_messages,
}
ABOUT_APPROVALS: tuple[AlertKind, ...] = ("approval", "reminder", "answered")
"""These are made from requests in the warehouse."""
SUBJECTS = sorted({subject_of(message) for make in BY_KIND.values() for message in make()})


@pytest.fixture
def approval_subjects(warehouse: Warehouse, config: PipelineConfig, desk: Desk) -> set[str]:
    """The subjects of all that is told about requests."""
    return {
        re.sub(r"\d+", "N", subject.replace(config.name, "NAME")) for subject in about_requests(warehouse, config, desk)
    }


def about_requests(warehouse: Warehouse, config: PipelineConfig, desk: Desk) -> Iterator[str]:
    kinds: tuple[Any, ...] = ("retraining", "promotion")
    for kind in kinds:
        for answers in ((True, True), (False,)):
            request = ask(warehouse, kind, run_id=f"{config.name}_training/{kind} {len(answers)}")
            headline = approval_subject(config.name, request)
            yield f"[driftgate] {headline}"
            yield f"[driftgate] {headline.replace(': ', ': still unanswered: ', 1)}"
            for step, is_approval in enumerate(answers, start=1):
                given = answer(warehouse, request, step, is_approval=is_approval)
                about = {"request_id": request.request_id, "event_seq": given.event_seq}
                alert: Any = SimpleNamespace(kind="answered", run_id=request.run_id, about=about)
                message = answered(alert, desk)
                assert message is not None
                yield compose(message).subject


def ask(warehouse: Warehouse, kind: Any, *, run_id: str) -> Request:
    return put_request(
        warehouse,
        kind,
        run_id=run_id,
        task_id="approve",
        check_id="c1",
        version=4,
        champion_event_seq=champion_event_seq(warehouse),
        evidence={},
        approvers=ApproversConfig.model_validate({"users": ["ann", "ben"], "n_needed": 2}),
        triggered_by=None,
        response_hours=24,
    )


def answer(warehouse: Warehouse, request: Request, step: int, *, is_approval: bool) -> AnswerEvent:
    user = ("ann", "ben")[step - 1]
    given = Answer(is_approval=is_approval, user=user, user_id=user, answered_at="2026-01-02T03:04:05+00:00")
    record_answer(warehouse, given, request=request, step=step, next_task_id="approve" if step < 2 else None)
    return read_answers(warehouse, request.request_id)[-1]


def test_every_kind_of_alert_is_looked_up_here() -> None:
    assert {*BY_KIND, *ABOUT_APPROVALS} == {*get_args(AlertKind)}


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_mail_has_its_entry(subject: str) -> None:
    assert LISTED.count(subject) == 1


def test_every_mail_about_approvals_has_its_entry_and_no_entry_is_of_a_mail_that_nobody_sends(
    approval_subjects: set[str],
) -> None:
    assert {*LISTED} == {*SUBJECTS, *approval_subjects}


def test_what_snowflake_mails_has_its_entry(config: PipelineConfig) -> None:
    account = config.account.model_copy(update={"alert_emails": ("a@example.com",)})
    made, _ = dead_man_statements(config.model_copy(update={"account": account, "schedule": "@hourly"}))

    subject = made.values["subject"].replace(config.name, "NAME").replace("2 hours", "N hours")
    assert f"- `{subject}`" in RUNBOOK


@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_every_verdict_has_its_entry(verdict: Verdict) -> None:
    assert RUNBOOK.count(f"### `{verdict}`\n") == 1


def test_the_commands_it_names_are_there() -> None:
    verbs = {*typer.main.get_command(app).commands}  # type: ignore[attr-defined]

    assert {*re.findall(r"\./driftgate\s+([a-z]+)", RUNBOOK)} <= verbs


def test_its_links_lead_to_its_entries() -> None:
    headings = re.findall(r"^#+ (.+)$", RUNBOOK, flags=re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9_ -]", "", heading.lower()).replace(" ", "-") for heading in headings}

    assert {*re.findall(r"\]\(#([^)]+)\)", RUNBOOK)} <= anchors
