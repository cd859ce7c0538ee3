"""What the status page weighs, and when it is seen: `python -m benchmarks.page_weight`, on the demo that runs.

Each page is opened in headless Chromium, first by somebody whose browser knows nothing yet, then by the same once more.
Airflow's own first page stands beside it: that is what people wait for otherwise.
"""

import argparse
from collections.abc import Sequence
from typing import NamedTuple

from playwright.sync_api import Browser, Page

from benchmarks.figures import RESULTS, Figure, as_markdown, figure_of, write
from include.commands.airflow_api import AirflowApi
from include.commands.local.state import ADMIN, LocalState
from tests.ui.chromium import browser, chromium_program

PAGES = {
    "all classifiers": "/driftgate/",
    "one classifier": "/driftgate/pipelines/digits",
    "Airflow's own first page": "/",
}
_REACH_PAINT_MS = 1000.0
_REACH_BYTES = {"all classifiers": 100.0, "one classifier": 1_600.0}
"""In kB; the second page has plotly.min.js, which the browser then keeps for a year."""
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


class Opened(NamedTuple):
    """What it took to open a page."""

    kilobytes: float
    """Over the wire, with headers."""
    n_requests: int
    """That went over the wire."""
    paint_ms: float
    """From the click to the first text or picture."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page_weight", description=__doc__)
    parser.add_argument("-n", "--runs", type=int, default=5, help="how often to open each (default: %(default)s)")
    options = parser.parse_args(arguments)
    state = LocalState.locate(demo=True)
    url = state.read_settings().airflow_url
    with AirflowApi.log_in(
        url, user=ADMIN, password=state.secret("admin_password"), start_hint="`make demo` starts it"
    ) as api:
        token = api.client.headers["Authorization"].removeprefix("Bearer ")
    with browser(chromium_program()) as chromium:
        opened = {
            name: [open_twice(chromium, url, path, token=token) for _ in range(options.runs)]
            for name, path in PAGES.items()
        }
    figures = [figure for name, runs in opened.items() for figure in figures_of(name, runs)]
    write(figures, RESULTS / "page_weight.json")
    print(as_markdown(figures))


def open_twice(chromium: Browser, url: str, path: str, *, token: str) -> tuple[Opened, Opened]:
    """Open a page with an empty cache, and once more."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.add_cookies([{"name": "_token", "value": token, "url": url}])
    try:
        page = context.new_page()
        return _open(page, url + path), _open(page, url + path)
    finally:
        context.close()


def figures_of(name: str, runs: Sequence[tuple[Opened, Opened]]) -> list[Figure]:
    """Return the figures of a page: what has something to reach is ours."""
    first, again = zip(*runs, strict=True)
    paint, weight = _REACH_PAINT_MS if name in _REACH_BYTES else None, _REACH_BYTES.get(name)
    empty = "an empty cache"
    measures = (
        ("first paint", [opened.paint_ms for opened in first], "ms", paint, empty),
        ("first paint, once more", [opened.paint_ms for opened in again], "ms", paint, ""),
        ("over the wire", [opened.kilobytes for opened in first], "kB", weight, empty),
        ("over the wire, once more", [opened.kilobytes for opened in again], "kB", None, ""),
        ("requests", [float(opened.n_requests) for opened in first], "requests", None, empty),
    )
    return [
        figure_of(f"{name}: {measure}", values, unit=unit, better="lower", reach=reach, note=note)
        for measure, values, unit, reach, note in measures
    ]


def _open(page: Page, address: str) -> Opened:
    """Open a page and wait until it asks for nothing more."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(address, wait_until="networkidle")
    paint = page.wait_for_function(_PAINT).json_value()
    session.detach()
    over_the_wire = [size for size in sizes if size > 0]
    return Opened(kilobytes=sum(over_the_wire) / 1000, n_requests=len(over_the_wire), paint_ms=float(paint))


if __name__ == "__main__":
    main()
