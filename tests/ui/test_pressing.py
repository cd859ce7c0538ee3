"""What people press is done, by their own rights, and stands in the ledger."""

import re
import time
from collections.abc import Callable
from email import message_from_bytes, policy
from html import unescape
from typing import Any, TypeVar
from urllib.parse import unquote

import httpx
import pytest
import yaml
from playwright.sync_api import Page, expect
from snowflake import connector

from include.commands.airflow_answers import DagRun
from include.commands.local.mails import read_mails
from tests.ui.demo_instance import DemoInstance
from tests.ui.visits import STATUS_PAGE, OpenVisitor

pytestmark = [pytest.mark.end_to_end, pytest.mark.ui]

NAME = "digits"
OF_PIPELINE = f"{STATUS_PAGE}pipelines/{NAME}"
PATIENCE_S = 120.0
EVENTS_SINCE = "SELECT EVENT, VERSION, ACTOR FROM MODEL_EVENTS WHERE EVENT_SEQ > %(seq)s ORDER BY EVENT_SEQ"
REASONS_SINCE = "SELECT REASON FROM MODEL_EVENTS WHERE EVENT_SEQ > %(seq)s AND EVENT = 'ROLLED_BACK'"

FoundT = TypeVar("FoundT")


@pytest.fixture(scope="module", autouse=True)
def _people_are_asked(demo: DemoInstance) -> None:
    """From now on a challenger goes live only if somebody approves; runs read the file when they begin."""
    file = demo.pipelines / f"{NAME}.yaml"
    pipeline = yaml.safe_load(file.read_text()) | {"promotion": {"approval": True}, "retraining": {"mode": "approval"}}
    file.write_text(yaml.safe_dump(pipeline), encoding="utf-8")


def test_a_training_starts_once_and_is_approved_from_the_mails_link(demo: DemoInstance, visit: OpenVisitor) -> None:
    # Given: the page of a classifier, and a dialog that was opened and closed by keyboard
    before, n_asked = last_event(demo), len(links_to_approve(demo))
    n_runs = n_training_runs(demo)
    visitor = visit()
    page = visitor.go(OF_PIPELINE)
    page.get_by_role("button", name="Train…").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("becomes champion only if it passes the gate")
    visitor.photograph("train")
    assert visitor.barriers() == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Train…")).to_be_focused()

    # When: it is opened again, and confirmed by a double click
    page.get_by_role("button", name="Train…").click()
    page.get_by_label("Why").fill("a person pressed Train")
    page.get_by_role("dialog").get_by_role("button", name="Train").dblclick()

    # Then: one run has started, and the page says so
    run = started_run(demo, page)
    assert n_training_runs(demo) == n_runs + 1

    # When: the mail has come, and its link is opened by somebody who has to log in first
    link = wait_for(lambda: next(iter(links_to_approve(demo)[n_asked:]), None))
    approver = visit(user=None)
    approver.page.goto(link)
    log_in(approver.page, "admin", demo.state.secret("admin_password"))
    approve = approver.page.get_by_role("button", name="Approve")
    expect(approve).to_be_enabled()
    approver.photograph("approval-in-airflow")
    approve.click()

    # Then: the challenger is champion, and the ledger names who has let it in
    assert finished(demo, run).state == "success"
    registered, *_, approved, promoted = events_since(demo, before)
    assert registered[0] == "REGISTERED"
    assert approved == ("APPROVED", registered[1], "admin")
    assert promoted[:2] == ("PROMOTED", registered[1])


def test_an_approval_is_given_on_the_page(demo: DemoInstance, visit: OpenVisitor) -> None:
    # Given: a challenger that waits for its answer
    before = last_event(demo)
    with demo.log_in("admin") as admin:
        run = admin.trigger(f"{NAME}_training", {"strategy": "head"}, say=print)
    version = wait_for(lambda: next((version for _, version, _ in events_since(demo, before)), None))

    # When: somebody sees on the page that an answer is wanted, and gives it
    visitor = visit()
    visitor.go(OF_PIPELINE)
    asked = visitor.page.locator(".notice").filter(has_text=f"Shall version {version} go into production?")
    expect(asked).to_be_visible(timeout=PATIENCE_S * 1000)
    visitor.photograph("approval-waits")
    asked.get_by_role("button", name="Look and answer…").click()
    expect(visitor.page.get_by_role("dialog")).to_contain_text("What the gate says")
    visitor.photograph("approval")
    assert visitor.barriers() == []
    time.sleep(2)  # an answer in the same round of the scheduler in which a task parks can be lost
    visitor.page.get_by_role("dialog").get_by_role("button", name="Approve").click()

    # Then: it is champion, by who has answered
    expect(visitor.page.locator("#told")).to_contain_text("Approved.")
    assert finished(demo, run).state == "success"
    *_, approved, promoted = events_since(demo, before)
    assert approved == ("APPROVED", version, "admin")
    assert promoted[:2] == ("PROMOTED", version)


