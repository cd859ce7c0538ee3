"""What it takes to read the ledger: `python -m benchmarks.ledger`, through the real connector.

`history` of a thousand versions, and `explain` of one image among ten million answers.
"""

import argparse
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

import yaml

from benchmarks.figures import RESULTS, Figure, as_markdown, figure_of, write
from benchmarks.ledger_rows import N_ANSWERS_OF_IMAGE, fill_answers, fill_ledger
from benchmarks.own_airflow import airflow_environment
from benchmarks.own_warehouse import HOST, OwnWarehouse, own_warehouse
from include.commands.app import main as driftgate
from include.config import PROJECT_ROOT
from include.errors import UnknownImageError
from include.registry.explanation import explain_image
from include.registry.history import read_history

N_VERSIONS = 1_000
N_ANSWERS = 10_000_000
_REACH_S = 2.0
_N_PROCESSES = 3
"""How often a process is started, which takes seconds."""
_START_UP = """
from include.commands.app import app
from include.commands.local.state import LocalState
from include.commands.warehouse_access import open_warehouse, pipeline_named
state = LocalState.locate(demo=False)
with open_warehouse(pipeline_named("bench", state), state):
    pass
"""
"""All that a command does before its first statement."""
_TABLE = "without --limit the table shows the latest hundred; what the rest takes is laying out their rows"
_SCAN = (
    "names in no order, so that the embedded warehouse reads the whole column of paths, and of the other columns only "
    "the rows found; in names that come in order, as dates do, it skips the blocks that cannot hold the path. So does "
    "Snowflake with micro-partitions: clustering or search optimization by RELATIVE_PATH helps there"
)


class _Run(NamedTuple):
    """What one run took."""

    seconds: float
    computing_s: float
    """Of this process and the warehouse, on all cores: what it takes whatever else the machine does."""


class _Taken(NamedTuple):
    """What a command took in each run."""

    statements: list[_Run]
    started: list[_Run]
    """The whole command in a process that has started: arguments, log-in, statements, what is shown."""
    process: list[_Run]
    """As a process of its own."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill a warehouse, read its ledger, and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ledger", description=__doc__)
    parser.add_argument("-n", "--runs", type=int, default=7, help="how often to read (default: %(default)s)")
    parser.add_argument("--answers", type=int, default=N_ANSWERS, help="how many answers (default: %(default)s)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="driftgate-bench-") as folder:
        figures = ledger_figures(Path(folder), n_answers=options.answers, n_runs=options.runs)
    write(figures, RESULTS / "ledger.json")
    print(as_markdown(figures))


def ledger_figures(folder: Path, *, n_answers: int = N_ANSWERS, n_runs: int = 7) -> list[Figure]:
    """Fill a warehouse, read its ledger several times, and return what that takes.

    Args:
        folder: An empty one, which gets some 100 bytes an answer.
        n_answers: How many answers there are, of `N_VERSIONS` versions.
        n_runs: How often each is read.
    """
    with own_warehouse(folder) as own:
        fill_ledger(own.warehouse, n_versions=N_VERSIONS)
        stage = own.config.stages.incoming.name
        path = fill_answers(own.warehouse, stage=stage, n_answers=n_answers, n_versions=N_VERSIONS)
        environment = _environment(folder, own)
        os.environ.update(environment)  # Airflow reads it when it is first imported
        load = os.getloadavg()[0]
        bench = _Bench(own, environment, n_runs)
        start_up = bench.times(lambda: bench.run_process(["-c", _START_UP]), _N_PROCESSES)
        history = bench.measure(lambda: _read_history(own), ["history", "bench"])
        whole_table = bench.times(lambda: _run_here(["history", "bench", "--limit", str(N_VERSIONS)]))
        explain = bench.measure(lambda: _read_image(own, path), ["explain", "bench", path])
        misspelt = bench.times(lambda: _miss_image(own, f"{path}x"))
    machine = f"{os.cpu_count()} cores, load {load:.1f} at the start"
    answers = f"explain of an image with {N_ANSWERS_OF_IMAGE} of {n_answers:,} answers"
    return [
        *_figures(f"history of {N_VERSIONS:,} versions", history, start_up, machine),
        _figure(f"history of {N_VERSIONS:,} versions, --limit {N_VERSIONS}: the command", whole_table, _TABLE),
        *_figures(answers, explain, start_up, f"{machine}; {_SCAN}"),
        _figure(f"explain of a misspelt path among {n_answers:,}: statements", misspelt, "compares it with every path"),
    ]


class _Bench:
    """Runs things several times."""

    def __init__(self, own: OwnWarehouse, environment: dict[str, str], n_runs: int) -> None:
        self._own = own
        self._environment = environment
        self._n_runs = n_runs

    def measure(self, read: Callable[[], None], command: list[str]) -> _Taken:
        """Return what a command takes, and its statements alone."""
        return _Taken(
            statements=self.times(read),
            started=self.times(lambda: _run_here(command)),
            process=self.times(lambda: self.run_process(["-m", "include.commands", *command]), _N_PROCESSES),
        )

    def times(self, work: Callable[[], None], n_runs: int | None = None) -> list[_Run]:
        """Return what each run took after a first one, which imports and allocates what is needed once."""
        work()
        return [self._time(work) for _ in range(n_runs or self._n_runs)]

    def run_process(self, arguments: list[str]) -> None:
        """Run Python with the command's environment."""
        command = [sys.executable, *arguments]
        subprocess.run(command, env=self._environment, cwd=PROJECT_ROOT, check=True, capture_output=True)

    def _time(self, work: Callable[[], None]) -> _Run:
        started, computed = time.monotonic(), self._computed_s()
        work()
        return _Run(time.monotonic() - started, self._computed_s() - computed)

    def _computed_s(self) -> float:
        server, here = self._own.server.cpu_times(), os.times()
        return float(server.user + server.system + sum(here[:4]))


