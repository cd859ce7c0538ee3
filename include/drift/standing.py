"""Where a check begins: what earlier checks of the champion have consumed, found, asked for and done."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

from include.drift.arbiter.verdict import ACTING, Episode, RecentWindow, Requests, Verdict
from include.warehouse.session import Warehouse

_WITHOUT_SIGNALS: frozenset[Verdict] = frozenset({"STABLE", "CONCEPT_DRIFT"})
_WITH_SIGNALS: frozenset[Verdict] = frozenset({"MIX_CHANGED", "MODEL_REGRESSION", "DATA_DRIFT"})


class JudgedWindow(NamedTuple):
    """An earlier window of the champion."""

    check_id: str
    verdict: Verdict
    first_commit_seq: int


class _Row(NamedTuple):
    commit_seq: int
    retraining_check_id: str | None
    rolled_back_check_id: str | None
    open_check_id: str | None
    told_check_id: str | None
    seconds_since_request: int | None
    n_requests_last_week: int
    n_windows_since_promotion: int | None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What earlier checks have consumed, found, asked for and done."""

    commit_seq: int
    """The last answer that a check has consumed; 0: none was."""
    episode: Episode
    open_check_id: str | None
    """The check that found drift of this champion, or asked for labels because of it, and waits for them."""
    told_check_id: str | None
    """The check that told that the labels it waited for are there, and why nothing is trained with them yet."""
    requests: Requests
    judged: tuple[JudgedWindow, ...]
    """The windows of this champion, the latest first, as many as may still count."""
    n_windows_since_promotion: int | None
    """How many windows of this champion checks have consumed; None: it is champion by a rollback."""

    @property
    def recent(self) -> tuple[RecentWindow, ...]:
        """The windows, as a verdict looks at them."""
        return tuple(RecentWindow(check_id=one.check_id, acts=one.verdict in ACTING) for one in self.judged)

    def is_still(self, other: "Standing") -> bool:
        """Whether no check has consumed, asked for or done anything between this and another reading."""
        return (self.commit_seq, self.episode, self.open_check_id, self.told_check_id) == (
            other.commit_seq,
            other.episode,
            other.open_check_id,
            other.told_check_id,
        )


def read_standing(warehouse: Warehouse, *, champion_event_seq: int, n_windows: int) -> Standing:
    """Return where a check begins.

    Args:
        warehouse: A session.
        champion_event_seq: The event that made the champion what it is: windows and open drift are of its time.
        n_windows: How many windows a verdict looks at, the one that is judged among them.
    """
    row = warehouse.fetch("drift/select_standing", _Row, champion_event_seq=champion_event_seq)[0]
    judged = warehouse.fetch(
        "drift/select_judged_windows",
        JudgedWindow,
        champion_event_seq=champion_event_seq,
        n_windows=max(0, n_windows - 1),
    )
    seconds = row.seconds_since_request
    return Standing(
        commit_seq=row.commit_seq,
        episode=Episode(
            retraining_check_id=row.retraining_check_id,
            rolled_back_check_id=row.rolled_back_check_id,
        ),
        open_check_id=row.open_check_id,
        told_check_id=row.told_check_id,
        requests=Requests(
            hours_since_last=None if seconds is None else seconds / 3600, n_last_week=row.n_requests_last_week
        ),
        judged=tuple(judged),
        n_windows_since_promotion=row.n_windows_since_promotion,
    )


def alike(judged: Sequence[JudgedWindow], *, speaks: bool) -> list[JudgedWindow]:
    """Return the windows right before one whose labels also tell of it: those with a signal, as it has, or without.

    Labels come late. Those of the windows before the images changed say nothing of the ones after, and the other way
    round when they have changed back.

    Args:
        judged: The windows before it, the latest first.
        speaks: Whether a signal of it speaks.
    """
    like_it = _WITH_SIGNALS if speaks else _WITHOUT_SIGNALS
    return list(takewhile(lambda window: window.verdict in like_it, judged))
