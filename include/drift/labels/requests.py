"""Which images people are asked to label: a random sample of the window, and those that teach the next model most."""

import hashlib
import logging
import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.catalog.requested import INFORMATIVE, RANDOM, LabelRequest, RequestKind, read_requests
from include.config import PipelineConfig
from include.drift.checks import DriftCheck, read_drifted_window
from include.drift.labels.informative import most_informative
from include.drift.labels.novelty import read_novelties
from include.warehouse.loading import LOADED_REQUESTS, loaded_rows
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

RANDOM_SHARE = 0.3
"""Of the requests. Their labels alone say how accurate the version is on the window: those of images that were picked
because the version doubts show it worse than it is."""
MAX_CANDIDATES = 1_000
"""The most images of a window that are looked at for their doubt, and as many again, at random, for their novelty."""


class _Count(NamedTuple):
    n: int


class _Candidate(NamedTuple):
    stage: str
    relative_path: str
    etag: str
    type: str
    confidence: float
    features: str | None
    sample_rank: int
    n_available: int


class _Picked(NamedTuple):
    candidate: _Candidate
    kind: RequestKind
    novelty: float | None


def request_labels(
    warehouse: Warehouse, config: PipelineConfig, check: DriftCheck, *, work_path: str
) -> list[LabelRequest]:
    """Pick the images that people are asked to label because of a check, once.

    They are of the check's window; a check that has consumed none asks about the window of the drift that is open. Of
    a window that was drawn from before there is no random sample any more, as the informative ones are missing.

    Args:
        warehouse: A session, not in a transaction.
        config: The run's config.
        check: The check that asks.
        work_path: Where this try of the task may put files below the work stage.

    Returns:
        The requests in the order of their numbers; those that are stored already, if the check has asked before. None:
        there is no image in the window that could be asked about.
    """
    started = time.monotonic()
    stored = read_requests(warehouse, check.check_id)
    if stored:
        return stored
    window = read_drifted_window(warehouse, check.check_id)
    if window is None:
        log.warning("check %s has no window to ask about", check.check_id)
        return []
    answers: dict[str, Any] = {
        "version": window.version,
        "first_commit_seq": window.first_commit_seq,
        "last_commit_seq": window.last_commit_seq,
    }
    candidates = warehouse.fetch(
        "labels/select_candidates", _Candidate, check_id=check.check_id, n_images=MAX_CANDIDATES, **answers
    )
    if not candidates:
        log.warning("there is no image left in the window of check %s to ask about", check.check_id)
        return []
    novelties = read_novelties(warehouse, window.version, [candidate.features for candidate in candidates])
    n_wanted = min(config.retraining.label_requests, candidates[0].n_available)
    is_drawn = warehouse.fetch("labels/count_requested_answers", _Count, **answers)[0].n > 0
    n_random = 0 if is_drawn else math.ceil(RANDOM_SHARE * n_wanted)
    picked = _pick(candidates, novelties, n_wanted=n_wanted, n_random=n_random)
    rows = [
        (c.stage, c.relative_path, c.etag, kind, c.type, c.confidence, novel, place)
        for place, (c, kind, novel) in enumerate(sorted(picked, key=_order), start=1)
    ]
    with loaded_rows(warehouse, LOADED_REQUESTS, rows, work_path=work_path):
        warehouse.alone(
            lambda: warehouse.run("labels/insert_requests", check_id=check.check_id, version=window.version)
        )
    requests = read_requests(warehouse, check.check_id)
    log.info(
        "check %s asks for the labels of %d of %d images, %d of them at random, in %.1f s",
        check.check_id,
        len(requests),
        candidates[0].n_available,
        sum(request.kind == RANDOM for request in requests),
        time.monotonic() - started,
    )
    return requests


def _pick(
    candidates: Sequence[_Candidate], novelties: NDArray[np.float64], *, n_wanted: int, n_random: int
) -> list[_Picked]:
    """Take the first ones of the random order, and of the others the most informative."""
    places = range(len(candidates))
    sample = [place for place in places if candidates[place].sample_rank <= n_random]
    others = [place for place in places if candidates[place].sample_rank > n_random]
    best = most_informative(
        [candidates[place].type for place in others],
        np.array([candidates[place].confidence for place in others], dtype=np.float64),
        novelties[others],
        n_wanted - len(sample),
    )
    chosen: list[tuple[int, RequestKind]] = [(place, RANDOM) for place in sample]
    chosen += [(others[place], INFORMATIVE) for place in best]
    return [
        _Picked(candidates[place], kind, float(novelties[place]) if np.isfinite(novelties[place]) else None)
        for place, kind in chosen
    ]


def _order(picked: _Picked) -> tuple[str, str]:
    """Put images of one predicted class beside each other, so that a stranger among them shows; else as by chance."""
    key = "/".join(picked.candidate[:3])
    return picked.candidate.type, hashlib.sha256(key.encode()).hexdigest()