def _figures(what: str, taken: _Taken, start_up: list[_Run], note: str) -> list[Figure]:
    process, before = (statistics.median(run.seconds for run in runs) for runs in (taken.process, start_up))
    beside = f"as a process of its own {process:.2f} s; one that only starts and logs in takes {before:.2f} s"
    return [
        _figure(f"{what}: statements", taken.statements, note),
        _figure(f"{what}: the command, start-up of its process apart", taken.started, beside),
    ]


def _figure(measure: str, runs: list[_Run], note: str) -> Figure:
    computing = f"{statistics.median(run.computing_s for run in runs):.2f} s of computing"
    seconds = [run.seconds for run in runs]
    return figure_of(measure, seconds, unit="s", better="lower", reach=_REACH_S, note=f"{computing}; {note}")


def _read_history(own: OwnWarehouse) -> None:
    found = read_history(own.warehouse)
    if len(found) != N_VERSIONS or sum(len(version.approvals) for version in found) < N_VERSIONS:
        raise RuntimeError(f"{N_VERSIONS} versions with approvals were to be read, not {len(found)}")


def _read_image(own: OwnWarehouse, path: str) -> None:
    explanation = explain_image(own.warehouse, own.config, path)
    if len(explanation.answers) != N_ANSWERS_OF_IMAGE or len(explanation.current) != 1:
        raise RuntimeError(f"{N_ANSWERS_OF_IMAGE} answers were to be read, one of them current: {explanation}")


def _miss_image(own: OwnWarehouse, path: str) -> None:
    try:
        explain_image(own.warehouse, own.config, path)
    except UnknownImageError:
        return
    raise RuntimeError(f"nobody was to know {path}")


def _run_here(command: list[str]) -> None:
    """Run a command in this process.

    Raises:
        RuntimeError: It failed.
    """
    code: object = None
    with redirect_stdout(io.StringIO()):
        try:
            driftgate(command)
        except SystemExit as ended:
            code = ended.code
    if code:
        raise RuntimeError(f"{' '.join(command)} ended with {code}")


def _environment(folder: Path, own: OwnWarehouse) -> dict[str, str]:
    """Return the environment in which the command finds the pipeline and its warehouse, and no local instance."""
    pipelines = folder / "pipelines"
    pipelines.mkdir()
    fields = own.config.model_dump(mode="json", by_alias=True)
    (pipelines / "bench.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    return airflow_environment(folder, host=HOST, port=own.port) | {
        "DRIFTGATE_PIPELINES": str(pipelines),
        "DRIFTGATE_STATE": str(folder / "state"),
    }


if __name__ == "__main__":
    main()
