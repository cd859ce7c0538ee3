"""The probation of a new champion: its first windows, of which one that the version before answers better is enough."""

from typing import NamedTuple

from include.config_parts import PromotionConfig


class Probation(NamedTuple):
    """A window that a champion has on probation."""

    number: int
    """Its place among the full windows since the promotion, from 1."""
    n_windows: int
    """How many of these are on probation."""


def probation_of(n_windows_before: int | None, promotion: PromotionConfig) -> Probation | None:
    """Return the probation that a champion's next full window falls into, or None if it is over.

    Args:
        n_windows_before: The full windows that it has had since its promotion; None: a rollback has restored it.
        promotion: How long a probation is.
    """
    if n_windows_before is None or n_windows_before >= promotion.probation_windows:
        return None
    return Probation(n_windows_before + 1, promotion.probation_windows)
