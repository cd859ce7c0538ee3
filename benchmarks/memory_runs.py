"""Whole runs of the DAGs on many images, each task in a process of its own: what `benchmarks.memory` measures.

`dag.test()` runs all tasks in one process. Here each one runs in a fork of a process that has loaded Airflow, the DAGs
and the libraries that `up` loads before it, as the LocalExecutor's tasks do, and its parent watches its memory. What
they took is written as JSON: `python -m benchmarks.memory_runs --images 100000 --folder FOLDER`. The environment names
the warehouse and an Airflow home whose database is migrated.
"""

import argparse
import asyncio
import gc
import importlib
import json
import os
import pickle
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

import httpx
import psutil
import yaml

from benchmarks.own_airflow import Dags
from include.config import PIPELINES_VARIABLE, PipelineConfig
from include.handover import Handover

SIZE = 96
_FIRST_SHARE = 0.01
"""Of the training images, what the first champion is trained on."""
PRELOADED = ("airflow.providers.snowflake.hooks.snowflake", "snowflake.connector", "torch")
"""As in include/commands/local/preloaded.py, which cannot be imported: it starts Airflow."""
SAMPLED_EVERY_S = 0.05


@dataclass(frozen=True, kw_only=True)
class TaskCost(Handover):
    """What one task took."""

    run: str
    task_id: str
    seconds: float
    resident: int
    """The most bytes in memory at once, pages of mapped files (those of its libraries, too) among them."""
    anonymous: int
    """The most bytes at once that are no pages of files, which the kernel can drop; sampled."""


def result_file(folder: Path) -> Path:
    """Return where the costs are written."""
    return folder / "costs.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the DAGs, and write down what their tasks took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory_runs", description=__doc__)
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args(arguments)
    costs = run_all(options.folder, n_images=options.images)
    result_file(options.folder).write_text(json.dumps([cost.to_json() for cost in costs]), encoding="utf-8")


def run_all(folder: Path, *, n_images: int) -> list[TaskCost]:
    """Train on so many images, and classify so many others, which look different; return what each task took.

    A champion on a few of the images comes first, which does not count: the training is then compared with it, and the
    drift check asks it for its opinion. Both are the most that these tasks do.
    """
    config = _pipeline(folder)
    for library in PRELOADED:
        importlib.import_module(library)
    in_a_fork(lambda: _set_up(config))
    dags = Dags(config.name)
    n_first = round(_FIRST_SHARE * n_images)
    in_a_fork(lambda: _write_images(folder / "train", range(n_first)))
    with _tasks_in_forks("first training", []):
        dags.run("training")
    in_a_fork(lambda: _write_images(folder / "train", range(n_first, n_images)))
    in_a_fork(lambda: _write_images(folder / "new", range(n_images), is_drifted=True))
    costs: list[TaskCost] = []
    for kind in ("training", "inference"):
        with _tasks_in_forks(kind, costs):
            dags.run(kind)
    return costs


def _write_images(folder: Path, numbers: range, *, is_drifted: bool = False) -> None:
    from benchmarks.gradients import write_gradients

    write_gradients(folder, numbers, is_drifted=is_drifted)


