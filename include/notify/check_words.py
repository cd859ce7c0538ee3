"""What a drift check means in words: what was found, what follows, and what the reader can do now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.notify.check_facts import jumped_statistics

if TYPE_CHECKING:  # a task that only tells something needs none of what they import
    from include.drift.checks import DriftCheck

_UNDECODABLE = "undecodable"


def headline(check: DriftCheck) -> str:
    """Return the check in a few words."""
    version = check.version
    if check.action == "ROLL_BACK":
        return f"version {version} got worse, the previous one takes over again"
    found = {
        "BROKEN_IMAGES": "the new images look broken",
        "CONCEPT_DRIFT": f"version {version} is wrong more often",
        "MODEL_REGRESSION": f"version {version} got worse",
        "INSUFFICIENT_DATA": f"version {version} gives answers that cannot be judged",
    }.get(check.verdict, f"drift of version {version}")
    if check.action == "REQUEST_RETRAINING":
        return f"{found}, a retraining is asked for"
    if wants_labels(check):
        return f"{found}, labels are wanted"
    return f"{found}, nothing was started"


def what_was_found(check: DriftCheck) -> str:
    """Return what has happened, in a sentence."""
    version, images = check.version, f"{check.n_images:,} new image{'' if check.n_images == 1 else 's'}"
    if not _has_window(check):
        if check.action == "REQUEST_LABELS":
            return f"An earlier check has found drift in the answers of version {version}, which waits for labels."
        return f"Labels have arrived for the drift that an earlier check found in the answers of version {version}."
    found = {
        "BROKEN_IMAGES": f"Of {images}, the pictures are unlike those that version {version} was accepted on: "
        f"{_jumped_words(check)}.",
        "CONCEPT_DRIFT": "The new images look as they always did, but labels show that "
        f"version {version} is wrong about more of them than when it was accepted.",
        "MODEL_REGRESSION": f"Version {version} does worse on {images} than the version before it would.",
        "INSUFFICIENT_DATA": f"Most answers of version {version} to {images} have a confidence that is no "
        "number from 0 to 1.",
    }
    otherwise = f"The answers of version {version} to {images} no longer look like those of the day it was accepted."
    return found.get(check.verdict, otherwise)


def what_follows(check: DriftCheck) -> str:
    """Return what is done about it."""
    if check.action == "ROLL_BACK":
        return (
            "The previous version still looks at home on the same images, so it is champion again: another mail tells "
            "what that changes."
        )
    if check.action == "REQUEST_RETRAINING":
        return (
            "A training run follows. If the pipeline asks a person first (retraining.mode approval), it waits, and "
            "another mail asks for the answer."
        )
    unchanged = f"Nothing was started: version {check.version} stays champion, and goes on answering."
    if check.verdict == "BROKEN_IMAGES":
        return f"{unchanged} As long as they look so, nothing is retrained and nothing rolled back because of them."
    return unchanged


def what_to_do(pipeline: str, check: DriftCheck) -> tuple[str, ...]:
    """Return what the reader can do now; commands stand in backticks."""
    if check.action == "ROLL_BACK":
        return ("Nothing has to be done now.", "Find out what the version was trained on that made it worse.")
    if check.verdict == "BROKEN_IMAGES":
        return _mend_or_accept(pipeline, check)
    back = f'`./driftgate rollback {pipeline} --reason "…"` restores the previous version'
    if check.verdict == "INSUFFICIENT_DATA":
        return (
            "Find out what the model answers: such confidences come from a broken training or a broken file.",
            f"{back}, if there is one.",
        )
    look = "Look at some of the new images: if they are broken, mend what sends them, and do not train on them."
    if check.action == "REQUEST_RETRAINING":
        then: tuple[str, ...] = ()
    elif wants_labels(check):
        then = (_label(pipeline, check),)
    else:
        train = f'`./driftgate train {pipeline} --reason "…"` trains a new model now.'
        then = (train, f"{back}.") if "previous" in check.statistics else (train,)
    return (look, *then)


def wants_labels(check: DriftCheck) -> bool:
    """Whether there are too few labels for what should follow."""
    n_new, n_needed = check.statistics.get("n_new_labels", 0), check.thresholds.get("min_new_labels", 0)
    is_drift = check.verdict in {"DATA_DRIFT", "CONCEPT_DRIFT"}
    return is_drift and (check.action == "REQUEST_LABELS" or (check.action == "ALERT" and bool(n_new < n_needed)))


def missing_labels(check: DriftCheck) -> str | None:
    """Return how many labels there are of those that are needed; None: nobody counted."""
    n_needed = check.thresholds.get("min_new_labels")
    if n_needed is None:
        return None
    return f"{check.statistics.get('n_new_labels', 0)} of {n_needed} new labels are there"


def _label(pipeline: str, check: DriftCheck) -> str:
    how = (
        f"Label what has changed: `./driftgate labels {pipeline} import FILE.csv` loads a file with the columns "
        "relative_path and label, or put files into the training stage."
    )
    counted = missing_labels(check)
    return f"{how} {counted}; with all of them the next inference run asks for the retraining." if counted else how


def _mend_or_accept(pipeline: str, check: DriftCheck) -> tuple[str, ...]:
    """A new camera can be declared normal, files that nobody can read cannot."""
    mend = "Look at some of the new images, and mend what sends them: the next check judges what comes then."
    if set(jumped_statistics(check)) <= {_UNDECODABLE}:
        return (mend, "QUARANTINE has each image that cannot be decoded, with its reason.")
    return (
        mend,
        "If they are as they should be from now on (a new camera, say): "
        f'`./driftgate accept {pipeline} {check.check_id} --reason "…"` declares them the new normal. Then they count '
        "as drift, and labels and a retraining can follow.",
    )


def _jumped_words(check: DriftCheck) -> str:
    of_images = [name.replace("_", " ") for name in jumped_statistics(check) if name != _UNDECODABLE]
    more = ["more of them cannot be decoded"] if _UNDECODABLE in jumped_statistics(check) else []
    jumped = [f"{_listed(of_images)} {'has' if len(of_images) == 1 else 'have'} jumped"] if of_images else []
    return ", and ".join([*jumped, *more]) or "the report says in what"


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _has_window(check: DriftCheck) -> bool:
    """Whether it has judged a window of its own, and not gone on with what an earlier check had found."""
    return check.verdict == "INSUFFICIENT_DATA" or "confidences" in check.statistics
