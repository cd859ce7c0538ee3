"""Labels that people give to images after they came: appended, the latest counts, and wins over the one in the path."""

import logging
import time
from collections.abc import Sequence
from typing import NamedTuple

from include.errors import LabelError
from include.warehouse.loading import LOADED_LABELS, loaded_rows
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

MAX_LENGTH = 255
"""The most characters in a label or a source; a class name is shown in tables, mails and confusion matrices."""


class GivenLabel(NamedTuple):
    """A label for the live version of a staged file."""

    stage: str
    relative_path: str
    label: str
    source: str
    """Who or what gave it, e.g. person. Of an image that people were asked to label, how it was picked is kept."""


class _Unknown(NamedTuple):
    stage: str
    relative_path: str
    n_unknown: int


def add_labels(warehouse: Warehouse, labels: Sequence[GivenLabel], *, work_path: str) -> int:
    """Append labels of live images, all or none.

    Args:
        warehouse: A session, not in a transaction.
        labels: At most one label an image.
        work_path: Where the caller may put files below the work stage.

    Returns:
        The number of labels that are new: what an image is labelled as already, by the same source, is not repeated.

    Raises:
        LabelError: A label says nothing or is too long, an image is given two, or is not live in the catalog. Nothing
            is written.
    """
    started = time.monotonic()
    rows = sorted(set(labels))
    _check(rows)

    def insert() -> int:
        unknown = warehouse.fetch("labels/select_unknown_images", _Unknown)
        if unknown:
            listed = ", ".join(f"{row.relative_path} of stage {row.stage}" for row in unknown)
            more = ", …" if unknown[0].n_unknown > len(unknown) else ""
            raise LabelError(
                f"{unknown[0].n_unknown} of {len(rows)} labels are for images that are not in the catalog: {listed}"
                f"{more}. No label was written; correct the paths, or run inference first, which takes new images up"
            )
        return warehouse.run("labels/insert_labels")

    with loaded_rows(warehouse, LOADED_LABELS, rows, work_path=work_path):
        n_new = warehouse.alone(insert)
    log.info("%d of %d labels are new, in %.1f s", n_new, len(rows), time.monotonic() - started)
    return n_new


def _check(labels: Sequence[GivenLabel]) -> None:
    """Refuse labels that say nothing, or contradict each other."""
    known: dict[tuple[str, str], GivenLabel] = {}
    for given in labels:
        image = f"{given.relative_path} of stage {given.stage}"
        for field, text in (("label", given.label), ("source", given.source)):
            if not text.strip():
                raise LabelError(f"the {field} of {image} is empty: say what it shows, or leave the image out")
            if text != text.strip() or not text.isprintable():
                raise LabelError(
                    f"the {field} of {image} is {text[:20]!r}: it would be a class of its own; leave out the white "
                    "space around it, and what cannot be printed"
                )
            if len(text) > MAX_LENGTH:
                raise LabelError(
                    f"the {field} of {image} has {len(text)} characters ({text[:20]}…), at most {MAX_LENGTH} fit in"
                )
        other = known.setdefault((given.stage, given.relative_path), given)
        if other != given:
            raise LabelError(
                f"{image} is given two labels, {other.label!r} ({other.source}) and {given.label!r} ({given.source}): "
                "an image has one"
            )
