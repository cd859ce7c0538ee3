"""How long `make test` takes: `python -m benchmarks.suite`, which calls it."""

import os
import subprocess
import time
from pathlib import Path

from benchmarks.figures import RESULTS, as_markdown, figure_of, write

ROOT = Path(__file__).resolve().parent.parent
_REACH_S = 600.0


def main() -> None:
    """Run the suite and write the figure; a suite that fails has none."""
    load = os.getloadavg()[0]
    started = time.monotonic()
    subprocess.run(["make", "test"], cwd=ROOT, check=True)  # noqa: S607
    figures = [
        figure_of(
            "make test, all tests",
            [time.monotonic() - started],
            unit="s",
            better="lower",
            reach=_REACH_S,
            note=f"{os.cpu_count()} cores, load {load:.1f} at the start",
        )
    ]
    write(figures, RESULTS / "suite.json")
    print(as_markdown(figures))


if __name__ == "__main__":
    main()
