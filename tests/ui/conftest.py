"""One demo for all tests of pages, and a browser to look at it.

DRIFTGATE_UI_STATE names the state of a demo that runs already, for those who work on the pages; by default one is told
for the tests alone, and ended after the last of them.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from running_instance import unused_ports, users_environment

from include.config import PROJECT_ROOT
from tests.ui.chromium import ChromiumMissingError, browser, chromium_program
from tests.ui.demo_instance import DemoInstance
from tests.ui.visits import LIGHT, Look, OpenVisitor, Visitor

REQUIRED_VARIABLE = "DRIFTGATE_UI_TEST"
"""`make test-ui` sets it: then a missing browser is a failure."""
ARTEFACTS = Path(os.environ.get("DRIFTGATE_UI_ARTEFACTS") or PROJECT_ROOT / ".local" / "ui")
RUNNING_VARIABLE = "DRIFTGATE_UI_STATE"


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoInstance]:
    """The demo, told by the command itself on free ports, and left running."""
    running = os.environ.get(RUNNING_VARIABLE)
    root = Path(running) if running else tmp_path_factory.mktemp("demo")
    environment = {**users_environment(), "DRIFTGATE_STATE": str(root)}
    if running:
        yield DemoInstance(root, environment)
        return
    airflow_port, warehouse_port, mail_port = map(str, unused_ports(3))
    ports = ["--airflow-port", airflow_port, "--warehouse-port", warehouse_port, "--mail-port", mail_port]
    untold = DemoInstance(root, environment)
    try:
        told = untold.driftgate("demo", *ports).stdout
        yield DemoInstance(root, environment, told=told)
    finally:
        untold.driftgate("down", "--demo")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """Headless Chromium."""
    try:
        program = chromium_program()
    except ChromiumMissingError as missing:
        if os.environ.get(REQUIRED_VARIABLE):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    with browser(program) as running:
        yield running


@pytest.fixture(scope="package")
def tokens(demo: DemoInstance) -> Callable[[str], str]:
    """A function that logs somebody in; each only once."""
    known: dict[str, str] = {}

    def token(user: str) -> str:
        if user not in known:
            with demo.log_in(user) as api:
                known[user] = api.client.headers["Authorization"].removeprefix("Bearer ")
        return known[user]

    return token


@pytest.fixture
def visit(demo: DemoInstance, chromium: Browser, tokens: Callable[[str], str]) -> Iterator[OpenVisitor]:
    """A function that opens a tab: for a user, or for nobody (None), with a look."""
    visitors: list[Visitor] = []

    def open_tab(user: str | None = "admin", look: Look = LIGHT) -> Visitor:
        token = tokens(user) if user else None
        visitor = Visitor.open(chromium, url=demo.url, token=token, look=look, artefacts=ARTEFACTS)
        visitors.append(visitor)
        return visitor

    yield open_tab
    for visitor in visitors:
        visitor.close()
