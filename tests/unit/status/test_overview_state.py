"""What a classifier's line says first."""

from datetime import UTC, datetime

import pytest

from include.status.overview import ChampionLine, state_of


def champion(*, n_right: int, n_labelled: int) -> ChampionLine:
    return ChampionLine(
        version=3,
        since=datetime(2026, 3, 20, tzinfo=UTC),
        tested_accuracy=0.95,
        measured_accuracy=n_right / n_labelled if n_labelled else None,
        n_labelled=n_labelled,
        estimated_accuracy=None,
    )


@pytest.mark.parametrize(
    ("n_right", "n_labelled", "min_accuracy", "level"),
    [
        pytest.param(3, 30, 0.9, "act", id="nearly all wrong"),
        pytest.param(21, 30, 0.9, "act", id="more wrong than chance explains"),
        pytest.param(25, 30, 0.9, "none", id="no more wrong than chance explains"),
        pytest.param(0, 1, 0.9, "none", id="a single one tells nothing"),
        pytest.param(30, 30, 0.9, "none", id="all right"),
        pytest.param(0, 0, 0.9, "none", id="nothing labelled"),
        pytest.param(0, 30, 0.0, "none", id="a gate that asks for nothing"),
    ],
)
def test_a_champion_that_labels_show_to_be_worse_than_the_gate_asks_needs_somebody(
    n_right: int, n_labelled: int, min_accuracy: float, level: str
) -> None:
    line = champion(n_right=n_right, n_labelled=n_labelled)

    state = state_of(line, None, (), (), 0, min_accuracy=min_accuracy)

    assert state.level == level
    assert ("the gate asks for 90%" in state.summary) == (level == "act")


def test_how_many_are_right_is_said_in_numbers() -> None:
    state = state_of(champion(n_right=3, n_labelled=30), None, (), (), 0, min_accuracy=0.9)

    assert state.summary == (
        "Of 30 answers of version 3 that were labelled at random, 10% are right; the gate asks for 90%."
    )
    assert "Press Train" in str(state.advice)
