"""Training, validation and test: on which side an image is, for good.

The side follows from a hash of what must stay together, so it depends neither on order nor on which other images there
are. It is stored with the image on first sight, and equal content inherits it, wherever the file lies by then.
"""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple


class Split(StrEnum):
    """The sides of a data set."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


SHARES: Mapping[Split, float] = {Split.TRAIN: 0.70, Split.VALIDATION: 0.15, Split.TEST: 0.15}
"""The expected share of each side. Frozen: other shares would move images from one side to another."""


class SplitImage(NamedTuple):
    """An image, as far as its side depends on it."""

    content_sha256: str
    label: str
    path: str
    is_informative: bool = False
    """Whether it was picked to be labelled because a version doubts about it."""


def is_used(split: Split, *, is_informative: bool) -> bool:
    """Whether an image counts on its side.

    Images that were picked because a version doubts about them are harder than others: what is measured with them looks
    worse than it is, so they are trained on and nothing else.
    """
    return split == Split.TRAIN or not is_informative


def assign_splits(
    images: Sequence[SplitImage], fixed: Mapping[str, Split], *, group_pattern: str | None = None
) -> dict[str, Split]:
    """Return the side of every content.

    A content that has a side keeps it. Of the others, those of one group (the text that `group_pattern` matches in the
    path; without one, the content itself) go to one side: that of a member whose side is fixed, else the one that the
    group's hash says. A new group of nothing but informative images goes to the training side; of any other the hash
    decides, as what is measured must not depend on how hard it is. A class that this leaves without images that count
    on some side gets its first new group there, as long as it can spare one, so that small classes too are trained on,
    validated and tested.

    Args:
        images: The images of a data set, copies included.
        fixed: The sides that are known, by content.
        group_pattern: A regular expression on the path.

    Returns:
        The side of each content in `images`.
    """
    pattern = re.compile(group_pattern) if group_pattern else None
    group_of: dict[str, str] = {}
    for image in sorted(images):
        match = pattern.search(image.path) if pattern else None
        group_of.setdefault(image.content_sha256, f"group:{match.group()}" if match else image.content_sha256)

    side_of_group: dict[str, Split] = {}
    for content in sorted(group_of):
        if content in fixed:
            side_of_group.setdefault(group_of[content], fixed[content])
    measured = {group_of[image.content_sha256] for image in images if not image.is_informative}
    side_of_group = dict.fromkeys(set(group_of.values()) - measured, Split.TRAIN) | side_of_group
    movable = sorted(measured - set(side_of_group), key=_hash)
    side_of_group |= {group: _side(group) for group in movable}

    _reach_every_side(images, group_of, side_of_group, movable)
    return {content: fixed.get(content, side_of_group[group]) for content, group in group_of.items()}


def _reach_every_side(
    images: Sequence[SplitImage],
    group_of: Mapping[str, str],
    side_of_group: dict[str, Split],
    movable: Sequence[str],
) -> None:
    """Move new groups of classes that lack a side to it, as long as the side that they come from keeps one."""
    groups_of_label: dict[str, set[str]] = defaultdict(set)
    measured_of_label: dict[str, set[str]] = defaultdict(set)
    for image in images:
        groups_of_label[image.label].add(group_of[image.content_sha256])
        if not image.is_informative:
            measured_of_label[image.label].add(group_of[image.content_sha256])
    moved: set[str] = set()
    for label, groups in sorted(measured_of_label.items()):
        for side in Split:
            count = Counter(side_of_group[group] for group in groups)
            count[Split.TRAIN] = sum(side_of_group[group] == Split.TRAIN for group in groups_of_label[label])
            if count[side]:
                continue
            candidates = [g for g in movable if g in groups and g not in moved and count[side_of_group[g]] > 1]
            if candidates:
                # The fullest side gives; among its groups the one with the lowest hash.
                giver = max(candidates, key=lambda group: count[side_of_group[group]])
                side_of_group[giver] = side
                moved.add(giver)


def _hash(group: str) -> int:
    return int.from_bytes(hashlib.sha256(f"split:{group}".encode()).digest()[:8], "big")


def _side(group: str) -> Split:
    position = _hash(group) / 2**64
    if position < SHARES[Split.TRAIN]:
        return Split.TRAIN
    return Split.VALIDATION if position < SHARES[Split.TRAIN] + SHARES[Split.VALIDATION] else Split.TEST
