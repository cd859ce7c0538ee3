"""The gate: what a challenger has to reach, judged on what it and the champion answered to the same test images.

Pure: from evidence and config to a result with its reasons. Against the champion, only what the images show counts: a
challenger is refused when the one-sided 95 % bound lies beyond the margin, so that an equally good one is rarely
refused by chance, and a few images refuse nothing that they cannot show.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from include.config_parts import GateConfig
from include.handover import Handover
from include.models.evidence import NewClass, PairedEvidence, SharedClass
from include.models.paired_tests import (
    CONFIDENCE,
    LEVEL,
    exact_p_value,
    holm,
    lower_bound,
    shows_drop,
    smallest_shown,
)

NOTHING_COMPARED = "not one test image could be compared with the champion"
_N_NAMED = 5
"""How many classes a reason names."""
_N_FIGURES = 2
"""How many findings say what a challenger has passed with: the accuracy, and the comparison with the champion."""


class AccuracyDrop(NamedTuple):
    """How much less accurate a challenger is than the champion, on the images of classes that both know."""

    n_images: int
    observed: float
    lower_bound: float
    """One-sided, 95 %."""
    smallest_shown: float | None
    """The smallest observed drop that these images would have refused; None: none is large enough."""


@dataclass(frozen=True, kw_only=True)
class Cure(Handover):
    """Whether a challenger cures the drift that it was trained for."""

    check_id: str
    """The drift check that asked for it."""
    cures: bool | None
    """None: that could not be checked, which refuses nothing."""
    reasons: tuple[str, ...]
    """Why, a sentence each."""


class GateResult(NamedTuple):
    """What the gate says of a challenger."""

    passed: bool
    reasons: tuple[str, ...]
    """Why, a sentence each: first what it is refused for, then what else was found, the most telling first."""
    summary: str
    """What decided: all that it is refused for, or the figures that it has passed with, in one line."""
    drop: AccuracyDrop | None
    """None if nothing was compared."""

    @property
    def reason(self) -> str:
        """All reasons in one line."""
        return "; ".join(self.reasons)


class _Finding(NamedTuple):
    refused: bool
    sentence: str


def judge(
    evidence: PairedEvidence, gate: GateConfig, *, accept_vanished_classes: bool, cure: Cure | None = None
) -> GateResult:
    """Hold what was found against the gate.

    Args:
        evidence: The answers to the test images, at least one.
        gate: What the challenger has to reach.
        accept_vanished_classes: Whether the challenger may lack classes of the champion.
        cure: What it does about the drift that it was trained for; None: it was trained for none.
    """
    drop = _drop(evidence, gate)
    findings = [_absolute(evidence, gate)]
    if evidence.champion_version is None:
        findings.append(_Finding(refused=False, sentence="there is no champion to compare with"))
    else:
        findings.append(_accuracy(evidence, gate, drop))
        findings += _recalls(evidence, gate)
        findings += _new(evidence, gate)
        findings += _vanished(evidence, accepted=accept_vanished_classes)
    findings += _images(evidence, drop)
    findings += [_Finding(refused=cure.cures is False, sentence=reason) for reason in cure.reasons] if cure else []
    refused = tuple(finding.sentence for finding in findings if finding.refused)
    rest = tuple(finding.sentence for finding in findings if not finding.refused)
    return GateResult(
        passed=not refused, reasons=refused + rest, summary="; ".join(refused or rest[:_N_FIGURES]), drop=drop
    )


def _drop(evidence: PairedEvidence, gate: GateConfig) -> AccuracyDrop | None:
    images = evidence.discordant
    if not images.n_images:
        return None
    return AccuracyDrop(
        n_images=images.n_images,
        observed=images.drop,
        lower_bound=lower_bound(images),
        smallest_shown=smallest_shown(images, gate.max_accuracy_drop),
    )


def _absolute(evidence: PairedEvidence, gate: GateConfig) -> _Finding:
    refused = evidence.accuracy < gate.min_accuracy
    return _Finding(
        refused=refused,
        sentence=f"test accuracy {evidence.accuracy:.3f} on {evidence.n_images} images "
        f"{'is below' if refused else 'reaches'} gate.min_accuracy {gate.min_accuracy:g}",
    )


def _images(evidence: PairedEvidence, drop: AccuracyDrop | None) -> list[_Finding]:
    """Say what the test images can show, and which of them do not count."""
    sentences = _what_is_shown(drop) if drop else []
    n = evidence.n_left_out
    sentences.append(f"{n or 'no'} test image{'' if n == 1 else 's'} left out because a model was trained on them")
    if evidence.n_not_prepared:
        sentences.append(f"{evidence.n_not_prepared} more could not be prepared as the champion needs them")
    return [_Finding(refused=False, sentence=sentence) for sentence in sentences]


def _what_is_shown(drop: AccuracyDrop) -> list[str]:
    bound, smallest = drop.lower_bound, drop.smallest_shown
    return [
        f"with {CONFIDENCE:.0%} confidence the accuracy has "
        + (f"dropped by at least {bound:.3f}" if bound > 0 else f"gained no more than {-bound:.3f}"),
        f"these {drop.n_images} images can show "
        + ("no drop, however large" if smallest is None else f"drops from {smallest:.3f} on"),
    ]


def _accuracy(evidence: PairedEvidence, gate: GateConfig, drop: AccuracyDrop | None) -> _Finding:
    """Compare accuracies where both know the class."""
    if drop is None:
        # a champion that can answer nothing cannot be compared, and must not stay for that
        obsolete = evidence.champion_is_obsolete
        sentence = f"{NOTHING_COMPARED}{': this release makes other pixels than it needs' if obsolete else ''}"
        return _Finding(refused=bool(evidence.shared_classes) and not obsolete, sentence=sentence)
    refused = shows_drop(evidence.discordant, gate.max_accuracy_drop)
    before, after = evidence.compared_accuracies
    n = drop.n_images
    images = f"the same {n} images" if n == evidence.n_images else f"{n} images of classes that both know"
    return _Finding(
        refused=refused,
        sentence=f"accuracy {after:.3f} against {before:.3f} of champion version {evidence.champion_version} on "
        f"{images}: {_change(drop.observed, gate.max_accuracy_drop, refused=refused)}",
    )


def _change(drop: float, margin: float, *, refused: bool) -> str:
    if drop <= 0:
        return f"a gain of {-drop:.3f}" if drop else "no difference"
    held = "within" if drop <= margin else "shown to exceed" if refused else "not shown to exceed"
    return f"a drop of {drop:.3f}, {held} gate.max_accuracy_drop {margin:g}"


def _recalls(evidence: PairedEvidence, gate: GateConfig) -> list[_Finding]:
    """Test the recall of each shared class, corrected for their number."""
    classes = [found for found in evidence.shared_classes if found.n_images]
    if not classes:
        return []
    findings = [_fallen(classes, gate)]
    missing = [repr(found.label) for found in evidence.shared_classes if not found.n_images]
    if missing:
        sentence = f"no test image shows what became of the recall of {_named(missing)}"
        findings.append(_Finding(refused=False, sentence=sentence))
    return findings


def _fallen(classes: Sequence[SharedClass], gate: GateConfig) -> _Finding:
    p_values = holm([exact_p_value(found.discordant, gate.max_class_recall_drop) for found in classes])
    fallen = sorted(
        (found for found, p_value in zip(classes, p_values, strict=True) if p_value <= LEVEL),
        key=lambda found: (-found.discordant.drop, found.label),
    )
    beyond = f"beyond gate.max_class_recall_drop {gate.max_class_recall_drop:g}"
    if not fallen:
        return _Finding(refused=False, sentence=f"in none of {len(classes)} classes has the recall dropped {beyond}")
    listed = [
        f"{found.label!r} from {found.n_champion_right / found.n_images:.3f} to "
        f"{found.n_challenger_right / found.n_images:.3f} ({found.n_images} images)"
        for found in fallen
    ]
    return _Finding(
        refused=True,
        sentence=f"in {len(fallen)} of {len(classes)} classes the recall has dropped {beyond}: {_named(listed)}",
    )


def _new(evidence: PairedEvidence, gate: GateConfig) -> list[_Finding]:
    """Hold the classes that the champion lacks against their least recall."""

    def told(found: Sequence[NewClass]) -> str:
        return _named(
            [
                f"{new.label!r} (no test image)"
                if new.recall is None
                else f"{new.recall:.3f} of {new.label!r} ({new.n_images} images)"
                for new in found
            ]
        )

    low = [new for new in evidence.new_classes if (new.recall or 0.0) < gate.min_recall]
    good = [new for new in evidence.new_classes if new not in low]
    findings = []
    if low:
        sentence = f"the recall of new classes is below gate.min_recall {gate.min_recall:g}: {told(low)}"
        findings.append(_Finding(refused=True, sentence=sentence))
    if good:
        sentence = f"the recall of new classes reaches gate.min_recall {gate.min_recall:g}: {told(good)}"
        findings.append(_Finding(refused=False, sentence=sentence))
    return findings


def _vanished(evidence: PairedEvidence, *, accepted: bool) -> list[_Finding]:
    """Refuse a challenger that lacks classes of the champion, unless the run says so."""
    if not evidence.vanished_classes:
        return []
    listed = _named([repr(label) for label in evidence.vanished_classes])
    said = "as this run accepts" if accepted else "and the run does not accept_vanished_classes"
    return [_Finding(refused=not accepted, sentence=f"classes of the champion have vanished, {said}: {listed}")]


def _named(listed: Sequence[str]) -> str:
    more = len(listed) - _N_NAMED
    return ", ".join(listed[:_N_NAMED]) + (f" and {more} more" if more > 0 else "")
