"""Labels that people have filled into a list, on their way into LABELS: all of a file or nothing of it."""

import difflib
import logging
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from include.catalog.label_lists import ListedLabel, read_list
from include.catalog.labels import GivenLabel, add_labels
from include.catalog.requested import INFORMATIVE, RANDOM, LabelRequest, read_requests
from include.config import PipelineConfig
from include.errors import LabelError
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

PERSON = "person"
"""The source of a label of which nobody says who gave it."""
_N_NAMED = 5
"""How many wrong lines an error names."""
_N_CLASSES = 30
"""How many known classes an error names."""


class ImportedLabels(NamedTuple):
    """What became of a list."""

    n_labels: int
    """Labels of the list that are in now."""
    n_new: int
    """Of these, what was not known before."""
    n_empty: int
    """Lines without a label."""
    outdated: tuple[str, ...]
    """Paths whose file is gone, or another one, since people were asked: what they saw is not what is there."""
    new_classes: tuple[str, ...]
    """Classes that nobody knew."""


class _Class(NamedTuple):
    label: str


class _Line(NamedTuple):
    """A label with the line that it stands in."""

    line: int
    given: GivenLabel


def import_labels(
    warehouse: Warehouse, config: PipelineConfig, content: bytes, *, allow_new_classes: bool, work_path: str
) -> ImportedLabels:
    """Load a list that people have filled in.

    A line with a check is an answer to its request, for the version of the file that was shown; any other is for the
    file at its path, of the incoming stage if the line names none.

    Args:
        warehouse: A session, not in a transaction.
        config: The pipeline.
        content: The CSV file.
        allow_new_classes: Whether a label may be a class that no version and no path knows.
        work_path: Where the caller may put files below the work stage.

    Raises:
        LabelError: Something in the list is wrong; nothing is loaded, and the message names the lines.
    """
    started = time.monotonic()
    listed = read_list(content)
    lines, outdated = _resolved(warehouse, config, listed.labels)
    _refuse_contradictions(lines)
    new_classes = _new_classes(warehouse, lines)
    if new_classes and not allow_new_classes:
        raise LabelError(_unknown_classes(warehouse, lines, new_classes))
    labels = sorted({line.given for line in lines})
    n_new = add_labels(warehouse, labels, work_path=work_path)
    log.info("%d labels of a list, %d of them new, in %.1f s", len(labels), n_new, time.monotonic() - started)
    return ImportedLabels(len(labels), n_new, listed.n_empty, outdated, tuple(new_classes))


def _resolved(
    warehouse: Warehouse, config: PipelineConfig, labels: Sequence[ListedLabel]
) -> tuple[list[_Line], tuple[str, ...]]:
    """Find the image of each line; those whose file is no longer the one that was shown are told apart."""
    requests = {
        check_id: read_requests(warehouse, check_id) for check_id in sorted({label.check_id for label in labels} - {""})
    }
    lines, outdated = [], []
    for label in labels:
        if label.check_id:
            request = _requested(label, requests[label.check_id])
            if not request.is_live:
                outdated.append(request.relative_path)
                continue
            stage, path = request.stage, request.relative_path
        else:
            stage, path = _stage(label, config), label.relative_path
            if not path:
                raise LabelError(f"line {label.line} names no image: give its relative_path, or check and number")
        lines.append(_Line(label.line, GivenLabel(stage, path, label.label, _source(label))))
    return lines, tuple(outdated)


def _requested(label: ListedLabel, requests: Sequence[LabelRequest]) -> LabelRequest:
    """Find the request that a line answers."""
    if not requests:
        raise LabelError(
            f"line {label.line}: check {label.check_id} has asked for no label; leave the column check empty for an "
            "image that nobody asked for"
        )
    of_number = [request for request in requests if not label.number or str(request.place) == label.number.strip()]
    found = [
        request
        for request in of_number
        if (not label.relative_path or request.relative_path == label.relative_path)
        and (not label.stage or request.stage == label.stage)
    ]
    if len(found) == 1:
        return found[0]
    if label.number and of_number:
        wanted = of_number[0].relative_path
        raise LabelError(
            f"line {label.line}: number {label.number} of check {label.check_id} is {wanted}, not "
            f"{label.relative_path or label.stage}"
        )
    named = f"number {label.number}" if label.number else label.relative_path or "an image without number and path"
    raise LabelError(f"line {label.line}: check {label.check_id} has not asked for {named}")


def _stage(label: ListedLabel, config: PipelineConfig) -> str:
    names = [config.stages.incoming.name, config.stages.training.name]
    if label.stage and label.stage not in names:
        raise LabelError(f"line {label.line}: the stages are {' and '.join(names)}, not {label.stage!r}")
    return label.stage or names[0]


def _source(label: ListedLabel) -> str:
    """Return who gave a label; how its image was picked is known from the request alone."""
    if label.check_id or not label.source:
        return PERSON
    if label.source in {RANDOM, INFORMATIVE}:
        raise LabelError(
            f"line {label.line}: the source {label.source!r} is for images that people were asked to label, and comes "
            "from the request; leave it empty, or say who gave the label"
        )
    return label.source


def _refuse_contradictions(lines: Sequence[_Line]) -> None:
    first: dict[tuple[str, str], _Line] = {}
    for line in lines:
        other = first.setdefault(line.given[:2], line)
        if other.given.label != line.given.label:
            raise LabelError(
                f"lines {other.line} and {line.line} give {line.given.relative_path} two labels, "
                f"{other.given.label!r} and {line.given.label!r}: an image has one"
            )


def _known_classes(warehouse: Warehouse) -> list[str]:
    return [row.label for row in warehouse.fetch("labels/select_known_classes", _Class)]


def _new_classes(warehouse: Warehouse, lines: Sequence[_Line]) -> list[str]:
    """Return the classes that nobody knows; where there are none at all, these are the first ones, and no mistake."""
    known = set(_known_classes(warehouse))
    return sorted({line.given.label for line in lines} - known) if known else []


def _unknown_classes(warehouse: Warehouse, lines: Sequence[_Line], unknown: Sequence[str]) -> str:
    known = _known_classes(warehouse)
    first = {line.given.label: line.line for line in reversed(lines)}
    named = ", ".join(f"{label!r} (line {first[label]}{_alike(label, known)})" for label in unknown[:_N_NAMED])
    more = f" and {len(unknown) - _N_NAMED} more" if len(unknown) > _N_NAMED else ""
    listed = ", ".join(map(repr, known[:_N_CLASSES])) + (", …" if len(known) > _N_CLASSES else "")
    return (
        f"nobody knows the class {named}{more}. No label was written; the known classes are {listed}. If it is a class "
        "that the next model is to learn, say --new-classes"
    )


def _alike(label: str, known: Sequence[str]) -> str:
    """Return the known class that was probably meant."""
    folded: Mapping[str, str] = {name.casefold(): name for name in known}
    close = difflib.get_close_matches(label.casefold(), folded, n=1)
    return f", perhaps {folded[close[0]]!r}" if close else ""
