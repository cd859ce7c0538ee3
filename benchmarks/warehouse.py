"""What the embedded warehouse takes: `python -m benchmarks.warehouse`, through the real connector."""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import snowflake.connector

from benchmarks.figures import RESULTS, as_markdown, figure_of, write
from include.warehouse.embedded.server import running_server

N_FILES = 3_000
FILE_BYTES = 20_000
_REACH_S = 1.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Refresh a stage whose files have not changed, and write the figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.warehouse", description=__doc__)
    parser.add_argument("-n", "--runs", type=int, default=10, help="how often to refresh (default: %(default)s)")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="driftgate-bench-") as folder:
        seconds = refresh_seconds(Path(folder), n_runs=options.runs)
    figures = [
        figure_of(
            f"refresh of a stage of {N_FILES:,} unchanged files",
            seconds,
            unit="s",
            better="lower",
            reach=_REACH_S,
            note=f"{os.cpu_count()} cores, load {load:.1f} at the start; {FILE_BYTES:,} bytes a file",
        )
    ]
    write(figures, RESULTS / "warehouse.json")
    print(as_markdown(figures))


def refresh_seconds(folder: Path, *, n_runs: int) -> list[float]:
    """Return how long each refresh took after the first one, which reads the files."""
    files = folder / "files"
    files.mkdir()
    for number in range(N_FILES):
        (files / f"{number:05d}.bin").write_bytes(os.urandom(FILE_BYTES))
    with running_server(folder / "warehouse", user="bench", password="bench") as server:  # noqa: S106 - for this run only
        connection = snowflake.connector.connect(
            account="embedded",
            user="bench",
            password="bench",  # noqa: S106 - for this run only
            host=server.host,
            port=server.port,
            protocol="http",
            database="BENCH",
            schema="BENCH",
        )
        cursor = connection.cursor()
        cursor.execute(f"CREATE STAGE S URL = 'file://{files}/' DIRECTORY = (ENABLE = TRUE)")
        cursor.execute("ALTER STAGE S REFRESH")
        seconds = []
        for _ in range(n_runs):
            started = time.monotonic()
            cursor.execute("ALTER STAGE S REFRESH")
            seconds.append(time.monotonic() - started)
        connection.close()
    return seconds


if __name__ == "__main__":
    main()
