"""Whether the approval of a promotion still holds: `promote` asks, after the people have answered."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from include.errors import ArtefactError
from include.models.gate import GateResult
from include.registry.approvals.answers import AnswerEvent, n_approvals, read_answers
from include.registry.approvals.evidence import Digests, PromotionEvidence, digest_version
from include.registry.approvals.requests import Request, find_request, request_id_of
from include.registry.ledger import (
    DRIFTGATE,
    NO_CHAMPION_SEQ,
    append_event,
    champion_event_seq,
    read_champion,
    read_events,
)
from include.warehouse.session import Warehouse

_BOUND_TO = (
    ("weights", "the weights in the stage MODELS are others"),
    ("card", "the card in the stage MODELS is another"),
    ("snapshot", "the images or labels in SNAPSHOT_IMAGES are others"),
    ("evaluation", "the evaluation in METRICS is another"),
)


class Objection(NamedTuple):
    """Why an approved challenger is not promoted."""

    outcome: Literal["STALE_APPROVAL", "NOT_APPROVED"]
    reason: str


def object_to_promotion(
    warehouse: Warehouse, *, run_id: str, version: int, compared_event_seq: int, result: GateResult
) -> Objection | None:
    """Return why a challenger must not be promoted, and append that to the ledger, once; None: its approval holds.

    Args:
        warehouse: A session, not in a transaction.
        run_id: The run that promotes.
        version: The challenger.
        compared_event_seq: The event of the champion that it was compared with.
        result: What the gate says of it now.
    """
    request = find_request(warehouse, request_id_of(run_id, "promotion"))
    if request is None:
        # nobody is asked about one that is refused anyway
        had_to_ask = result.passed and champion_event_seq(warehouse) == compared_event_seq
        objection = _never_asked(run_id, version) if had_to_ask else None
    else:
        answers = read_answers(warehouse, request.request_id)
        if answers and answers[-1].event == "REJECTED":
            return _known_rejection(request, answers)
        objection = _object_to_answers(request, answers) or _stale(warehouse, request, version=version, result=result)
    if objection is None:
        return None
    return _reject(
        warehouse, objection, version=version, run_id=run_id, request_id=request.request_id if request else None
    )


def _known_rejection(request: Request, answers: Sequence[AnswerEvent]) -> Objection:
    """Return what a rejection in the ledger means: one by the rules after all approvals is an earlier try's."""
    is_stale = n_approvals(answers) >= request.n_needed and answers[-1].actor == DRIFTGATE
    return Objection("STALE_APPROVAL" if is_stale else "NOT_APPROVED", answers[-1].reason)


def _object_to_answers(request: Request, answers: Sequence[AnswerEvent]) -> Objection | None:
    if n_approvals(answers) >= request.n_needed:
        return None
    return Objection(
        "NOT_APPROVED",
        f"version {request.version} has {n_approvals(answers)} of {request.n_needed} approvals that are needed: a task "
        "that asks for them was skipped or marked by hand",
    )


def _stale(warehouse: Warehouse, request: Request, *, version: int, result: GateResult) -> Objection | None:
    found = _differences(warehouse, request, version=version, result=result)
    if not found:
        return None
    return Objection(
        "STALE_APPROVAL",
        f"what was approved is not what would be promoted: {'; '.join(found)}; train again to ask again",
    )


def _differences(warehouse: Warehouse, request: Request, *, version: int, result: GateResult) -> list[str]:
    """Return what is not as it was shown, a sentence each."""
    shown = PromotionEvidence.from_json(dict(request.evidence))
    found = _changed_champion(warehouse, request, shown)
    if version != request.version:
        return [*found, f"version {request.version} was approved, not version {version}"]
    try:
        found += _changed_digests(shown.digests, digest_version(warehouse, version))
    except ArtefactError as error:
        found.append(str(error))
    if result.reasons != shown.gate_reasons:
        found.append(f"the gate said otherwise; now it says: {result.reason}")
    return found


def _changed_digests(then: Digests, now: Digests) -> list[str]:
    return [
        f"{what} (SHA-256 {getattr(then, name)[:12]}… when it was shown, {getattr(now, name)[:12]}… now)"
        for name, what in _BOUND_TO
        if getattr(then, name) != getattr(now, name)
    ]


def _changed_champion(warehouse: Warehouse, request: Request, shown: PromotionEvidence) -> list[str]:
    champion = read_champion(warehouse)
    now = champion.event_seq if champion else NO_CHAMPION_SEQ
    if now == request.champion_event_seq:
        return []
    before = "there was no champion"
    if shown.champion_version is not None:
        before = f"the champion was version {shown.champion_version} (event {request.champion_event_seq})"
    return [f"{before}, and now it is {f'version {champion.version}' if champion else 'none'} (event {now})"]


def _never_asked(run_id: str, version: int) -> Objection:
    return Objection(
        "NOT_APPROVED",
        f"promotion.approval asks for an approval, and run {run_id} has put no request for version {version}: a task "
        "was skipped by hand",
    )


def _reject(
    warehouse: Warehouse, objection: Objection, *, version: int, run_id: str, request_id: str | None
) -> Objection:
    """Append that the rules reject it, once for a run."""

    def append() -> None:
        events = read_events(warehouse, version)
        if not any(e.event == "REJECTED" and e.actor == DRIFTGATE and e.run_id == run_id for e in events):
            append_event(
                warehouse, "REJECTED", version=version, run_id=run_id, reason=objection.reason, request_id=request_id
            )

    warehouse.alone(append)
    return objection
