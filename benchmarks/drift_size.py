"""What a drift check of ten million answers takes: `python -m benchmarks.drift_size`, through the real connector.

The embedded warehouse is a process of its own, so that the memory measured here is the check's.
"""

import argparse
import json
import os
import resource
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil

from benchmarks.figures import Figure, as_markdown, figure_of
from benchmarks.own_warehouse import own_warehouse
from include.config_parts import DriftConfig
from include.drift.evidence import count_window, read_realised, read_window
from include.drift.standing import read_standing
from include.drift.statistics.measuring import measure_window
from include.models.baseline import STATISTIC_EDGES, Baseline, Histogram, build_baseline, rounded_features
from include.models.features import N_FEATURES
from include.warehouse.session import Warehouse

N_ANSWERS = 10_000_000
_N_FEW = 10_000
"""The answers of the window that the memory is compared with."""
_N_LABELS = 1_000
_N_HELD_OUT = 350
_CLASSES = tuple(f"class {number}" for number in range(10))

_FILL = """
INSERT INTO PREDICTIONS
WITH FEATURES AS (
    SELECT INDEX AS PLACE, VALUE FROM TABLE(FLATTEN(INPUT => PARSE_JSON(%(features)s)))
),
NUMBERS AS (
    SELECT
        ROW_NUMBER() OVER (ORDER BY NULL) AS N, UNIFORM(0::FLOAT, 1::FLOAT, RANDOM()) AS DRAWN,
        UNIFORM(0::FLOAT, 1::FLOAT, RANDOM()) AS LIGHT, UNIFORM(0::FLOAT, 1::FLOAT, RANDOM()) AS SIDE
    FROM TABLE(GENERATOR(ROWCOUNT => %(n)s))
)
SELECT
    'INCOMING', 'new/' || N::VARCHAR || '.jpg', 'e' || N::VARCHAR, 1, 'class ' || MOD(N, 10)::VARCHAR,
    1 - 0.8 * POWER(DRAWN, 3), PARSE_JSON('[0.9,0.1]'), SYSDATE(), 'run ' || FLOOR(N / 2000)::VARCHAR, N,
    FLOOR(200 + 800 * SIDE), FLOOR(1000 + 1000 * SIDE), LIGHT, LIGHT / 2, POWER(LIGHT, 4), FEATURES.VALUE, TRUE
FROM NUMBERS
INNER JOIN FEATURES ON MOD(NUMBERS.N, 1000) = FEATURES.PLACE
ORDER BY N
"""
"""Statistics that nearly all differ, as those of photographs do."""
_LABEL = """
INSERT INTO LABELS
SELECT STAGE, RELATIVE_PATH, ETAG, TYPE, 'random', SYSDATE() FROM PREDICTIONS WHERE MOD(COMMIT_SEQ, %(every)s) = 0
"""


class _Taken(NamedTuple):
    """What one check took, from the first query to the last measurement."""

    seconds: float
    computing_s: float
    """Of both processes, on all cores: what it takes whatever else the machine does."""
    n_bytes: int
    """Read from the warehouse."""


