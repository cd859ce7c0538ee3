"""What a person looks at after a check: the verdict with its figures, and Evidently's pictures of both sides.

Evidently shows, it does not decide: its own thresholds alarm at some sizes of a sample and never at others.
"""

import logging
import os
import time
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from numpy.typing import NDArray

from include.drift.thresholds import Comparison
from include.drift.verdict import Decision
from include.models.baseline import Baseline, total_counts
from include.store.files import FileStore

if TYPE_CHECKING:  # half a second to import
    import pandas as pd

log = logging.getLogger(__name__)

MAX_ROWS = 5_000
"""The most answers that a side is drawn with, whatever it holds."""

_CONFIDENCE = "confidence"
_CLASS = "predicted class"
_COLOURS = {"STABLE": "#2f855a", "MIX_CHANGED": "#b7791f", "MODEL_REGRESSION": "#c53030", "DATA_DRIFT": "#c53030"}
_NEUTRAL = "#718096"
_NO_TAGS = {ord("<"): "\u2039", ord(">"): "\u203a"}
"""Single quotation marks, which look like them."""
_PICTURES_HEIGHT = 1320
"""Of Evidently's two pictures, in pixels: their frame cannot ask them."""
_TEMPLATES = Path(__file__).parent / "templates"


class _Row(NamedTuple):
    subject: str
    measure: str
    comparison: Comparison


def render_report(
    store: FileStore,
    *,
    check_id: str,
    pipeline: str,
    version: int,
    baseline: Baseline,
    window: Mapping[str, Sequence[int]],
    decision: Decision,
    confidences: Comparison,
    classes: Comparison,
) -> str:
    """Write the report of a check, one HTML file that needs nothing from the network; an earlier one is replaced.

    Args:
        store: The pipeline's files.
        check_id: The check: it names the file.
        pipeline: The pipeline's name.
        version: The champion that was checked.
        baseline: What its answers are compared with.
        window: Its answers, at least one: for every class the images in each bin of the baseline.
        decision: What was decided.
        confidences: What was compared.
        classes: What was compared.

    Returns:
        The file's place in the store.

    Raises:
        StoreError: It cannot be written.
    """
    started = time.monotonic()
    n_rows = min(MAX_ROWS, max(confidences.n_images, confidences.n_baseline))
    pictures = _pictures(
        current=_answers(window, edges=baseline.edges, n_rows=n_rows),
        reference=_answers(baseline.counts_by_class, edges=baseline.edges, n_rows=n_rows),
    )
    page = _template().render(
        check_id=check_id,
        pipeline=pipeline,
        version=version,
        at=datetime.now(UTC),
        verdict=decision.verdict,
        action=decision.action,
        reasons=decision.reasons,
        colour=_COLOURS.get(decision.verdict, _NEUTRAL),
        rows=[
            _Row("confidences", "Wasserstein-1, in standard deviations of the baseline", confidences),
            _Row("predicted classes", "total variation", classes),
        ],
        n_rows=n_rows,
        height=_PICTURES_HEIGHT,
        pictures=pictures,
    )
    path = f"reports/{check_id}.html"
    content = page.encode()
    store.write(path, content)
    log.info("wrote %s, %.1f MB, in %.1f s", path, len(content) / 1e6, time.monotonic() - started)
    return path


@cache
def _template() -> Template:
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("report.html.j2")


def _pictures(*, current: "pd.DataFrame", reference: "pd.DataFrame") -> str:
    """Return Evidently's page: both columns, of both sides, without a verdict."""
    # Evidently's services report their use to its makers; no part of it may.
    os.environ.setdefault("DO_NOT_TRACK", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas' and numpy's advice to Evidently
        from evidently import DataDefinition, Dataset, Report
        from evidently.metrics import MeanValue, UniqueValueCount

        definition = DataDefinition(numerical_columns=[_CONFIDENCE], categorical_columns=[_CLASS])
        report = Report([MeanValue(column=_CONFIDENCE), UniqueValueCount(column=_CLASS)], include_tests=False)
        snapshot = report.run(
            Dataset.from_pandas(current, data_definition=definition),
            Dataset.from_pandas(reference, data_definition=definition),
        )
        page: str = snapshot.get_html_str(as_iframe=False)
    return page


def _answers(counts_by_class: Mapping[str, Sequence[int]], *, edges: Sequence[float], n_rows: int) -> "pd.DataFrame":
    """Return answers that have the given counts, scaled: each column by itself, as they are only shown by themselves.

    The confidences of a bin lie evenly in it. All at its midpoint, they would fall into every other bin of a picture
    whose bins are not these.
    """
    import pandas as pd

    confidence_counts = scaled(total_counts(counts_by_class, n_bins=len(edges) - 1), n_rows=n_rows)
    bins = zip(edges[:-1], edges[1:], confidence_counts, strict=True)
    confidences = [low + (np.arange(n) + 0.5) / n * (high - low) for low, high, n in bins if n]
    class_counts = scaled([sum(counts) for counts in counts_by_class.values()], n_rows=n_rows)
    labels = np.repeat(np.array([_shown(label) for label in counts_by_class], dtype=object), class_counts)
    return pd.DataFrame({_CONFIDENCE: np.concatenate(confidences), _CLASS: labels})


def scaled(counts: Sequence[int], *, n_rows: int) -> NDArray[np.int64]:
    """Return counts in the same proportions that sum to `n_rows`; what is left over goes to the largest remainders."""
    exact = np.asarray(counts, dtype=np.float64) * (n_rows / sum(counts))
    whole = np.floor(exact).astype(np.int64)
    largest_first = np.argsort(whole - exact, kind="stable")
    whole[largest_first[: n_rows - int(whole.sum())]] += 1
    return whole


def _shown(label: str) -> str:
    """Return a class's name as Evidently may get it, which puts it into a script as it is: without tags."""
    return label.translate(_NO_TAGS)
