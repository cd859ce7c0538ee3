"""A verdict in a few words, and how it is to be taken."""

from collections.abc import Mapping
from typing import Literal

from include.drift.arbiter.verdict import ACTING, Verdict

Tone = Literal["well", "watch", "act", "none"]
"""How a verdict is to be taken: all is well; look at it; something has to be done; nobody can tell yet."""

TITLES: Mapping[Verdict, str] = {
    "INSUFFICIENT_DATA": "Too few answers for a verdict",
    "STABLE": "No drift",
    "MIX_CHANGED": "Another mix of classes, no drift",
    "MODEL_REGRESSION": "The model got worse",
    "DATA_DRIFT": "The images have changed",
    "CONCEPT_DRIFT": "More answers are wrong",
    "BROKEN_IMAGES": "The images look broken",
}
_TONES: Mapping[Verdict, Tone] = {
    **dict.fromkeys(ACTING, "act"),
    "MIX_CHANGED": "watch",
    "STABLE": "well",
}


def tone_of(verdict: Verdict) -> Tone:
    """Return how a verdict is to be taken."""
    return _TONES.get(verdict, "none")
