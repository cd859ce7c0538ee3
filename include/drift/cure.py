"""Whether a challenger cures the drift that it was trained for: it answers the images in which the drift was found."""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.catalog.keys import ImageKey
from include.config import PipelineConfig
from include.drift.acceptance import read_accepted_images
from include.drift.arbiter.reasons import what_was_found
from include.drift.arbiter.verdict import Evidence, decide
from include.drift.checks import DriftedWindow, read_drifted_window
from include.drift.curing import CureEvidence, compare_estimates, compare_right, judge_cure
from include.drift.statistics.accuracy import Realised
from include.drift.statistics.measuring import WindowEvidence, measure_window
from include.drift.statistics.window import MAX_FEATURES, WindowCounts
from include.models.baseline import CONFIDENCE_EDGES, Baseline, count_confidences
from include.models.gate import Cure
from include.registry.baselines import read_baseline
from include.registry.cures import find_cure, insert_cure
from include.store.files import FileStore
from include.warehouse.session import Warehouse

if TYPE_CHECKING:  # a window that is gone asks nobody
    from include.drift.asking import SecondAnswers

log = logging.getLogger(__name__)

MIN_IMAGES = 20
"""With fewer images left of the window, nothing can be said about the challenger."""


class _AnsweredImage(NamedTuple):
    stage: str
    relative_path: str
    etag: str
    type: str
    confidence: float
    features: str | None
    label: str | None
    n_window: int
    n_trained_on: int

    @property
    def key(self) -> ImageKey:
        return ImageKey(self.stage, self.relative_path, self.etag)


@dataclass(frozen=True, kw_only=True)
class _Task:
    """What every step of a check needs."""

    warehouse: Warehouse
    store: FileStore
    config: PipelineConfig
    version: int
    check_id: str
    run_id: str
    work_path: str

    @property
    def seed(self) -> int:
        """A check that is tried again draws the same."""
        return int(self.check_id, 16)


def check_cure(
    warehouse: Warehouse,
    store: FileStore,
    config: PipelineConfig,
    *,
    version: int,
    check_id: str,
    run_id: str,
    work_path: str,
) -> Cure:
    """Let a challenger answer the window whose drift it was trained for, and store what that shows.

    Images that the challenger or the champion was trained on are left out, by content. A version and a check are looked
    at once: where the result is stored already, it is returned unchanged.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        config: The run's config.
        version: The challenger, registered.
        check_id: The drift check that asked for it.
        run_id: The run that trained it.
        work_path: Where this try of the task may put files below the work stage.

    Raises:
        ArtefactError: There is no such version.
    """
    stored = find_cure(warehouse, version=version, check_id=check_id)
    if stored is not None:
        return stored
    started = time.monotonic()
    task = _Task(
        warehouse=warehouse,
        store=store,
        config=config,
        version=version,
        check_id=check_id,
        run_id=run_id,
        work_path=work_path,
    )
    found = _look(task)
    if isinstance(found, str):
        unknown = f"whether version {version} cures the drift of check {check_id} was not checked: {found}"
        cure, evidence = Cure(check_id=check_id, cures=None, reasons=(unknown,)), {}
    else:
        cure, evidence = judge_cure(found, check_id=check_id), asdict(found)
    cure = insert_cure(warehouse, cure, version=version, evidence=evidence, run_id=run_id)
    log.info("the cure by version %d was checked in %.1f s", version, time.monotonic() - started)
    return cure


