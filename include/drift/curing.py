"""What it means that a challenger cures a drift: it is better on the window than the champion, and at home there. Pure.

A few hundred new images among thousands of old ones may leave a new model where the old one was. It is then no better
on the window than the champion, or its own baseline stays mostly old, so that the next window would alarm again
(docs/adr/021-a-challenger-cures.md).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from include.drift.arbiter.verdict import ACTING, Verdict
from include.drift.statistics.accuracy import MIN_LABELS, Accuracy
from include.models.gate import Cure
from include.models.paired_tests import Discordant, shows_drop


@dataclass(frozen=True, kw_only=True)
class Better:
    """How much more accurate the challenger is on the window than the champion."""

    method: Literal["labels", "estimates"]
    n_images: int
    """Images that both answered; with labels those that have one."""
    champion: float
    challenger: float
    is_shown: bool
    """Whether the gain is beyond what chance explains, with a confidence of 95 %."""

    @property
    def gain(self) -> float:
        """The difference; 0 or less: it is not better."""
        return self.challenger - self.champion


@dataclass(frozen=True, kw_only=True)
class CureEvidence:
    """What was found when a challenger answered the window."""

    version: int
    """The challenger."""
    champion_version: int
    """The champion that the drift was found of."""
    n_window: int
    """Images of the window that are still known."""
    n_trained_on: int
    """Those of them that one of the two was trained on, and which are left out."""
    n_images: int
    """Those that both answered."""
    better: Better | None
    """None: of one of the two it is not known how accurate it is."""
    champion_is_trusted: bool
    """Whether there is an estimate of the champion's accuracy, or labels, to go by."""
    own_verdict: Verdict
    """On the challenger's answers beside its own baseline."""
    own_findings: tuple[str, ...]
    """What that rests on, in sentences."""


def compare_right(champion: Sequence[bool], challenger: Sequence[bool]) -> Better | None:
    """Compare by labels; None: there are too few.

    Args:
        champion: Whether it is right on each image that has a label.
        challenger: Whether it is right on the same image.
    """
    n_images = len(champion)
    if n_images < MIN_LABELS:
        return None
    pairs = list(zip(champion, challenger, strict=True))
    lost, won = pairs.count((True, False)), pairs.count((False, True))
    return Better(
        method="labels",
        n_images=n_images,
        champion=sum(champion) / n_images,
        challenger=sum(challenger) / n_images,
        is_shown=shows_drop(Discordant(n_images, won, lost), 0.0),  # the champion's drop, as it were
    )


def compare_estimates(champion: Accuracy | None, challenger: Accuracy | None, *, n_images: int) -> Better | None:
    """Compare by estimates; None: one of the two has none.

    Args:
        champion: Its accuracy on the images.
        challenger: Its accuracy on the same images.
        n_images: How many these are.
    """
    if champion is None or challenger is None:
        return None
    before, after = champion.deciding, challenger.deciding
    chance = math.hypot(before.high - before.value, after.value - after.low)
    return Better(
        method="estimates",
        n_images=n_images,
        champion=before.value,
        challenger=after.value,
        is_shown=after.value - before.value > chance,
    )


def judge_cure(found: CureEvidence, *, check_id: str) -> Cure:
    """Say whether a challenger cures a drift: it does better on the window than the champion, and is at home there.

    A gain that so few images cannot show beyond chance counts as one: refusing it would refuse most challengers that
    are better by less than a tenth. No gain at all does not.

    Args:
        found: What was found.
        check_id: The drift check that asked for the challenger.
    """
    is_better, better = _better_sentence(found)
    alarms = found.own_verdict in ACTING
    cures = is_better and not alarms
    images = f"{found.n_images} of {found.n_window} images of its window"
    head = f"version {found.version} {'cures' if cures else 'does not cure'} the drift of check {check_id}"
    home = "it is not at home with them, either" if not is_better else "it is not at home with them"
    home = f"{home}: beside its own baseline they are {found.own_verdict}" if alarms else "it is at home with them"
    left_out = f" ({found.n_trained_on} that one of the two was trained on are left out)" if found.n_trained_on else ""
    return Cure(
        check_id=check_id,
        cures=cures,
        reasons=(f"{head}: on {images}{left_out}, {better}", home, *(found.own_findings if alarms else ())),
    )


def _better_sentence(found: CureEvidence) -> tuple[bool, str]:
    """Return whether the challenger is better, or nobody knows, and why."""
    champion, better = found.champion_version, found.better
    if not found.champion_is_trusted:
        return True, f"no estimate of the accuracy of version {champion} can be trusted, so it is no match"
    if better is None:
        return True, f"the accuracy cannot be compared with that of version {champion}, which nobody knows"
    if better.method == "labels":
        what = f"by {better.n_images} labels the accuracy is"
    else:
        what = "the accuracy is estimated at"
    compared = f"{what} {better.challenger:.2f} against {better.champion:.2f} of version {champion}"
    if better.gain <= 0:
        return False, f"{compared}, which is not better"
    beyond = "beyond what chance explains" if better.is_shown else "though so few cannot show that it is no chance"
    return True, f"{compared}, which is better, {beyond}"