def _pipeline(folder: Path) -> PipelineConfig:
    """Write a pipeline file: one epoch, and nothing that follows from drift but an alert to nobody."""
    config = PipelineConfig.model_validate(
        {
            "name": "memory",
            "stages": {
                "training": {"name": "MEMORY_TRAIN", "url": f"file://{folder}/train/"},
                "incoming": {"name": "MEMORY_NEW", "url": f"file://{folder}/new/"},
            },
            "preprocessing": {"size": SIZE},
            "training": {"n_epochs": 1},
            "gate": {"min_accuracy": 0.0, "max_accuracy_drop": 0.9, "max_class_recall_drop": 0.9},
            "retraining": {"mode": "alert_only"},
            "store": {"url": str(folder / "store")},
            "schedule": None,
        }
    )
    pipelines = folder / "pipelines"
    for new in (pipelines, folder / "train", folder / "new"):
        new.mkdir()
    content = config.model_dump(mode="json", by_alias=True)
    (pipelines / f"{config.name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    os.environ[PIPELINES_VARIABLE] = str(pipelines)
    return config


def _set_up(config: PipelineConfig) -> None:
    from driftgate.hooks import WarehouseHook
    from include.warehouse.setup import run_setup

    with WarehouseHook.for_pipeline(config).session() as warehouse:
        run_setup(warehouse, config)


@contextmanager
def _tasks_in_forks(run: str, costs: list[TaskCost]) -> Iterator[None]:
    """Let `dag.test()` run each task in a fork of this process, and add what it took to a list."""
    from airflow.sdk.execution_time import supervisor

    run_here = supervisor.run_task_in_process
    asyncio.run(_warm_up(supervisor.in_process_api_server()))

    def run_in_a_fork(ti: Any, task: Any) -> Any:
        started = time.monotonic()

        def state() -> str:
            # The connections of this process's session are not for another process.
            from airflow import settings

            settings.configure_orm()
            return str(run_here(ti=ti, task=task).ti.state.value)

        forked = in_a_fork(state)
        cost = TaskCost(
            run=run,
            task_id=ti.task_id,
            seconds=time.monotonic() - started,
            resident=forked.resident,
            anonymous=forked.anonymous,
        )
        costs.append(cost)
        print(f"{run}: {ti.task_id} {forked.returned}, {cost}", flush=True)
        return SimpleNamespace(ti=SimpleNamespace(state=forked.returned, task=task), msg=None)

    with patch.object(supervisor, "run_task_in_process", run_in_a_fork):
        yield


async def _warm_up(api: Any) -> None:
    """Ask Airflow's API for tasks once: it makes its routes then, which takes each fork seconds otherwise."""
    async with httpx.AsyncClient(transport=api.atransport, base_url="http://in-process.invalid") as client:
        await client.get("/health")


class Forked(NamedTuple):
    """What came of a fork: what it returned, and the most bytes that it took; as in `TaskCost`."""

    returned: Any
    resident: int
    anonymous: int


def in_a_fork(work: Callable[[], Any], *, sampled_every_s: float = SAMPLED_EVERY_S) -> Forked:
    """Do something in a fork of this process, and watch its memory and that of its children.

    Args:
        work: What to do; what it returns is pickled.
        sampled_every_s: How often its memory is looked at, which takes some milliseconds.

    Raises:
        RuntimeError: It has raised, or was ended.
    """
    reading, writing = os.pipe()
    # As the LocalExecutor does: collecting garbage would make the fork copy the pages of all that it inherits.
    gc.freeze()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(work(), pipe)
            status = 0
        except BaseException:  # noqa: BLE001 - whatever it is, the process ends here, and its parent tells
            traceback.print_exc()
        finally:
            os._exit(status)
    gc.unfreeze()
    os.close(writing)
    resident = anonymous = 0
    # Read meanwhile: a pipe holds 64 KiB, and a fork with more to say would wait for ever.
    with os.fdopen(reading, "rb") as pipe, ThreadPoolExecutor(max_workers=1) as executor:
        content = executor.submit(pipe.read)
        while True:
            found = _memory_of_tree(pid)
            resident, anonymous = max(resident, found[0]), max(anonymous, found[1])
            ended, status, usage = os.wait4(pid, os.WNOHANG)
            if ended:
                break
            time.sleep(sampled_every_s)
        returned = content.result()
    if status:
        raise RuntimeError(f"a fork ended with status {status}: see above")
    # What the kernel has noted of the process alone misses no peak between two samples.
    return Forked(pickle.loads(returned), max(resident, usage.ru_maxrss * 1024), anonymous)  # noqa: S301 - our own


def _memory_of_tree(pid: int) -> tuple[int, int]:
    """Return what a process and its children have in memory now, in bytes: all of it, and what is no page of a file."""
    resident = anonymous = 0
    try:
        tree = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
        for member in tree:
            lines = Path(f"/proc/{member}/status").read_text(encoding="utf-8").splitlines()
            fields = dict(line.split(":", 1) for line in lines)
            resident += int(fields.get("VmRSS", "0 kB").split()[0]) * 1024
            anonymous += int(fields.get("RssAnon", "0 kB").split()[0]) * 1024
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        pass  # one of them has just ended
    return resident, anonymous


if __name__ == "__main__":
    main()
