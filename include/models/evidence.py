"""What challenger and champion answered to the same test images, counted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from include.handover import Handover
from include.models.paired_tests import Discordant


@dataclass(frozen=True, kw_only=True)
class SharedClass:
    """A class that challenger and champion both know, on the images that both answered."""

    label: str
    n_images: int
    n_only_champion_right: int
    n_only_challenger_right: int
    n_challenger_right: int

    @property
    def discordant(self) -> Discordant:
        """The images on which one of the two is right."""
        return Discordant(self.n_images, self.n_only_champion_right, self.n_only_challenger_right)

    @property
    def n_champion_right(self) -> int:
        """The images on which the champion is right."""
        return self.n_challenger_right + self.n_only_champion_right - self.n_only_challenger_right


@dataclass(frozen=True, kw_only=True)
class NewClass:
    """A class that the champion does not know."""

    label: str
    n_images: int
    n_right: int

    @property
    def recall(self) -> float | None:
        """The share of its images that the challenger recognises; None if there are none."""
        return self.n_right / self.n_images if self.n_images else None


@dataclass(frozen=True, kw_only=True)
class PairedEvidence(Handover):
    """What challenger and champion answered to the test images. It is stored with the challenger's version."""

    champion_version: int | None
    """None: there is no champion, and nothing is compared."""
    champion_event_seq: int
    """The event that made it champion."""
    champion_is_obsolete: bool
    """This release makes other pixels than the champion needs: it can answer nothing any more."""
    n_images: int
    """Test images that the challenger answered."""
    n_right: int
    """Those that it answered rightly."""
    n_left_out: int
    """Test images that were not asked, because one of the two was trained on them."""
    n_not_prepared: int
    """Test images that are not compared, because they could not be prepared as the champion needs them."""
    shared_classes: tuple[SharedClass, ...]
    new_classes: tuple[NewClass, ...]
    vanished_classes: tuple[str, ...]
    """Classes of the champion that the challenger does not know."""

    @property
    def accuracy(self) -> float:
        """Of the challenger, on all images that it answered."""
        return self.n_right / self.n_images

    @property
    def discordant(self) -> Discordant:
        """The images of shared classes on which one of the two is right."""
        return Discordant(
            sum(found.n_images for found in self.shared_classes),
            sum(found.n_only_champion_right for found in self.shared_classes),
            sum(found.n_only_challenger_right for found in self.shared_classes),
        )

    @property
    def compared_accuracies(self) -> tuple[float, float]:
        """Of the champion and of the challenger, on the images that both answered (at least one)."""
        n_champion = sum(found.n_champion_right for found in self.shared_classes)
        n_challenger = sum(found.n_challenger_right for found in self.shared_classes)
        n_images = self.discordant.n_images
        return n_champion / n_images, n_challenger / n_images


class ChampionAnswers(NamedTuple):
    """The champion's part in the evidence."""

    version: int
    classes: tuple[str, ...]
    answers: Sequence[str | None]
    """Its answer to each test image; None: it could not be prepared as the champion needs it."""
    is_obsolete: bool = False
    """Whether nothing can be prepared for it any more."""


def pair_answers(
    truth: Sequence[str],
    answers: Sequence[str],
    *,
    classes: Sequence[str],
    n_left_out: int,
    champion: ChampionAnswers | None,
    champion_event_seq: int,
) -> PairedEvidence:
    """Count on which test images challenger and champion are right.

    Args:
        truth: The class of each test image, one of `classes`.
        answers: The challenger's answer to each, in the same order.
        classes: The classes that the challenger knows.
        n_left_out: Test images that are not among these, because one of the two was trained on them.
        champion: The champion's answers to the same images, if there is one.
        champion_event_seq: The event that made it champion, or the number that stands for none.
    """
    theirs = champion.answers if champion else [None] * len(truth)
    by_class: dict[str, list[tuple[bool, str | None]]] = {label: [] for label in classes}
    for label, answer, their in zip(truth, answers, theirs, strict=True):
        by_class[label].append((answer == label, their))
    known = set(champion.classes) if champion else set()
    shared = [label for label in classes if label in known]
    new = [label for label in classes if champion and label not in known]
    return PairedEvidence(
        champion_version=champion.version if champion else None,
        champion_event_seq=champion_event_seq,
        champion_is_obsolete=champion is not None and champion.is_obsolete,
        n_images=len(truth),
        n_right=sum(is_right for rows in by_class.values() for is_right, _ in rows),
        n_left_out=n_left_out,
        n_not_prepared=sum(their is None for label in shared for _, their in by_class[label]),
        shared_classes=tuple(
            _shared_class(label, [(right, their == label) for right, their in by_class[label] if their is not None])
            for label in shared
        ),
        new_classes=tuple(
            NewClass(label=label, n_images=len(by_class[label]), n_right=sum(right for right, _ in by_class[label]))
            for label in new
        ),
        vanished_classes=tuple(sorted(known - set(classes))),
    )


def _shared_class(label: str, right: Sequence[tuple[bool, bool]]) -> SharedClass:
    """Count the images of a class, of each of which is known whether challenger and champion are right."""
    return SharedClass(
        label=label,
        n_images=len(right),
        n_only_champion_right=sum(theirs and not ours for ours, theirs in right),
        n_only_challenger_right=sum(ours and not theirs for ours, theirs in right),
        n_challenger_right=sum(ours for ours, _ in right),
    )
