"""The page that a person looks at after a check."""

import subprocess
import sys
import warnings
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from include.drift.report import MAX_ROWS, render_report, scaled
from include.drift.thresholds import Comparison
from include.drift.verdict import Decision
from include.models.baseline import CONFIDENCE_EDGES, Baseline, count_confidences
from include.store.files import FileStore

EVIL = "<b>x</b></script><script>alert('a class')</script>"
CLASSES = ("shirt", "trousers", EVIL)
REASON = f"answers of class {EVIL} & others differ"
LOADING = {"src", "href", "action", "data", "poster", "background", "formaction"}
"""Attributes that name something which a browser loads."""


class Page(HTMLParser):
    """What a browser makes of a page: its words, and what it would load."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.words: list[str] = []
        self.loads: list[str] = []
        self.frame: dict[str, str] = {}
        self.policy = ""
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        attributes = {name: value or "" for name, value in attrs}
        self.loads += [attributes[name] for name in LOADING & attributes.keys()]
        if tag == "iframe":
            self.frame = attributes
        if attributes.get("http-equiv") == "Content-Security-Policy":
            self.policy = attributes["content"]

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def compared(n_images: int, distance: float) -> Comparison:
    return Comparison(distance=distance, threshold=0.1824, p_value=0.0005, n_images=n_images, n_baseline=356)


def render(store: FileStore, *, n_images: int = 200, check_id: str = "00c0ffee", classes: int = 3) -> str:
    """Render the report of a window of less sure answers."""
    rng = np.random.default_rng(0)

    def answers(n: int, alpha: float) -> dict[str, tuple[int, ...]]:
        return count_confidences(rng.beta(alpha, 1, n), [CLASSES[i % classes] for i in range(n)], classes=CLASSES)

    return render_report(
        store,
        check_id=check_id,
        pipeline="garments",
        version=3,
        baseline=Baseline(edges=CONFIDENCE_EDGES, counts_by_class=answers(356, 20), image_statistics={}),
        window=answers(n_images, 3),
        decision=Decision(verdict="DATA_DRIFT", action="REQUEST_RETRAINING", reasons=("far away", REASON)),
        confidences=compared(n_images, 2.7182),
        classes=compared(n_images, 0.05),
    )


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    store = FileStore(str(tmp_path_factory.mktemp("store")))
    return store.read(render(store)).decode()


def test_the_verdict_and_its_figures_stand_at_the_top(html: str) -> None:
    text = Page(html).text

    assert "garments: version 3 beside its baseline" in text
    assert "Drift check 00c0ffee" in text
    assert "DATA_DRIFT , action: REQUEST_RETRAINING far away" in text
    assert "standard deviations of the baseline 200 356 2.718 0.182 0.0005 yes" in text
    assert "total variation 200 356 0.050 0.182 0.0005 no" in text


def test_evidently_shows_both_sides_and_gives_no_verdict_of_its_own(html: str) -> None:
    pictures = Page(Page(html).frame["srcdoc"])
    data = pictures.scripts[0]

    assert "Mean value of 'confidence': current: 0.7" in data
    assert "Unique Value Count: predicted class" in data
    assert "trousers" in data
    for word in ("drift", "detected", "fail", "success"):
        assert word not in data.lower()


def test_names_of_classes_are_text_wherever_they_stand(html: str) -> None:
    page = Page(html)
    pictures = Page(page.frame["srcdoc"])

    assert REASON in page.text
    assert page.scripts == []
    assert not any("alert('a class')" in script for script in pictures.scripts[1:])
    assert "alert('a class')" in pictures.scripts[0], "the name is there, in the data"
    assert "<script>alert" not in pictures.scripts[0]
    assert page.frame["sandbox"] == "allow-scripts allow-downloads"


def test_the_page_is_whole_without_the_network(html: str) -> None:
    page = Page(html)

    assert page.policy.startswith("default-src 'none';")
    assert "http" not in page.policy
    assert page.loads == []
    assert Page(page.frame["srcdoc"]).loads == []


def test_another_try_replaces_the_file(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path))

    assert render(store, check_id="ab12") == render(store, check_id="ab12") == "reports/ab12.html"

    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["ab12.html"]


def test_a_large_window_makes_no_larger_file_and_a_window_of_one_class_is_drawn(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path))

    large = store.read(render(store, n_images=200_000, classes=1)).decode()

    assert f"both sides as {MAX_ROWS:,} answers" in Page(large).text
    assert "200,000" in Page(large).text
    assert len(large) < 6_000_000


def test_nothing_is_said_beside_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        render(FileStore(str(tmp_path)))

    assert [str(warning.message) for warning in said] == []
    assert capfd.readouterr() == ("", "")


def test_what_takes_seconds_to_import_is_imported_when_a_report_is_written() -> None:
    code = "import sys, include.drift.report; sys.exit('evidently' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


@pytest.mark.parametrize(
    ("counts", "n_rows", "expected"),
    [
        ([1, 2, 3], 6, [1, 2, 3]),
        ([1, 2, 3], 60, [10, 20, 30]),
        ([1, 1, 1], 4, [2, 1, 1]),
        ([0, 7], 3, [0, 3]),
        ([99, 1], 10, [10, 0]),
    ],
)
def test_counts_are_scaled_in_their_proportions(counts: list[int], n_rows: int, expected: list[int]) -> None:
    assert scaled(counts, n_rows=n_rows).tolist() == expected
