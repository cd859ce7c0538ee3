"""The table of docs/speed.md, from what the benchmarks have written: `python -m benchmarks.speed_table`."""

import json
from pathlib import Path

from benchmarks.figures import RESULTS, Figure
from include.config import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "speed.md"
FILES = ("inference", "training", "startup", "write_back")
"""The results that are about speed."""
_START, _END = "<!-- speed, by make bench-speed -->\n", "<!-- end of speed -->"


def main() -> None:
    """Put the table into the page."""
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), table()), encoding="utf-8")


def table(results: Path = RESULTS) -> str:
    """Return a row for each figure that has something to reach, with a link to its results; files may be missing."""
    lines = ["| | measured | has to reach | |", "|---|---|---|---|"]
    for name in FILES:
        file = results / f"{name}.json"
        if file.is_file():
            figures = [Figure(**row) for row in json.loads(file.read_text(encoding="utf-8"))]
            lines += [_row(figure, name) for figure in figures if figure.reach is not None]
    return "\n".join(lines) + "\n"


def with_table(page: str, shown: str) -> str:
    """Return a page with another table.

    Raises:
        ValueError: It has no place for one.
    """
    before, start, rest = page.partition(_START)
    _, end, after = rest.partition(_END)
    if not (start and end):
        raise ValueError(f"the page has no place for the table: it needs {_START.strip()} and {_END}")
    return before + start + shown + end + after


def _row(figure: Figure, name: str) -> str:
    sign = "≥" if figure.better == "higher" else "≤"
    reached = "reached" if figure.is_reached else "**not reached**"
    value = f"{figure.value:,.0f}" if abs(figure.value) >= 1000 else f"{figure.value:.3g}"
    return (
        f"| {figure.measure} | [{value} {figure.unit}](../benchmarks/results/{name}.md) | "
        f"{sign} {figure.reach:,g} | {reached} |"
    )


if __name__ == "__main__":
    main()
