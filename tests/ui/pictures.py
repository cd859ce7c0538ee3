"""Take the README's pictures from the demo that runs: `python -m tests.ui.pictures`."""

import sys
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from include.commands.airflow_api import AirflowApi
from include.commands.local.state import ADMIN, LocalState
from include.config import PROJECT_ROOT
from tests.ui.chromium import browser, chromium_program
from tests.ui.visits import DARK, LIGHT, PHONE, STATUS_PAGE, Look, Visitor

IN_AIRFLOW = "/plugin/classifiers"
"""The page Classifiers in Airflow's own frame."""
OF_PIPELINE = f"{STATUS_PAGE}pipelines/digits"
PICTURES = PROJECT_ROOT / "docs" / "pictures"
MAX_BYTES = 150_000
_COLOURS = 128
"""Enough for pages of few colours; a third of the bytes of all of them."""


class Picture(NamedTuple):
    """One of the README's pictures."""

    name: str
    path: str
    """Of the page, below Airflow's address."""
    look: Look
    height: int
    """How much of the page, from its top, in pixels."""


def main() -> None:
    """Take all pictures.

    Raises:
        SystemExit: The demo does not run.
    """
    state = LocalState.locate(demo=True)
    if not state.exists:
        raise SystemExit("there is no demo: run `make demo` first")
    url = state.read_settings().airflow_url
    with AirflowApi.log_in(
        url, user=ADMIN, password=state.secret("admin_password"), start_hint="`make demo` starts it"
    ) as api:
        token = api.client.headers["Authorization"].removeprefix("Bearer ")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with browser(chromium_program()) as chromium:
        for picture in PICTURES_TAKEN:
            visitor = Visitor.open(chromium, url=url, token=token, look=picture.look, artefacts=PICTURES)
            visitor.go(picture.path)
            taken = PICTURES / f"{picture.name}.png"
            size = {"width": picture.look.width, "height": picture.height}
            visitor.page.set_viewport_size(size)
            visitor.settle()
            if picture.path == IN_AIRFLOW:
                visitor.page.frame_locator("iframe").get_by_text("Champion").first.wait_for()
            visitor.page.screenshot(path=taken)
            visitor.close()
            _shrink(taken)
            sys.stdout.write(f"{taken.relative_to(PROJECT_ROOT)}: {taken.stat().st_size / 1000:.0f} kB\n")


def _shrink(path: Path) -> None:
    """Reduce a picture's colours to what it needs.

    Raises:
        ValueError: It is still too large.
    """
    with Image.open(path) as image:
        image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path}: {path.stat().st_size:,} bytes, more than {MAX_BYTES:,}")


PICTURES_TAKEN = (
    Picture("overview-light", IN_AIRFLOW, LIGHT, 420),
    Picture("overview-dark", IN_AIRFLOW, DARK, 420),
    Picture("pipeline", OF_PIPELINE, LIGHT, 1420),
    Picture("gallery", f"{OF_PIPELINE}/gallery", LIGHT, 800),
    Picture("phone", OF_PIPELINE, PHONE, 844),
)

if __name__ == "__main__":
    main()
