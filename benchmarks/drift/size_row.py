"""The row on ten million answers, which `benchmarks.drift_size` measures."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from benchmarks.drift.table import Row, Value
from benchmarks.drift_size import N_ANSWERS, size_figures
from benchmarks.figures import Figure

MEASURE = f"check of {N_ANSWERS:,} predictions on the embedded warehouse"


def row(pool: ProcessPoolExecutor, folder: Path) -> Row:
    """Return the row of the table, measured in a process that has held nothing else.

    Args:
        pool: Where to measure.
        folder: An empty one.
    """
    return as_row(pool.submit(size_figures, folder).result())


def as_row(figures: Sequence[Figure]) -> Row:
    """Return figures as a row of this benchmark's table."""
    return Row(
        measure=MEASURE,
        values=tuple(
            Value(
                name=figure.measure,
                value=figure.value,
                unit=figure.unit,
                reach=figure.reach,
                better=figure.better,
                n=figure.n,
            )
            for figure in figures
        ),
        note="; ".join(dict.fromkeys(figure.note for figure in figures if figure.note)),
    )