def main(arguments: Sequence[str] | None = None) -> list[Figure]:
    """Measure, print and return the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift_size", description=__doc__)
    parser.add_argument("-n", "--runs", type=int, default=5, help="how often to check (default: %(default)s)")
    parser.add_argument("--answers", type=int, default=N_ANSWERS, help="how many answers (default: %(default)s)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="driftgate-bench-") as folder:
        figures = size_figures(Path(folder), n_answers=options.answers, n_runs=options.runs)
    print(as_markdown(figures))
    return figures


def size_figures(folder: Path, *, n_answers: int = N_ANSWERS, n_runs: int = 5) -> list[Figure]:
    """Fill a warehouse with answers, check all of them several times, and return what that takes.

    Args:
        folder: An empty one, which gets some 80 bytes an answer.
        n_answers: How many answers there are.
        n_runs: How often they are checked.
    """
    baseline = _drawn_baseline(np.random.default_rng(0))
    with own_warehouse(folder) as (warehouse, _, _, server):
        _fill(warehouse, n_answers=n_answers)
        for _ in range(2):  # what is imported and allocated once
            _check(warehouse, server, baseline, n_answers=_N_FEW, of=n_answers)
        before = _peak_bytes()
        load = os.getloadavg()[0]
        taken = [_check(warehouse, server, baseline, n_answers=n_answers, of=n_answers) for _ in range(n_runs)]
        grown = _peak_bytes() - before
    computing_s = statistics.median(one.computing_s for one in taken)
    note = f"{computing_s:.1f} s of computing; {os.cpu_count()} cores, load {load:.1f} at the start"
    what = f"drift check of {n_answers:,} answers"
    return [
        figure_of(
            f"{what}, up to its evidence", [one.seconds for one in taken], unit="s", better="lower", reach=5, note=note
        ),
        figure_of(
            f"{what}: sent to Python",
            [one.n_bytes / 1e6 for one in taken],
            unit="MB",
            better="lower",
            reach=1,
            note="all that the warehouse answers, read from its sockets",
        ),
        figure_of(
            f"{what}: memory beyond that of {_N_FEW:,} answers",
            [grown / 1e6],
            unit="MB",
            better="lower",
            reach=10,
            note="of the process that checks, at its peak in all runs",
        ),
    ]


def _check(warehouse: Warehouse, server: psutil.Process, baseline: Baseline, *, n_answers: int, of: int) -> _Taken:
    """Measure the latest answers as `include.drift.check` does."""
    with _received() as received:
        started, computed = time.monotonic(), _computed_s(server)
        read_standing(warehouse, champion_event_seq=1, n_windows=3)
        window = read_window(warehouse, version=1, after_commit_seq=of - n_answers)
        counts = count_window(warehouse, version=1, window=window, baseline=baseline)
        measure_window(baseline, counts, drift=DriftConfig(), seed=0)
        if window.first_commit_seq is not None and window.last_commit_seq is not None:
            read_realised(
                warehouse,
                version=1,
                first_commit_seq=window.first_commit_seq,
                last_commit_seq=window.last_commit_seq,
            )
        seconds, computing_s = time.monotonic() - started, _computed_s(server) - computed
    if counts.n_images != n_answers or not all(sum(of) == n_answers for of in counts.image_statistics.values()):
        raise RuntimeError(f"{n_answers} answers were to be counted: {counts.n_images} were")
    return _Taken(seconds, computing_s, sum(received))


def _computed_s(server: psutil.Process) -> float:
    times = server.cpu_times()
    return float(times.user + times.system + time.process_time())


def _fill(warehouse: Warehouse, *, n_answers: int) -> None:
    rows = np.random.default_rng(1).normal(size=(1000, N_FEATURES)).astype(np.float32)
    with closing(warehouse._connection.cursor()) as cursor:
        cursor.execute(_FILL, {"n": n_answers, "features": json.dumps([rounded_features(row) for row in rows])})
        cursor.execute(_LABEL, {"every": max(1, n_answers // _N_LABELS)})


def _drawn_baseline(rng: np.random.Generator) -> Baseline:
    """Return a baseline like the answers, as small as those of small data sets are."""
    truth = rng.integers(0, len(_CLASSES), _N_HELD_OUT)
    confidences = 1 - 0.8 * rng.uniform(size=_N_HELD_OUT) ** 3
    scores = np.full((_N_HELD_OUT, len(_CLASSES)), 0.001, dtype=np.float32)
    scores[np.arange(_N_HELD_OUT), truth] = confidences
    light, side = rng.uniform(size=_N_HELD_OUT), rng.uniform(size=_N_HELD_OUT)
    looks = {
        "short_side": 200 + 800 * side,
        "long_side": 1000 + 1000 * side,
        "brightness": light,
        "contrast": light / 2,
        "sharpness": light**4,
    }
    return build_baseline(
        scores,
        truth,
        classes=_CLASSES,
        features=rng.normal(size=(_N_HELD_OUT, N_FEATURES)).astype(np.float32),
        image_statistics={
            name: Histogram(edges=edges, counts=tuple(np.histogram(looks[name], bins=edges)[0].tolist()))
            for name, edges in STATISTIC_EDGES.items()
        },
        n_undecodable=0,
    )


@contextmanager
def _received() -> Iterator[list[int]]:
    """Give a list of the bytes of each read from a socket of this process."""
    sizes: list[int] = []
    read = socket.SocketIO.readinto

    def counted(self: socket.SocketIO, buffer: Any) -> int | None:
        n_bytes = read(self, buffer)
        sizes.append(n_bytes or 0)
        return n_bytes

    socket.SocketIO.readinto = counted  # type: ignore[method-assign]
    try:
        yield sizes
    finally:
        socket.SocketIO.readinto = read  # type: ignore[method-assign]


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
