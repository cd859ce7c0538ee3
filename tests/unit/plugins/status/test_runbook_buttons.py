"""docs/runbook.md names the page's buttons, and no others."""

import re
from typing import get_args

from driftgate.status.actions import ACTIONS
from driftgate.status.approvals import Answer
from driftgate.status.gallery import ORDERS
from include.config import PROJECT_ROOT

RUNBOOK = (PROJECT_ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
BUTTONS = {action.label for action in ACTIONS.values()} | {*get_args(Answer)}


def test_each_button_is_pressed_somewhere_and_none_that_is_not_there() -> None:
    entries = re.findall(r"^- \*\*Press\*\*(.+?)(?=^- |^#|\Z)", RUNBOOK, flags=re.MULTILINE | re.DOTALL)
    pressed = {button for entry in entries for button in re.findall(r"\*\*([^*]+)\*\*", entry)}

    assert pressed == BUTTONS


def test_each_order_of_the_gallery_is_looked_at_somewhere() -> None:
    assert {name for name, _ in ORDERS.values() if f"*{name.lower()}*" in " ".join(RUNBOOK.split())} == {
        name for name, _ in ORDERS.values()
    }
