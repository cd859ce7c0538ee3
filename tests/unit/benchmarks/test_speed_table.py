"""The table of docs/speed.md says what the results say."""

from pathlib import Path

import pytest

from benchmarks.figures import figure_of, write
from benchmarks.speed_table import PAGE, table, with_table


def test_the_page_shows_the_results_that_are_there() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert with_table(page, table()) == page, "run make bench-speed"


def test_what_has_something_to_reach_is_shown_with_a_link_to_its_results(tmp_path: Path) -> None:
    figures = [
        figure_of("slow", [3.0, 1.0, 2.0], unit="s", better="lower", reach=1.5),
        figure_of("fast", [9.0], unit="img/s", better="higher", reach=9.0),
        figure_of("told", [1.0], unit="s", better="lower", reach=None),
    ]
    write(figures, tmp_path / "training.json")

    *_, slow, fast = table(tmp_path).splitlines()

    assert slow == "| slow | [2 s](../benchmarks/results/training.md) | ≤ 1.5 | **not reached** |"
    assert fast == "| fast | [9 img/s](../benchmarks/results/training.md) | ≥ 9 | reached |"


def test_a_page_without_a_place_for_the_table_is_told() -> None:
    with pytest.raises(ValueError, match="no place for the table"):
        with_table("# Driftgate\n", "| |\n")
