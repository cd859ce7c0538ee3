"""What the mails say that tell of runs which ended early: what failed or is broken, what is kept, and the next step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from include.notify.mail import Message

if TYPE_CHECKING:  # a task that only tells something needs none of what they import
    from include.catalog.broken import Judgement

Links = Sequence[tuple[str, str]]

_N_NAMED_TASKS = 10
"""How many failed tasks a mail names."""
_N_NAMED_REASONS = 5
"""How many reasons a mail names why images cannot be decoded."""


def failed(pipeline: str, *, dag_id: str, run_id: str, tasks: Sequence[str], links: Links) -> Message:
    """Tell that a run has failed.

    Args:
        pipeline: Its name.
        dag_id: The DAG.
        run_id: The run, as Airflow names it.
        tasks: The tasks that failed, as Airflow names them; none are known when the run itself was ended.
        links: Where to look.
    """
    named = ", ".join(tasks[:_N_NAMED_TASKS])
    more = f" and {len(tasks) - _N_NAMED_TASKS} more" if len(tasks) > _N_NAMED_TASKS else ""
    happened = f"{named}{more} failed in run {run_id} of {dag_id}." if tasks else f"Run {run_id} of {dag_id} failed."
    return Message(
        pipeline=pipeline,
        kind="failed",
        headline=f"a run of {dag_id} failed",
        sentences=(
            happened,
            "What the run had committed until then is kept; what is missing comes with the next run.",
        ),
        actions=(
            "Read the end of the failed task's log: it names the cause, and the next step.",
            "Then clear the failed tasks in Airflow, or start the DAG again: a step that is repeated changes nothing "
            "twice.",
        ),
        facts=(("DAG", dag_id), ("Run", run_id), ("Failed tasks", f"{named}{more}" or "unknown")),
        links=tuple(links),
    )


def broken_images(
    pipeline: str,
    judgement: Judgement,
    *,
    dag_id: str,
    run_id: str,
    max_bad_fraction: float,
    is_training: bool,
    links: Links,
) -> Message:
    """Tell that a run has stopped because too many of its images cannot be decoded.

    Args:
        pipeline: Its name.
        judgement: Of the run's images.
        dag_id: The DAG.
        run_id: The run, as Airflow names it.
        max_bad_fraction: The share that is let pass.
        is_training: Whether it is a training run, which needs all images of its snapshot.
        links: Where to look.
    """
    repair = (
        "Put repaired files into the stage, under the same names or others: a file whose content has changed is a new "
        "image. Or remove them."
    )
    if is_training:
        follows = (
            "Nothing was trained, and the champion is what it was. Broken images stay in the data set, so every "
            "training run stops here until they are repaired or removed."
        )
        then = f"Then `./driftgate train {pipeline}` trains on what is there."
    else:
        follows = (
            "No answer of this run was written, and no drift was checked. The broken images are in quarantine, and no "
            "longer wait for an answer; the readable ones do, and the next run answers them."
        )
        then = f"`./driftgate infer {pipeline}` answers the readable ones now."
    return Message(
        pipeline=pipeline,
        kind="broken",
        headline=f"images are broken: {judgement.n_bad:,} of {judgement.n_images:,} cannot be decoded",
        sentences=(
            f"{judgement.sentence}. That is not a few bad files: images.max_bad_fraction allows "
            f"{max_bad_fraction:.1%}. Run {run_id} of {dag_id} has stopped.",
            follows,
        ),
        reasons=tuple(reason.sentence for reason in judgement.reasons[:_N_NAMED_REASONS]),
        actions=(
            "Look at some of them, and at what sends them. QUARANTINE has each one with its reason.",
            repair,
            then,
            "If so many are normal here, raise images.max_bad_fraction in the pipeline file.",
        ),
        facts=(
            ("DAG", dag_id),
            ("Run", run_id),
            ("Images", f"{judgement.n_images:,}"),
            ("Undecodable", f"{judgement.n_bad:,} ({judgement.bad_fraction:.1%})"),
            ("Allowed", f"{max_bad_fraction:.1%}"),
        ),
        links=tuple(links),
    )
