"""What a person looks at after a check: a page with verdict and figures, a picture for the mail, and the history.

The page is whole in itself. What it shows of both sides, Evidently draws; so it does for the history of checks, which
`evidently ui` shows from the store's workspace.
"""

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from include.config_parts import DriftConfig
from include.drift.arbiter.verdict import Decision, PreviousOnWindow
from include.drift.report.drawn_answers import drawn_sides
from include.drift.report.history import keep_snapshot, run_evidently
from include.drift.report.picture import draw_picture
from include.drift.report.tables import accuracy_rows, image_rows, mix_rows, signal_rows
from include.drift.report.titles import Tone, tone_of
from include.drift.statistics.measuring import WindowEvidence
from include.drift.statistics.window import WindowCounts
from include.evidently_pages import as_html
from include.models.baseline import Baseline
from include.store.files import FileStore
from include.store.reports import page_path

log = logging.getLogger(__name__)

_COLOURS: Mapping[Tone, str] = {"act": "#b5351b", "watch": "#8a5a00", "well": "#1a7f37", "none": "#59636e"}
_PICTURE_HEIGHT, _FRAME_HEIGHT = 586, 90
"""Of one of Evidently's pictures, and of what is around them, in pixels: their frame cannot ask them."""
_TEMPLATES = Path(__file__).parent / "templates"


def render_report(
    store: FileStore,
    *,
    check_id: str,
    pipeline: str,
    version: int,
    baseline: Baseline,
    window: WindowCounts,
    evidence: WindowEvidence,
    decision: Decision,
    drift: DriftConfig,
    seed: int,
    previous: PreviousOnWindow | None = None,
) -> str:
    """Write the report of a check: its page, its picture and its snapshot; those of an earlier try are replaced.

    Without its picture or its snapshot it still is a report: the log tells why there is none.

    Args:
        store: The pipeline's files.
        check_id: The check: it names the files.
        pipeline: The pipeline's name.
        version: The champion that was checked.
        baseline: What its answers are compared with.
        window: Its answers, at least one in a bin.
        evidence: What was measured.
        decision: What was decided.
        drift: What the measurements were held against.
        seed: Of the picture's draws.
        previous: What the version before it answers to the window, if it was asked.

    Returns:
        The page's place in the store.

    Raises:
        StoreError: The page cannot be written.
    """
    started = time.monotonic()
    with _dispensable("picture", check_id):
        draw_picture(
            store,
            check_id=check_id,
            pipeline=pipeline,
            version=version,
            baseline=baseline,
            window=window,
            signals=evidence.signals,
            decision=decision,
            false_alarm_rate=drift.false_alarm_rate,
            seed=seed,
        )
    sides = drawn_sides(baseline, window)
    at = datetime.now(UTC)
    snapshot = run_evidently(
        sides,
        name=f"{decision.verdict} of version {version}",
        at=at,
        tags=[decision.verdict, decision.action, f"version {version}"],
        metadata={"check": check_id, "images": str(window.n_images), "reasons": "; ".join(decision.reasons)},
    )
    path = page_path(check_id)
    page = _template().render(
        check_id=check_id,
        pipeline=pipeline,
        version=version,
        at=at,
        decision=decision,
        colour=_COLOURS[tone_of(decision.verdict)],
        signals=signal_rows(evidence),
        false_alarm_rate=drift.false_alarm_rate,
        moved_classes=evidence.moved_classes,
        accuracy=accuracy_rows(evidence, previous),
        separation=evidence.separation,
        min_drop=drift.min_accuracy_drop,
        images=image_rows(
            evidence,
            sides,
            undecodable_before=_undecodable(baseline.n_undecodable, baseline.n_images),
            undecodable_now=_undecodable(window.n_undecodable, window.n_images + window.n_invalid),
        ),
        is_accepted=evidence.is_accepted,
        mix=mix_rows(evidence, baseline),
        explains=evidence.mix is not None and evidence.mix.explains,
        n_rows=sides.n_rows,
        height=_FRAME_HEIGHT + _PICTURE_HEIGHT * (len(sides.numbers) + 1),
        pictures=as_html(snapshot),
    )
    store.write(path, page.encode())
    with _dispensable("snapshot", check_id):
        keep_snapshot(store, snapshot, pipeline=pipeline, check_id=check_id, numbers=sides.numbers)
    log.info("wrote %s, %.1f MB, in %.1f s", path, len(page) / 1e6, time.monotonic() - started)
    return path


def _undecodable(n_undecodable: int, n_decoded: int) -> float:
    return n_undecodable / (n_undecodable + n_decoded)


@contextmanager
def _dispensable(what: str, check_id: str) -> Iterator[None]:
    """Go on without a part whose libraries fail; their exceptions have no base in common."""
    try:
        yield
    except Exception:
        log.warning("check %s has no %s", check_id, what, exc_info=True)


@cache
def _template() -> Template:
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("report.html.j2")
