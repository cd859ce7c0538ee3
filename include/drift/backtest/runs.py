"""The back-tests that were run: rows of RUNS, as people who change a policy want to know what it was tried on."""

import uuid
from datetime import UTC, datetime
from typing import NamedTuple

from include.catalog.runs import close_run, open_run
from include.config import PipelineConfig
from include.warehouse.session import Warehouse


class _Count(NamedTuple):
    n: int


def has_backtest(warehouse: Warehouse) -> bool:
    """Whether any policy was back-tested to the end on this pipeline."""
    return warehouse.fetch("runs/count_backtests", _Count)[0].n > 0


def record_backtest(warehouse: Warehouse, policy: PipelineConfig, *, outcome: str, reason: str) -> str:
    """Store a back-test that was run.

    Args:
        warehouse: A session, not in a transaction.
        policy: The pipeline with the policy that was tried.
        outcome: What came out, in a sentence.
        reason: Which policy it was, in words.

    Returns:
        The id of its row in RUNS.
    """
    run_id = f"backtest/{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}-{uuid.uuid4().hex[:8]}"
    open_run(warehouse, policy, run_id=run_id, dag_id="driftgate backtest", kind="backtest", reason=reason)
    close_run(warehouse, run_id=run_id, outcome=outcome)
    return run_id
