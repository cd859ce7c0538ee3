"""Evidently, kept quiet: it tells its makers nothing, and gets no text that its pages would take for tags."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # seconds to import
    from evidently.core.report import Snapshot

_NO_TAGS = {ord("<"): "\u2039", ord(">"): "\u203a"}
"""Single quotation marks, which look like them."""


@contextmanager
def quiet_evidently() -> Iterator[None]:
    """Let Evidently work without telling its makers, and without pandas' and numpy's advice to it."""
    # Its services report their use; no part of it may.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def without_tags(text: str) -> str:
    """Return a text as Evidently may get it, which puts it into a script as it is: without tags."""
    return text.translate(_NO_TAGS)


def as_html(snapshot: "Snapshot") -> str:
    """Return a report as a page that needs nothing from the network."""
    with quiet_evidently():
        page: str = snapshot.get_html_str(as_iframe=False)
        return page
