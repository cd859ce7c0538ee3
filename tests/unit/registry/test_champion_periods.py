"""Who was champion when, and whom a rollback would have restored."""

from collections.abc import Callable
from datetime import datetime

import pytest

from include.registry.champion_periods import MadeChampion, champion_periods, read_champion_periods
from include.registry.ledger import champion_event_seq
from include.registry.rollback import previous_version, roll_back
from include.warehouse.session import Warehouse


def previous_versions(*events: tuple[str, int]) -> list[tuple[int, int | None]]:
    made = [MadeChampion(seq, event, version, datetime(2026, 1, seq)) for seq, (event, version) in enumerate(events, 1)]
    return [(period.version, period.previous_version) for period in champion_periods(made)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], []),
        ([("PROMOTED", 1), ("PROMOTED", 2), ("PROMOTED", 3)], [(1, None), (2, 1), (3, 2)]),
        ([("PROMOTED", 1), ("PROMOTED", 2), ("ROLLED_BACK", 1)], [(1, None), (2, 1), (1, None)]),
        ([("PROMOTED", 1), ("PROMOTED", 2), ("PROMOTED", 3), ("ROLLED_BACK", 2)], [(1, None), (2, 1), (3, 2), (2, 1)]),
        (
            [("PROMOTED", 1), ("PROMOTED", 2), ("ROLLED_BACK", 1), ("PROMOTED", 3), ("ROLLED_BACK", 2)],
            [(1, None), (2, 1), (1, None), (3, 1), (2, 1)],
        ),
    ],
)
def test_a_rollback_recalls_what_was_promoted_since(
    events: list[tuple[str, int]], expected: list[tuple[int, int | None]]
) -> None:
    assert previous_versions(*events) == expected


def test_it_is_what_the_ledger_says(warehouse: Warehouse, add_version: Callable[..., None]) -> None:
    for version in (1, 2, 3):
        add_version(version)
    steps = [(3, 2)]
    for to in (2, 3):
        roll_back(
            warehouse,
            to=to,
            expected_event_seq=champion_event_seq(warehouse),
            reason="",
            actor="me",
            run_id=f"back to {to}",
        )
        steps.append((to, previous_version(warehouse)))

    periods = read_champion_periods(warehouse)

    assert [(period.version, period.previous_version) for period in periods[2:]] == steps
    assert [period.event_seq for period in periods] == [1, 2, 3, 4, 5]
