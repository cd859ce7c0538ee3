"""The runs of a pipeline: what each was asked to do, and how it ended."""

import hashlib
from dataclasses import dataclass
from typing import Literal, NamedTuple

from include.config import PipelineConfig
from include.errors import WarehouseError
from include.warehouse.session import Warehouse

RunKind = Literal["training", "inference", "rollback", "forget", "backtest", "reproduction"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """A DAG run: its id in the warehouse, and the config that it was opened with."""

    run_id: str
    config: PipelineConfig
    reason: str | None
    check_id: str | None
    """The drift check that asked for it, if one did."""
    outcome: str | None


class _Row(NamedTuple):
    run_id: str
    kind: str
    config: str
    config_digest: str
    reason: str | None
    check_id: str | None
    outcome: str | None


def run_id_of(dag_id: str, dag_run_id: str) -> str:
    """Return the id of a DAG run that is unique over the DAGs of a pipeline."""
    return f"{dag_id}/{dag_run_id}"


def rescoring_run_id(run_id: str) -> str:
    """Return the id of the DAG run that answers what a rollback has left without an answer.

    A run that rescores and rolls back, too, starts another one. That comes to an end: each time a drift check rolls
    back there is a version less to go back to.

    Args:
        run_id: The run that rolls back, as RUNS names it.
    """
    return f"rescore__{hashlib.sha256(run_id.encode()).hexdigest()[:16]}"


def open_run(
    warehouse: Warehouse,
    config: PipelineConfig,
    *,
    run_id: str,
    dag_id: str,
    kind: RunKind,
    reason: str | None,
    check_id: str | None = None,
) -> Run:
    """Store the run with its resolved config, unless it is there; what is there counts.

    Args:
        warehouse: A session.
        config: The resolved config.
        run_id: The id from `run_id_of`.
        dag_id: The DAG.
        kind: What the run does.
        reason: Why it was started, in the words of whoever did.
        check_id: The drift check that asked for it, if one did.
    """
    warehouse.alone(
        lambda: warehouse.run(
            "runs/open_run",
            run_id=run_id,
            dag_id=dag_id,
            kind=kind,
            config=config.to_json(),
            config_digest=config.digest,
            reason=reason,
            check_id=check_id,
        )
    )
    return read_run(warehouse, run_id=run_id)


def read_run(warehouse: Warehouse, *, run_id: str) -> Run:
    """Return an opened run.

    Raises:
        WarehouseError: The run was not opened.
    """
    run = find_run(warehouse, run_id=run_id)
    if run is None:
        raise WarehouseError(f"run {run_id} is not in RUNS: its first task has to be run again")
    return run


def find_run(warehouse: Warehouse, *, run_id: str) -> Run | None:
    """Return an opened run, or None if it was not opened."""
    row = warehouse.fetch_one("runs/select_run", _Row, run_id=run_id)
    if row is None:
        return None
    return Run(
        run_id=row.run_id,
        config=PipelineConfig.from_json(row.config),
        reason=row.reason,
        check_id=row.check_id,
        outcome=row.outcome,
    )


def close_run(warehouse: Warehouse, *, run_id: str, outcome: str) -> None:
    """Say how a run ended, in a sentence."""
    warehouse.alone(lambda: write_outcome(warehouse, run_id=run_id, outcome=outcome))


def write_outcome(warehouse: Warehouse, *, run_id: str, outcome: str) -> None:
    """Say how a run ended, to be called in an `alone` transaction that does more than that."""
    warehouse.run("runs/close_run", run_id=run_id, outcome=outcome)
