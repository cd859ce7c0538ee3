"""Figures, as benchmarks write them: JSON for machines, a table for people."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One row of the table."""

    measure: str
    value: float
    unit: str
    reach: float | None
    """What it has to reach; None: nothing, it is only reported."""
    better: Literal["higher", "lower"]
    n: int
    """How many runs it is the median of."""
    spread: float
    """The largest minus the smallest."""
    against: str | None = None
    note: str = ""

    @property
    def is_reached(self) -> bool:
        """Whether it is as good as it has to be."""
        if self.reach is None:
            return True
        return self.value >= self.reach if self.better == "higher" else self.value <= self.reach


def figure_of(
    measure: str,
    values: Sequence[float],
    *,
    unit: str,
    better: Literal["higher", "lower"],
    reach: float | None,
    against: str | None = None,
    note: str = "",
) -> Figure:
    """Return the figure of several runs' values: their median, and how far they lie apart."""
    return Figure(
        measure=measure,
        value=round(statistics.median(values), 4),
        unit=unit,
        reach=reach,
        better=better,
        n=len(values),
        spread=round(max(values) - min(values), 4),
        against=against,
        note=note,
    )


def write(figures: Sequence[Figure], target: Path, *, remarks: Sequence[str] = ()) -> None:
    """Write the figures as JSON, and the table with the remarks beside it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n", encoding="utf-8")
    target.with_suffix(".md").write_text(as_markdown(figures, remarks=remarks) + "\n", encoding="utf-8")


def as_markdown(figures: Sequence[Figure], *, remarks: Sequence[str] = ()) -> str:
    """Return the table in Markdown, and below it a paragraph for each remark."""
    lines = ["| measure | value | has to reach | reached | runs | spread | note |", "|---|---|---|---|---|---|---|"]
    for figure in figures:
        sign = "≥" if figure.better == "higher" else "≤"
        reach = "-" if figure.reach is None else f"{sign} {figure.reach:g} {figure.unit}"
        reached = "-" if figure.reach is None else "yes" if figure.is_reached else "**no**"
        lines.append(
            f"| {figure.measure} | {figure.value:.3g} {figure.unit} | {reach} | {reached} | {figure.n} | "
            f"{figure.spread:.2g} | {figure.note} |"
        )
    return "\n".join([*lines, *(f"\n{remark}" for remark in remarks)])
