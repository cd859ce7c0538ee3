"""A version of the ledger, told in sentences."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # half a second to import
    from include.registry.history import Approval, RollbackEffect, VersionHistory


def moment(at: datetime) -> str:
    """Return a time as people read it."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def let_in(history: "VersionHistory") -> str:
    """Return who let a version into production, and when."""
    said = [_answer(approval) for approval in history.approvals]
    if history.promotion:
        said.append(f"promoted by {history.promotion.actor} on {moment(history.promotion.at)}")
    elif not said:
        return "nobody let it in"
    return ", ".join(said)


def origin(history: "VersionHistory") -> str:
    """Return what a version learnt from."""
    n = history.n_snapshot_images
    images = "" if n is None else f" ({n:,} images)"
    return f"snapshot {history.snapshot_id}{images}"


def version_story(history: "VersionHistory", *, name: str) -> Iterator[str]:
    """Tell all that the ledger knows of a version, a line each."""
    yield f"version {history.version} of {name}: {history.state}"
    yield from _training(history)
    yield from _measured(history)
    yield from _judged(history)
    yield from _answered(history)
    yield from _promoted(history)
    for rollback in history.rollbacks:
        yield _rollback(rollback)
    yield from _periods(history)


def _training(history: "VersionHistory") -> Iterator[str]:
    why = f", because: {history.run_reason}" if history.run_reason else ""
    asked = f"; drift check {history.check_id} asked for it" if history.check_id else ""
    yield f"trained on {moment(history.created_at)} in run {history.run_id}{why}{asked}"
    yield f"learnt from {origin(history)}, {history.n_training_images:,} of them to train on"
    weights = f", that of the weights {history.weights_sha256}" if history.weights_sha256 else ""
    yield f"files: {history.artifact_path} in stage MODELS; SHA-256 of the card {history.sha256}{weights}"


def _measured(history: "VersionHistory") -> Iterator[str]:
    if history.accuracy is None:
        yield "its accuracy was not measured"
        return
    images = f" on {history.n_test_images:,} images" if history.n_test_images is not None else ""
    figures = (("calibration error", history.calibration_error), ("log loss", history.log_loss))
    told = "".join(f", {what} {value:.3f}" for what, value in figures if value is not None)
    yield f"test accuracy {history.accuracy:.3f}{images}{told}"
    for of_class in history.classes:
        shares = (("recall", of_class.recall), ("precision", of_class.precision))
        told = ", ".join(f"{what} {'-' if share is None else f'{share:.3f}'}" for what, share in shares)
        yield f"  {of_class.label}: {told} ({of_class.n_images:,} images)"


def _judged(history: "VersionHistory") -> Iterator[str]:
    if history.gate is None:
        yield "the gate has not judged it"
        return
    verb = "passed" if history.gate.is_passed else "failed"
    yield f"gate {verb} on {moment(history.gate.at)}: {history.gate.reason}"


def _answered(history: "VersionHistory") -> Iterator[str]:
    if not history.approvals:
        yield "no person was asked about it"
    for approval in history.approvals:
        request = f" (request {approval.request_id})" if approval.request_id else ""
        why = f": {approval.reason}" if approval.reason else ""
        yield f"{_answer(approval)}{request}{why}"
        if approval.requested_at:
            yield f"  asked for on {moment(approval.requested_at)}"
        if approval.evidence is not None:
            yield "  what was shown:"
            yield from (f"    {line}" for line in _shown(approval.evidence))


def _answer(approval: "Approval") -> str:
    return f"{approval.kind} {approval.answer.lower()} by {approval.actor} on {moment(approval.at)}"


def _shown(evidence: Any, place: str = "") -> Iterator[str]:
    """Yield what a person was shown, a line for each value, named by its place."""
    if isinstance(evidence, Mapping):
        for key, value in evidence.items():
            yield from _shown(value, f"{place}.{key}" if place else str(key))
        return
    if isinstance(evidence, list) and not any(isinstance(value, Mapping | list) for value in evidence):
        value = ", ".join(map(str, evidence))
    else:
        value = evidence if isinstance(evidence, str) else json.dumps(evidence, ensure_ascii=False)
    yield f"{place}: {value}" if place else value


def _promoted(history: "VersionHistory") -> Iterator[str]:
    promotion = history.promotion
    if promotion is None:
        yield "never promoted"
        return
    over = "as the first champion" if promotion.over is None else f"in place of version {promotion.over}"
    why = f": {promotion.reason}" if promotion.reason else ""
    yield f"promoted on {moment(promotion.at)} by {promotion.actor}, {over}{why}"


def _rollback(rollback: "RollbackEffect") -> str:
    came = "" if rollback.from_version is None else f" from version {rollback.from_version}"
    why = f": {rollback.reason}" if rollback.reason else ""
    effect = "champion again" if rollback.effect == "RESTORED" else "recalled"
    went_back = f"by a rollback{came} to version {rollback.version}"
    return f"{effect} on {moment(rollback.at)} by {rollback.actor}, {went_back}{why}"


def _periods(history: "VersionHistory") -> Iterator[str]:
    for period in history.periods:
        end = f"until {moment(period.valid_to)}" if period.valid_to else "and still is"
        yield f"valid as champion from {moment(period.valid_from)} {end}"
