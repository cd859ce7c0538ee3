"""What of an inference run is start-up: `python -m benchmarks.startup`, through the real scheduler.

An instance of its own (warehouse, Airflow's processes) trains a small network, and then alternates runs with nothing
new with runs on new photos. Airflow's API tells how long a run took, and the tasks' logs when each began and ended its
own work; what is left is hops from task to task and processes that start. Measure on a machine that does nothing else.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

import yaml

from benchmarks.demo import add_ports
from benchmarks.figures import RESULTS, Figure, as_markdown, figure_of, write
from benchmarks.own_airflow import run_python
from benchmarks.photos import LABEL_IN_STAGE, Photo, generate_photos, read_photos, spread, stage_photos
from include.commands.access import open_airflow
from include.commands.airflow_answers import LogLine, LogPosition, TaskInstance
from include.commands.airflow_api import AirflowApi
from include.commands.console import Output
from include.commands.follow import FollowedRun
from include.commands.lifecycle import release_dags
from include.commands.local.environment import pipeline_environment
from include.commands.local.instance import LocalInstance
from include.commands.local.state import LocalState
from include.commands.runs import run_dag
from include.commands.setting_up import set_up
from include.config import PIPELINES_VARIABLE, PROJECT_ROOT

N_PHOTOS = 341
"""As many as the garments have new ones."""
_N_TRAINING = 600
_PIPELINE = "startup"
_EXECUTES_AFTER, _EXECUTES_UNTIL = "::endgroup::", "::group::Post Execute"
"""The lines of a task's log between which its operator executes."""
_CONNECTED_BY = "Connecting to"
"""What the connector logs when it opens a session."""


class RunShares(NamedTuple):
    """Where the time of a run went."""

    seconds: float
    n_tasks: int
    """Tasks that ran, each in a process of its own."""
    working: float
    """Seconds in which some task did its own work."""
    connecting: float
    """Of them, until the tasks had a session: importing the connector, above all."""

    @property
    def startup_share(self) -> float:
        """The share of the run in which no task did its own work, or was on the way to a session."""
        return 1 - (self.working - self.connecting) / self.seconds


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--dataset", type=Path, help="folders of JPEGs, named by their class (default: generated ones)")
    parser.add_argument("-n", "--runs", type=int, default=3, help="how many runs of each kind (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="a smoke run: one of each kind, on few photos")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures go (default: %(default)s)")
    add_ports(parser)
    options = parser.parse_args(arguments)
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
    n_runs, n_photos = (1, 30) if options.quick else (options.runs, N_PHOTOS)
    with tempfile.TemporaryDirectory(prefix="driftgate-bench-") as name:
        folder = Path(name)
        photos = read_photos(options.dataset) if options.dataset else generate_photos(folder / "made", n_photos=400)
        with _running_instance(folder, options) as state:
            idle, busy = _runs(photos, folder, state, n_runs=n_runs, n_photos=n_photos)
            heavy = _imported_by_an_idle_run(folder, state)
    figures = figures_of(idle, busy, n_photos=n_photos, heavy=heavy, machine=machine)
    write(figures, options.results / "startup.json")
    print(as_markdown(figures))


def figures_of(
    idle: Sequence[RunShares], busy: Sequence[RunShares], *, n_photos: int, heavy: Sequence[str], machine: str
) -> list[Figure]:
    """Return the table."""
    figures = []
    for title, runs in (("a run with nothing new", idle), (f"a run with {n_photos} new images", busy)):
        figures += [
            figure_of(title, [run.seconds for run in runs], unit="s", better="lower", reach=None, note=machine),
            figure_of(f"{title}: tasks", [run.n_tasks for run in runs], unit="tasks", better="lower", reach=None),
            figure_of(
                f"{title}: the tasks' own work",
                [run.working - run.connecting for run in runs],
                unit="s",
                better="lower",
                reach=None,
                note=f"beside it {median(run.connecting for run in runs):.1f} s until they had a session",
            ),
            figure_of(
                f"{title}: share of start-up",
                [run.startup_share for run in runs],
                unit="share",
                better="lower",
                reach=None,
                note="hops, processes that start, DAG files, imports up to the first statement",
            ),
        ]
    imported = figure_of(
        "a run with nothing new: heavy libraries that its tasks import",
        [len(heavy)],
        unit="libraries",
        better="lower",
        reach=0,
        note="of torch, torchvision, Evidently, scikit-learn, matplotlib; " + (", ".join(heavy) or "none"),
    )
    return [*figures, imported]


