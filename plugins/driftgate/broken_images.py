"""Stop a run whose images are broken, and tell people so: once, with the reasons, where it is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from driftgate.failures import TOLD, close_and_tell, failed_sentence, failed_tasks
from driftgate.operators.pipeline import PipelineTask

if TYPE_CHECKING:
    from include.catalog.broken import Judgement


def stop_on_broken_batches(task: PipelineTask, *, n_answers: int) -> None:
    """Stop an inference run if too many of the images that it has planned cannot be decoded.

    Args:
        task: Of the run, after `plan`.
        n_answers: How many of the images were answered.

    Raises:
        BrokenImagesError: So many cannot; RUNS and a mail tell it.
    """
    from include.catalog.broken import MIN_BAD_IMAGES, judge_batches
    from include.store.batches import Batch

    batches = [Batch.from_json(batch) for batch in task.context["ti"].xcom_pull(task_ids="plan") or ()]
    if sum(batch.n_images for batch in batches) - n_answers < MIN_BAD_IMAGES:
        return
    # a batch whose file is lost has failed before its images were looked at
    paths = [batch.path for batch in batches if task.store.exists(batch.path)]
    files = [task.store.local_path(path) for path in paths]
    _stop(task, judge_batches(task.warehouse, files, work_path=task.work_path), about={"batches": paths})


def stop_on_broken_snapshot(task: PipelineTask, *, snapshot_id: str) -> None:
    """Stop a training run if too many of its images cannot be decoded.

    Args:
        task: Of the run, after `preprocess`.
        snapshot_id: The run's snapshot.

    Raises:
        BrokenImagesError: So many cannot; RUNS and a mail tell it.
    """
    from include.catalog.broken import judge_snapshot

    _stop(task, judge_snapshot(task.warehouse, snapshot_id=snapshot_id), about={"snapshot_id": snapshot_id})


def _stop(task: PipelineTask, judgement: Judgement, *, about: dict[str, Any]) -> None:
    from include.catalog.broken import BROKEN_IMAGES, refuse_broken
    from include.errors import BrokenImagesError

    try:
        refuse_broken(judgement, max_bad_fraction=task.config.images.max_bad_fraction)
    except BrokenImagesError:
        outcome = f"{BROKEN_IMAGES}: {judgement.sentence}"
        failed = failed_tasks(task.context)
        others = [failed_sentence(task.context, failed)] if failed else []
        close_and_tell(task.warehouse, task.context, "broken", about=about, outcome="; ".join([outcome, *others]))
        # last: if this task is ended before, it is told of as any other that failed
        task.context["ti"].xcom_push(key=TOLD, value=outcome)
        raise
