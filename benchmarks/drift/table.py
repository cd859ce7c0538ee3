"""What the benchmark of drift writes down: a row with its figures, their intervals and what they have to reach."""

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift.intervals import cluster_interval


@dataclass(frozen=True, kw_only=True)
class Value:
    """One figure."""

    name: str
    value: float
    unit: str = "share"
    low: float | None = None
    """With `high` its confidence interval of 95 %; None: it has none."""
    high: float | None = None
    reach: float | None = None
    """What it has to reach; None: it is shown beside the others."""
    better: Literal["higher", "lower"] = "lower"
    n: int = 1
    """How many windows, runs or trials it was made of."""

    @property
    def is_reached(self) -> bool | None:
        """Whether it is as good as it has to be; None: it has to reach nothing."""
        if self.reach is None:
            return None
        return self.value >= self.reach if self.better == "higher" else self.value <= self.reach


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measure, with all of its figures."""

    measure: str
    values: tuple[Value, ...]
    note: str = ""
    seconds: float = 0.0
    """How long measuring it took."""
    details: tuple[Mapping[str, str | float], ...] = ()
    """A table of its parts, whose columns are the keys."""

    def to_json(self) -> dict[str, Any]:
        """Return it as it is written down."""
        values = [asdict(value) | {"is_reached": value.is_reached} for value in self.values]
        return asdict(self) | {"values": values, "details": [dict(detail) for detail in self.details]}


def mean_of(
    name: str,
    values: NDArray[Any],
    *,
    seed: int,
    unit: str = "share",
    reach: float | None = None,
    better: Literal["higher", "lower"] = "lower",
) -> Value:
    """Return the mean of values [n_baselines, n_windows] with its interval over baselines."""
    numbers = np.asarray(values, dtype=np.float64)
    low, high = cluster_interval(numbers, seed=seed)
    return Value(
        name=name,
        value=float(numbers.mean()),
        unit=unit,
        low=low,
        high=high,
        reach=reach,
        better=better,
        n=numbers.size,
    )


def median_seconds(name: str, seconds: Sequence[float], *, reach: float | None = None) -> Value:
    """Return the median of some times, with their range in its name."""
    spread = f"{min(seconds):.2g} to {max(seconds):.2g} s"
    return Value(name=f"{name} ({spread})", value=statistics.median(seconds), unit="s", reach=reach, n=len(seconds))


def write(rows: Sequence[Row], target: Path, *, measures: Sequence[str]) -> list[dict[str, Any]]:
    """Write rows as JSON, and the tables beside it; a measure that was left out this time keeps its last row.

    Args:
        rows: What was measured.
        target: The JSON file.
        measures: All measures, in their order: what an old file has beyond them is dropped.
    """
    before = json.loads(target.read_text(encoding="utf-8")) if target.is_file() else []
    known = {row["measure"]: row for row in before if "values" in row} | {row.measure: row.to_json() for row in rows}
    written = [_rounded(known[measure]) for measure in measures if measure in known]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    target.with_suffix(".md").write_text(as_markdown(written) + "\n", encoding="utf-8")
    return written


def as_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return what was written as JSON as Markdown: one table of all figures, and one of each row's parts."""
    columns = ("measure", "figure", "value", "95 % interval", "has to reach", "reached", "n")
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for row in rows:
        for place, value in enumerate(row["values"]):
            lines.append(_line(row["measure"] if place == 0 else "", value))
    for row in rows:
        lines += ["", f"**{row['measure']}**: {row['note']} ({row['seconds']:.0f} s)"]
        if row["details"]:
            lines += ["", *_table(row["details"])]
    return "\n".join(lines)


def _line(measure: str, value: Mapping[str, Any]) -> str:
    shown = _shower(value["unit"])
    interval = "" if value["low"] is None else f"{shown(value['low'])} to {shown(value['high'])}"
    reach, reached = "", ""
    if value["reach"] is not None:
        reach = f"{'≥' if value['better'] == 'higher' else '≤'} {shown(value['reach'])}"
        reached = "yes" if value["is_reached"] else "**no**"
    cells = [measure, value["name"], shown(value["value"]), interval, reach, reached, f"{value['n']:,}"]
    return f"| {' | '.join(cells)} |"


def _shower(unit: str) -> Callable[[float], str]:
    if unit == "share":
        return lambda value: f"{value:.1%}"
    if unit == "points":
        return lambda value: f"{100 * value:.1f} points"
    return lambda value: f"{value:.3g} {unit}"


def _table(details: Sequence[Mapping[str, str | float]]) -> list[str]:
    columns = list(details[0])
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for detail in details:
        cells = (f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in detail.values())
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _rounded(value: Any) -> Any:
    """Round what is written: more digits than its interval supports only make two runs differ."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, Mapping):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(part) for part in value]
    return value
