"""A version that may become champion, as it goes from the evaluation to the gate."""

from dataclasses import dataclass

from include.handover import Handover


@dataclass(frozen=True, kw_only=True)
class Challenger(Handover):
    """A registered version that may become champion."""

    version: int
    accuracy: float
    """On the test images."""
    n_test_images: int
    champion_event_seq: int
    """The champion that it was evaluated against, by the event that made it so."""