@pytest.mark.parametrize("button", ["Classify new images", "Check for drift"])
def test_a_run_is_started_and_its_page_is_one_click_away(demo: DemoInstance, visit: OpenVisitor, button: str) -> None:
    page = visit().go(OF_PIPELINE)

    page.get_by_role("button", name=f"{button}…").click()
    page.get_by_role("dialog").get_by_role("button", name=button).click()

    assert finished(demo, started_run(demo, page)).state == "success"


def test_a_champion_comes_back_for_a_reason(demo: DemoInstance, visit: OpenVisitor) -> None:
    # Given: the dialog of a rollback, which wants a reason
    before = last_event(demo)
    page = visit().go(OF_PIPELINE)
    page.get_by_role("button", name="Roll back…").click()
    confirm = page.get_by_role("dialog").get_by_role("button", name="Roll back")
    confirm.click()
    assert last_event(demo) == before

    # When
    page.get_by_label("Why").fill("a person pressed <b>Roll back</b>")
    confirm.click()

    # Then: the former champion is back, the ledger has the reason, and the page shows it as it was written
    assert finished(demo, started_run(demo, page)).state == "success"
    assert query(demo, REASONS_SINCE, seq=before) == [("a person pressed <b>Roll back</b>",)]


def test_who_may_only_look_finds_nothing_to_press(visit: OpenVisitor) -> None:
    visitor = visit(user="viewer")

    page = visitor.go(OF_PIPELINE)

    expect(page.get_by_text("Nothing may be pressed here")).to_be_visible()
    assert page.get_by_role("button", name=re.compile("Train|Roll back")).count() == 0
    assert visitor.faults == []


def started_run(demo: DemoInstance, page: Page) -> DagRun:
    """Return the run that the page says to have started."""
    told = page.locator("#told")
    expect(told).to_contain_text("started")
    address = told.get_by_role("link", name="See the run in Airflow").get_attribute("href") or ""
    found = re.search(r"/dags/([^/]+)/runs/([^/]+)", unquote(address))
    assert found, f"{address} is not the address of a run"
    with demo.log_in("admin") as admin:
        return admin.run(found[1], found[2])


def finished(demo: DemoInstance, run: DagRun) -> DagRun:
    """Return a run once it has ended."""
    with demo.log_in("admin") as admin:

        def ended() -> DagRun | None:
            now = admin.run(run.dag_id, run.run_id)
            return now if now.is_finished else None

        return wait_for(ended)


def n_training_runs(demo: DemoInstance) -> int:
    with demo.log_in("admin") as admin:
        answer = admin.client.get(f"{demo.url}/api/v2/dags/{NAME}_training/dagRuns")
    assert answer.status_code == httpx.codes.OK
    return int(answer.json()["total_entries"])


def log_in(page: Page, user: str, password: str) -> None:
    """Fill in Airflow's form."""
    page.get_by_label(re.compile("user", re.IGNORECASE)).fill(user)
    page.get_by_label(re.compile("password", re.IGNORECASE)).fill(password)
    page.get_by_role("button", name=re.compile("sign in|log in", re.IGNORECASE)).click()
    page.wait_for_load_state("networkidle")


def links_to_approve(demo: DemoInstance) -> list[str]:
    """Return the links with which the mails that ask say yes, in the order in which they came."""
    found = []
    for mail in read_mails(demo.state.mails):
        if mail.kind == "approval":
            body = message_from_bytes(mail.path.read_bytes(), policy=policy.default).get_body(("html",))
            assert body is not None
            found += map(unescape, re.findall(r'href="([^"]+%22Approve%22[^"]*)"', str(body.get_content())))
    return found


def wait_for(find: Callable[[], FoundT | None]) -> FoundT:
    deadline = time.monotonic() + PATIENCE_S
    while (found := find()) is None:
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.5)
    return found


def last_event(demo: DemoInstance) -> int:
    ((sequence,),) = query(demo, "SELECT MAX(EVENT_SEQ) FROM MODEL_EVENTS")
    return int(sequence)


def events_since(demo: DemoInstance, sequence: int) -> list[tuple[Any, ...]]:
    return query(demo, EVENTS_SINCE, seq=sequence)


def query(demo: DemoInstance, sql: str, **values: Any) -> list[tuple[Any, ...]]:
    connection = connector.connect(
        user="driftgate",
        password=demo.state.secret("warehouse_password"),
        account="embedded",
        host="127.0.0.1",
        port=demo.state.read_settings().warehouse_port,
        protocol="http",
        database="DRIFTGATE",
        schema=NAME.upper(),
    )
    try:
        rows: list[tuple[Any, ...]] = connection.cursor().execute(sql, values).fetchall()
        return rows
    finally:
        connection.close()