def shares_of(run_seconds: float, logs: Sequence[Sequence[LogLine]]) -> RunShares:
    """Return where a run's time went, by the logs of its tasks."""
    found = [span for log in logs if (span := _executing(log))]
    working = sum((end - start).total_seconds() for start, end in _merged([(start, end) for start, _, end in found]))
    connecting = sum((connected - start).total_seconds() for start, connected, _ in found)
    return RunShares(run_seconds, len(logs), working, min(connecting, working))


@contextmanager
def _running_instance(folder: Path, options: argparse.Namespace) -> Iterator[LocalState]:
    state = LocalState(folder / "state")
    pipelines = folder / "pipelines"
    pipelines.mkdir()
    for stage in ("train", "new"):
        (folder / stage).mkdir()
    content = {
        "name": _PIPELINE,
        "stages": {
            "training": {"name": "STARTUP_TRAIN", "url": f"file://{folder}/train/"},
            "incoming": {"name": "STARTUP_NEW", "url": f"file://{folder}/new/"},
        },
        "labels": {"from_path": LABEL_IN_STAGE},
        "training": {"n_epochs": 1 if options.quick else 3},
        "gate": {"min_accuracy": 0.0, "min_recall": 0.0},
        "retraining": {"mode": "alert_only"},
        "schedule": None,
    }
    (pipelines / f"{_PIPELINE}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    settings = state.read_settings().with_choices(
        airflow_port=options.airflow_port,
        warehouse_port=options.warehouse_port,
        mail_port=options.mail_port,
        pipelines=str(pipelines),
    )
    instance = LocalInstance(state, settings, print)
    try:
        instance.up()
        yield state
    finally:
        instance.down()


def _runs(
    photos: Sequence[Photo], folder: Path, state: LocalState, *, n_runs: int, n_photos: int
) -> tuple[list[RunShares], list[RunShares]]:
    """Train a champion; then let a run find nothing new, and the next one find photos, again and again."""
    output = Output(as_json=False)
    config = set_up(_PIPELINE, state)
    first = spread(photos, min(_N_TRAINING, 10 * n_photos))
    stage_photos(first, folder / "train", n_photos=len(first))
    stage_photos(first, folder / "new" / "first", n_photos=n_photos)
    idle, busy = [], []
    with open_airflow(state) as api:
        release_dags(api, Path(state.read_settings().pipelines), output)
        run_dag("training", config.name, {}, state=state, output=output)
        run_dag("inference", config.name, {}, state=state, output=output)  # the worker's first, which counts for none
        for number in range(n_runs):
            idle.append(_shares(api, run_dag("inference", config.name, {}, state=state, output=output)))
            stage_photos(photos, folder / "new" / f"{number}", n_photos=n_photos)
            busy.append(_shares(api, run_dag("inference", config.name, {}, state=state, output=output)))
    return idle, busy


def _shares(api: AirflowApi, followed: FollowedRun) -> RunShares:
    ran = [task for task in followed.tasks if task.seconds and task.state == "success"]
    return shares_of(followed.run.seconds or 0.0, [_log(api, followed, task) for task in ran])


def _log(api: AirflowApi, followed: FollowedRun, task: TaskInstance) -> list[LogLine]:
    position, lines = LogPosition(), []
    while new := api.read_log(followed.run, task, position):
        lines += new
    return lines


def _executing(log: Sequence[LogLine]) -> tuple[datetime, datetime, datetime] | None:
    """Return when a task began to execute, had a session, and had executed; None: it did nothing of its own."""
    start = next((line.at for line in log if line.at and line.text == _EXECUTES_AFTER), None)
    end = next((line.at for line in log if line.at and line.text == _EXECUTES_UNTIL), None)
    if start is None or end is None:
        return None
    connected = next((line.at for line in log if line.at and line.text.startswith(_CONNECTED_BY)), start)
    return start, connected, end


def _merged(spans: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """Return the time that the spans cover, as spans that do not overlap: tasks may run beside each other."""
    merged: list[tuple[datetime, datetime]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _imported_by_an_idle_run(folder: Path, state: LocalState) -> list[str]:
    """Run the DAG once more, in a process that starts with nothing, and return which heavy libraries it has then."""
    home = folder / "another"
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "_AIRFLOW"))}
    environment = {
        **inherited,
        **pipeline_environment(state, state.read_settings()),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        PIPELINES_VARIABLE: str(folder / "pipelines"),
        "PYTHONPATH": os.pathsep.join([str(PROJECT_ROOT), str(PROJECT_ROOT / "plugins")]),
    }
    run_python(["-m", "airflow", "db", "migrate"], environment)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.startup_imports", _PIPELINE],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    imported: list[str] = json.loads(done.stdout.splitlines()[-1])
    return imported


if __name__ == "__main__":
    main()