def _look(task: _Task) -> CureEvidence | str:
    """Return what the window shows, or why it shows nothing."""
    window = read_drifted_window(task.warehouse, task.check_id)
    if window is None:
        return "no window of answers is known in which that drift was found"
    from include.drift.asking import MAX_IMAGES, ask_version

    images = task.warehouse.fetch(
        "drift/select_cure_images",
        _AnsweredImage,
        version=window.version,
        first_commit_seq=window.first_commit_seq,
        last_commit_seq=window.last_commit_seq,
        challenger=task.version,
        n_images=MAX_IMAGES,
    )
    if len(images) < MIN_IMAGES:
        return _too_few(len(images), "are left without those that it or the champion was trained on")
    answers = ask_version(
        task.warehouse,
        task.store,
        task.config,
        [image.key for image in images],
        version=task.version,
        run_id=task.run_id,
        work_path=task.work_path,
    )
    n_answered = len(answers.keys) if answers else 0
    if answers is None or n_answered < MIN_IMAGES:
        return _too_few(n_answered, "can still be answered")
    image_of = {image.key: image for image in images}
    asked = [image_of[key] for key in answers.keys]
    return _compared(task, window, asked, answers)


def _too_few(n_images: int, which: str) -> str:
    return f"{n_images} images of its window {which}, {MIN_IMAGES} are needed"


def _compared(
    task: _Task, window: DriftedWindow, images: Sequence[_AnsweredImage], answers: "SecondAnswers"
) -> CureEvidence | str:
    """Compare what both have answered to the same images."""
    baseline = read_baseline(task.warehouse, task.version)
    if baseline is None or not baseline.n_images:
        return f"version {task.version} has no baseline"
    labelled = [(image, answer) for image, answer in zip(images, answers.labels, strict=True) if image.label]
    champion_right = [image.type == image.label for image, _ in labelled]
    challenger_right = [answer == image.label for image, answer in labelled]
    own = _measured(task, baseline, answers.counts, challenger_right)
    theirs = _measured_champion(task, window.version, images, champion_right)
    by_labels = compare_right(champion_right, challenger_right)
    accuracy = theirs.accuracy if theirs else None
    by_estimates = compare_estimates(accuracy, own.accuracy, n_images=len(images))
    drift = task.config.drift.model_copy(update={"window": min(task.config.drift.window, len(images))})
    decision = decide(
        Evidence(version=task.version, n_images=len(images), window=own),
        drift=drift,
        retraining=task.config.retraining,
    )
    return CureEvidence(
        version=task.version,
        champion_version=window.version,
        n_window=images[0].n_window,
        n_trained_on=images[0].n_trained_on,
        n_images=len(images),
        better=by_labels or by_estimates,
        champion_is_trusted=by_labels is not None or accuracy is None or accuracy.is_trusted,
        own_verdict=decision.verdict,
        own_findings=what_was_found(task.version, own, drift),
    )


def _measured(task: _Task, baseline: Baseline, counts: WindowCounts, right: Sequence[bool]) -> WindowEvidence:
    return measure_window(
        baseline,
        counts,
        drift=task.config.drift,
        seed=task.seed,
        realised=Realised(n_images=len(right), n_right=sum(right)) if right else None,
        accepted=read_accepted_images(task.warehouse),
    )


def _measured_champion(
    task: _Task, version: int, images: Sequence[_AnsweredImage], right: Sequence[bool]
) -> WindowEvidence | None:
    """Measure the champion's stored answers to the same images; None: there is nothing to hold them against."""
    baseline = read_baseline(task.warehouse, version)
    valid = [image for image in images if 0 <= image.confidence <= 1]
    if baseline is None or not baseline.n_images or baseline.edges != CONFIDENCE_EDGES or not valid:
        return None
    labels = [image.type for image in valid]
    counts = WindowCounts(
        counts_by_class=count_confidences(
            [image.confidence for image in valid], labels, classes=sorted({*baseline.counts_by_class, *labels})
        ),
        features=_features(valid[:MAX_FEATURES]),
    )
    return _measured(task, baseline, counts, right)


def _features(images: Sequence[_AnsweredImage]) -> NDArray[np.float32]:
    rows = [json.loads(image.features) for image in images if image.features]
    return np.array(rows, dtype=np.float32) if rows else np.empty((0, 0), dtype=np.float32)
