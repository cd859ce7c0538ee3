"""How many images were answered, day by day and class by class."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from include.warehouse.session import Warehouse

N_CLASSES = 10
"""So many classes have a colour of their own; all others are one."""
DAYS = (7, 30, 90)
"""How far back people may look."""


@dataclass(frozen=True, kw_only=True)
class ClassVolume:
    """How many images were taken for a class."""

    label: str | None
    """None: all classes but the most frequent ones."""
    by_day: tuple[int, ...]

    @property
    def n_images(self) -> int:
        """On all days."""
        return sum(self.by_day)


@dataclass(frozen=True, kw_only=True)
class Volume:
    """The panel: new images by predicted class and day. An image that several versions have answered counts once."""

    days: tuple[date, ...]
    """UTC, without gaps, to today."""
    classes: tuple[ClassVolume, ...]
    """The most frequent first, all others last. Empty: nothing was answered on these days."""
    n_classes: int
    """How many classes were predicted at all."""

    @property
    def totals(self) -> tuple[int, ...]:
        """The images of each day."""
        return tuple(sum(of_day) for of_day in zip(*(one.by_day for one in self.classes), strict=True))


class _Row(NamedTuple):
    day: datetime
    label: str | None
    n_images: int
    n_classes: int


def read_volume(warehouse: Warehouse, *, n_days: int, today: date | None = None) -> Volume:
    """Return how many images were answered on each of the latest days.

    The warehouse counts: what comes from there is as large for ten million answers as for ten thousand.

    Args:
        warehouse: A session on the pipeline's schema.
        n_days: How many days, today among them.
        today: The last day; None: the present one, UTC.
    """
    last = today or datetime.now(UTC).date()
    days = tuple(last - timedelta(days=n_days - 1 - place) for place in range(n_days))
    rows = warehouse.fetch(
        "status/count_answers_by_day", _Row, since=datetime.combine(days[0], time()), n_classes=N_CLASSES
    )
    counted: defaultdict[str | None, dict[date, int]] = defaultdict(dict)
    for row in rows:
        counted[row.label][row.day.date()] = int(row.n_images)
    classes = [
        ClassVolume(label=label, by_day=tuple(of_days.get(day, 0) for day in days))
        for label, of_days in counted.items()
    ]
    return Volume(
        days=days,
        classes=tuple(sorted(classes, key=lambda one: (one.label is None, -one.n_images, one.label or ""))),
        n_classes=max((int(row.n_classes) for row in rows), default=0),
    )
