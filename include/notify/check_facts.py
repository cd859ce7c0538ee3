"""The figures of a drift check as names and values; what an older release did not store is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:  # a task that only tells something needs none of what they import
    from include.drift.checks import DriftCheck

Facts = tuple[tuple[str, str], ...]

_COMPARED = (
    ("confidences", "Confidences", " sd"),
    ("classes", "Predicted classes", ""),
    ("features", "Features", ""),
    ("images", "Images", " sd"),
    ("previous", "Previous version", " sd"),
)
"""Keys in STATISTICS and THRESHOLDS, what people call them, and the unit of their distances."""
_N_NAMED = 5
"""How many classes are named."""


class Measured(NamedTuple):
    """A distance beside its threshold."""

    name: str
    of_version: int | None
    """The version whose answers it is of; None: the champion's."""
    unit: str
    distance: float
    threshold: float
    p_value: float | None
    n_images: int | None
    n_baseline: int | None


def check_facts(check: DriftCheck) -> Facts:
    """Return what was found and measured, and what is held against it."""
    facts = [
        ("Verdict", check.verdict),
        ("Action", check.action),
        ("Champion", f"version {check.version}"),
        ("New answers", f"{check.n_images:,}"),
        *_jumped(check),
        *accuracy_facts(check),
        *((one.name, _distance(one)) for one in measured(check)),
        *_smallest_shift(check),
        *_moved_classes(check),
        *_new_labels(check),
    ]
    if check.report_path:
        facts.append(("Report (in the store)", check.report_path))
    return (*facts, ("Check", check.check_id))


def measured(check: DriftCheck) -> list[Measured]:
    """Return each distance that was measured."""
    found = []
    for key, name, unit in _COMPARED:
        of, threshold = check.statistics.get(key), check.thresholds.get(key)
        if not isinstance(of, Mapping) or "distance" not in of or not isinstance(threshold, int | float):
            continue
        found.append(
            Measured(
                name=_named(key, name, of),
                of_version=of.get("version"),
                unit=unit,
                distance=of["distance"],
                threshold=threshold,
                p_value=of.get("p_value"),
                n_images=of.get("n_images"),
                n_baseline=of.get("n_baseline"),
            )
        )
    return found


def accuracy_facts(check: DriftCheck) -> list[tuple[str, str]]:
    """Return what is known of the accuracy: estimated, on labels, and that of the version before."""
    facts = []
    accuracy = check.statistics.get("accuracy")
    if accuracy:
        doubt = "" if accuracy.get("is_trusted", True) else "; not to be trusted, the images are too different"
        facts.append(("Estimated accuracy", f"{_estimated(accuracy)}{doubt}"))
        realised = accuracy.get("realised")
        if realised:
            n_right, n_images = realised["n_right"], realised["n_images"]
            facts.append(
                ("Accuracy on labels", f"{n_right / n_images:.1%} ({n_right:,} of {n_images:,} picked at random)")
            )
    previous = check.statistics.get("previous") or {}
    if previous.get("accuracy"):
        facts.append((f"Accuracy of version {previous['version']}", _estimated(previous["accuracy"])))
    return facts


def jumped_statistics(check: DriftCheck) -> tuple[str, ...]:
    """Return which statistics of the images have jumped, the largest jump first; `undecodable` may be one of them."""
    return tuple(jump["statistic"] for jump in _jumps(check))


def _named(key: str, name: str, of: Mapping[str, Any]) -> str:
    """Return what a distance is called; that of the images names the statistic that has moved most."""
    statistic = str(of.get("measure", "")).partition(",")[0]
    return f"{name} ({statistic})" if key == "images" and statistic else name


def _distance(of: Measured) -> str:
    version = f"version {of.of_version}: " if of.of_version is not None else ""
    return f"{version}distance {of.distance:.3f}{of.unit}, threshold {of.threshold:.3f}{of.unit}"


def _jumps(check: DriftCheck) -> Sequence[Mapping[str, Any]]:
    jumps: Sequence[Mapping[str, Any]] = check.statistics.get("jumps") or ()
    return jumps


def _jumped(check: DriftCheck) -> list[tuple[str, str]]:
    jumps = [
        f"undecodable {jump['before']:.1%} to {jump['now']:.1%}"
        if jump["statistic"] == "undecodable"
        else f"{jump['statistic'].replace('_', ' ')} {jump['before']:.3g} to {jump['now']:.3g} "
        f"({jump['distance']:.1f} sd)"
        for jump in _jumps(check)
    ]
    return [("Images have jumped", "; ".join(jumps))] if jumps else []


def _estimated(accuracy: Mapping[str, Any]) -> str:
    estimate = accuracy["estimates"][0]
    return (
        f"{estimate['value']:.1%} ({estimate['low']:.1%} to {estimate['high']:.1%}), "
        f"on held-out images {accuracy['baseline']:.1%}"
    )


def _smallest_shift(check: DriftCheck) -> list[tuple[str, str]]:
    if check.smallest_shift is None:
        return []
    of = check.signal or "confidences"
    return [("Smallest shift", f"{check.smallest_shift:.3f} of {of} shows in four of five windows of this size")]


def _moved_classes(check: DriftCheck) -> list[tuple[str, str]]:
    moved = check.statistics.get("moved_classes") or ()
    more = f" and {len(moved) - _N_NAMED} more" if len(moved) > _N_NAMED else ""
    return [("Classes that moved", f"{', '.join(moved[:_N_NAMED])}{more}")] if moved else []


def _new_labels(check: DriftCheck) -> list[tuple[str, str]]:
    if "n_new_labels" not in check.statistics or "min_new_labels" not in check.thresholds:
        return []
    return [("New labels", f"{check.statistics['n_new_labels']} (needed: {check.thresholds['min_new_labels']})")]
