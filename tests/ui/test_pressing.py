"""What people press is done, by their own rights, and stands in the ledger."""

import re
import time
from collections.abc import Callable
from email import message_from_bytes, policy
from typing import Any, TypeVar

import pytest
import yaml
from playwright.sync_api import Page
from snowflake import connector

from include.commands.local.mails import read_mails
from tests.ui.demo_instance import DemoInstance
from tests.ui.visits import OpenVisitor

pytestmark = [pytest.mark.end_to_end, pytest.mark.ui]

NAME = "digits"
PATIENCE_S = 120.0
EVENTS_SINCE = "SELECT EVENT, VERSION, ACTOR FROM MODEL_EVENTS WHERE EVENT_SEQ > %(seq)s ORDER BY EVENT_SEQ"

FoundT = TypeVar("FoundT")


def test_a_request_is_approved_from_the_mails_link(demo: DemoInstance, visit: OpenVisitor) -> None:
    # Given: people are asked before a challenger goes live, and a training run
    change_pipeline(demo, promotion={"approval": True}, retraining={"mode": "approval"})
    n_known = len(mails(demo, "approval"))
    before = last_event(demo)
    with demo.log_in("admin") as admin:
        admin.trigger(f"{NAME}_training", {}, say=print)

    # When: the mail has come, and its link is opened by somebody who has to log in first
    link = wait_for(lambda: next(iter(mails(demo, "approval")[n_known:]), None))
    visitor = visit(user=None)
    page = visitor.page
    page.goto(link)
    log_in(page, "admin", demo.state.secret("admin_password"))
    page.goto(link)
    visitor.settle()
    visitor.photograph("approval")
    page.get_by_role("button", name="Approve").click()

    # Then: the challenger is champion, and the ledger names who has let it in
    wait_for(lambda: "PROMOTED" in {event for event, *_ in events_since(demo, before)} or None)
    registered, *_, approved, promoted = events_since(demo, before)
    assert registered[0] == "REGISTERED"
    assert approved == ("APPROVED", registered[1], "admin")
    assert promoted[:2] == ("PROMOTED", registered[1])


def change_pipeline(demo: DemoInstance, **fields: Any) -> None:
    """Change the pipeline's file; runs read it when they begin."""
    file = demo.pipelines / f"{NAME}.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | fields), encoding="utf-8")


def log_in(page: Page, user: str, password: str) -> None:
    """Fill in Airflow's form."""
    page.get_by_label(re.compile("user", re.IGNORECASE)).fill(user)
    page.get_by_label(re.compile("password", re.IGNORECASE)).fill(password)
    page.get_by_role("button", name=re.compile("sign in|log in", re.IGNORECASE)).click()
    page.wait_for_load_state("networkidle")


def mails(demo: DemoInstance, kind: str) -> list[str]:
    """Return the links with which mails of a kind say yes."""
    found = []
    for mail in read_mails(demo.state.mails):
        if mail.kind == kind:
            body = message_from_bytes(mail.path.read_bytes(), policy=policy.default).get_body(("html",))
            assert body is not None
            found += re.findall(r'href="([^"]+%22Approve%22[^"]*)"', str(body.get_content()))
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
