"""How many images were answered, day by day and class by class."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
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
    """UTC, without gaps, to that of the latest answer. Empty, as are the classes: nothing was answered yet."""
    classes: tuple[ClassVolume, ...]
    """The most frequent first, all others last."""
    n_classes: int
    """How many classes were predicted at all."""

    @property
    def totals(self) -> tuple[int, ...]:
        """The images of each day."""
        return tuple(sum(of_day) for of_day in zip(*(one.by_day for one in self.classes), strict=True))


class _Latest(NamedTuple):
    at: datetime | None


class _Row(NamedTuple):
    day: datetime
    label: str | None
    n_images: int
    n_classes: int


def read_volume(warehouse: Warehouse, *, n_days: int) -> Volume:
    """Return how many images were answered on each of the last days, up to the one with the latest answer.

    So it changes only when there are new answers, and tells something of a pipeline that has been idle for long. The
    warehouse counts: what comes from there is as large for ten million answers as for ten thousand.

    Args:
        warehouse: A session on the pipeline's schema.
        n_days: How many days.
    """
    latest = warehouse.fetch("status/select_latest_answer", _Latest)[0].at
    if latest is None:
        return Volume(days=(), classes=(), n_classes=0)
    days = tuple(latest.date() - timedelta(days=n_days - 1 - place) for place in range(n_days))
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
        n_classes=max(int(row.n_classes) for row in rows),
    )
