"""docs/runbook.md names the page's buttons, and no others."""

import re

from driftgate.status.actions import ACTIONS
from driftgate.status.gallery import ORDERS
from driftgate.status.rendering import TEMPLATES
from include.config import PROJECT_ROOT

RUNBOOK = (PROJECT_ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
ANSWERS = re.findall(r'name="chosen" value="(\w+)"', (TEMPLATES / "panels" / "ask_approval.html.j2").read_text())
BUTTONS = {action.label for action in ACTIONS.values()} | {*ANSWERS}


def test_each_button_is_pressed_somewhere_and_none_that_is_not_there() -> None:
    entries = re.findall(r"^- \*\*Press\*\*(.+?)(?=^- |^#|\Z)", RUNBOOK, flags=re.MULTILINE | re.DOTALL)
    pressed = {button for entry in entries for button in re.findall(r"\*\*([^*]+)\*\*", entry)}

    assert pressed == BUTTONS


def test_each_order_of_the_gallery_is_looked_at_somewhere() -> None:
    assert {name for name, _ in ORDERS.values() if f"*{name.lower()}*" in " ".join(RUNBOOK.split())} == {
        name for name, _ in ORDERS.values()
    }
