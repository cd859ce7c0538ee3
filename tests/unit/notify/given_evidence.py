"""What is shown of a challenger."""

from typing import Any

from include.registry.approvals.evidence import ClassChange, ClassFigures, Digests, PromotionEvidence

EVIL = "<b>hat</b> | [x](http://evil.example)\nBcc: all"


def make_evidence(**changes: Any) -> PromotionEvidence:
    """Return what is shown of a challenger of version 3, but for what is changed."""
    fields: dict[str, Any] = {
        "digests": Digests(weights="a" * 64, card="b" * 64, snapshot="c" * 64, evaluation="d" * 64),
        "champion_version": 3,
        "champion_snapshot_id": "e" * 64,
        "gate_reasons": (
            "test accuracy 0.910 on 200 images reaches gate.min_accuracy 0.7",
            f"no recall of {EVIL} fell",
        ),
        "n_test_images": 200,
        "accuracy": 0.91,
        "compared_accuracy": 0.92,
        "champion_accuracy": 0.88,
        "classes": (
            ClassFigures(label="coat", n_images=100, n_champion_right=80, n_challenger_right=90),
            ClassFigures(label=EVIL, n_images=50, n_champion_right=45, n_challenger_right=40),
            ClassFigures(label="scarf", n_images=50, n_champion_right=None, n_challenger_right=48),
        ),
        "vanished_classes": ("sock",),
        "changes": (
            ClassChange(
                label="coat",
                n_images=1200,
                n_before=1000,
                n_added=250,
                n_removed=40,
                n_relabelled_to=0,
                n_relabelled_from=10,
            ),
            ClassChange(
                label="scarf", n_images=60, n_before=0, n_added=50, n_removed=0, n_relabelled_to=10, n_relabelled_from=0
            ),
            ClassChange(
                label=EVIL, n_images=50, n_before=50, n_added=0, n_removed=0, n_relabelled_to=0, n_relabelled_from=0
            ),
        ),
    }
    return PromotionEvidence(**{**fields, **changes})
