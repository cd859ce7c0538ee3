"""The page that a person looks at after a check."""

import subprocess
import sys
import warnings
from collections.abc import Mapping
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from given_windows import LOOK, answers, baseline_of, window_of

from include.config_parts import DriftConfig
from include.drift.arbiter.verdict import Decision, PreviousOnWindow
from include.drift.report import history, picture
from include.drift.report.drawn_answers import MAX_ROWS
from include.drift.report.page import render_report
from include.drift.statistics.accuracy import Realised
from include.drift.statistics.measuring import measure_window
from include.drift.statistics.window import WindowCounts
from include.models.baseline import Baseline
from include.store.files import FileStore

EVIL = "<b>x</b></script><script>alert('a class')</script>"
REASON = f"answers of class {EVIL} & others differ"
DECISION = Decision(
    verdict="BROKEN_IMAGES", action="ALERT", reasons=("the images have jumped", REASON), signal="images"
)
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


def sides(n_images: int = 200, **of_window: Any) -> tuple[Baseline, WindowCounts]:
    """A baseline and a window, with a class whose name is HTML."""
    rng = np.random.default_rng(0)
    baseline, window = baseline_of(answers(rng, 350)), window_of(answers(rng, n_images, **of_window))
    return (
        replace(
            baseline,
            counts_by_class=named(baseline.counts_by_class),
            right_by_class=named(baseline.right_by_class),
            counts_by_truth=named(baseline.counts_by_truth),
            confusion={label: named(row) for label, row in named(baseline.confusion).items()},
        ),
        replace(window, counts_by_class=named(window.counts_by_class)),
    )


def named(by_class: Mapping[str, Any]) -> dict[str, Any]:
    return {EVIL if label == "coat" else label: value for label, value in by_class.items()}


def render(store: FileStore, baseline: Baseline, window: WindowCounts, *, check_id: str = "00c0ffee") -> str:
    drift = DriftConfig()
    evidence = measure_window(
        baseline,
        window,
        drift=drift,
        seed=0,
        realised=Realised(n_images=40, n_right=20) if window.features.size else None,
    )
    return render_report(
        store,
        check_id=check_id,
        pipeline="garments",
        version=3,
        baseline=baseline,
        window=window,
        evidence=evidence,
        decision=DECISION,
        drift=drift,
        seed=0,
        previous=PreviousOnWindow(version=2, accuracy=evidence.accuracy) if evidence.accuracy else None,
    )


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a window that is darker and less sure than its baseline."""
    store = FileStore(str(tmp_path_factory.mktemp("store")))
    dark = {**LOOK, "brightness": 0.15}
    return store.read(render(store, *sides(faded=0.5, moved=1.0, look=dark))).decode()


def test_the_verdict_stands_at_the_top(html: str) -> None:
    text = Page(html).text

    assert "garments: version 3 beside its baseline" in text
    assert "Drift check 00c0ffee" in text
    assert "BROKEN_IMAGES , action: ALERT the images have jumped" in text


def test_each_signal_stands_beside_its_threshold(html: str) -> None:
    text = Page(html).text

    assert "together they alarm on at most 1 % of the windows in which nothing has changed" in text
    for name in (
        "Confidences Wasserstein-1",
        "Predicted classes total variation",
        "Features of the network maximum mean",
    ):
        assert name in text
    assert "Images brightness, Wasserstein-1 in standard deviations of the baseline 200 350 3.296 0.3" in text
    assert "times what it takes" in text
    assert "The confidences have moved most clearly of:" in text
    assert "apart by their features with an area under the curve of" in text


def test_what_is_known_of_the_accuracy_stands_together(html: str) -> None:
    text = Page(html).text

    for known in (
        "Baseline 78.3% on the held-out images",
        "Estimated, DoC",
        "average thresholded confidence",
        "Estimated, CBPE",
        "Realised 50.0% 35.2% to 64.8% labels of 40 randomly picked images",
        "Version 2",
    ):
        assert known in text


def test_images_and_the_class_mix_are_shown_on_both_sides(html: str) -> None:
    text = Page(html).text

    assert "brightness 0.499 0.159 3.3 standard deviations" in text
    assert "undecodable 0.0% 0.0%" in text
    assert "The mix alone does not explain the window" in text
    assert "class baseline window, estimated" in text


def test_evidently_shows_both_sides_and_gives_no_verdict_of_its_own(html: str) -> None:
    pictures = Page(Page(html).frame["srcdoc"])
    data = pictures.scripts[0]

    assert "Mean value of 'confidence': current: 0." in data
    assert "Mean value of 'brightness': current: 0.1" in data
    assert "Unique Value Count: predicted class" in data
    assert "dress" in data
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


def test_another_try_replaces_every_file(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path))

    assert render(store, *sides(), check_id="ab12") == "reports/ab12.html"
    first = [file.name for file in store.list_files()]
    assert render(store, *sides(faded=0.5), check_id="ab12") == "reports/ab12.html"

    assert [file.name for file in store.list_files()] == first
    assert {name.rpartition(".")[2] for name in first if name.startswith("reports/")} == {"html", "png"}
    assert len([name for name in first if "/snapshots/" in name]) == 1


def test_an_old_release_s_baseline_and_a_large_window_of_one_class_have_a_report(tmp_path: Path) -> None:
    store = FileStore(str(tmp_path))
    baseline, window = sides(n_images=2_000)
    old = Baseline(edges=baseline.edges, counts_by_class=baseline.counts_by_class, image_statistics={})
    one = WindowCounts(counts_by_class={"dress": tuple(100 * n for n in window.counts_by_class["dress"])})
    one = replace(one, n_invalid=one.n_images, n_undecodable=2 * one.n_images)

    large = store.read(render(store, old, one)).decode()

    text = Page(large).text
    assert f"both sides as {MAX_ROWS:,} answers" in text
    assert "does not tell which of its answers were right" in text
    assert "undecodable 0.0% 50.0%" in text
    assert len(large) < 6_000_000


@pytest.mark.parametrize(
    ("part", "missing"), [((picture, "chance_band"), "picture"), ((history, "_dashboard"), "snapshot")]
)
def test_without_its_picture_or_its_snapshot_it_still_is_a_report(
    part: tuple[Any, str],
    missing: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("in a library")

    monkeypatch.setattr(*part, fail)
    store = FileStore(str(tmp_path))

    path = render(store, *sides())

    assert store.exists(path)
    assert f"check 00c0ffee has no {missing}" in caplog.text
    assert "in a library" in caplog.text


def test_nothing_is_said_beside_the_log(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        render(FileStore(str(tmp_path)), *sides())

    assert [str(warning.message) for warning in said] == []
    assert capfd.readouterr() == ("", "")


def test_what_takes_seconds_to_import_is_imported_when_a_report_is_written() -> None:
    heavy = ("evidently", "matplotlib", "pandas")
    code = f"import sys, include.drift.report.page; sys.exit(any(name in sys.modules for name in {heavy}))"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])
