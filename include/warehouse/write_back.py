"""The answers of a run, committed: all that were handed over or none, and repeating it changes nothing."""

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from include.errors import IncompleteWriteError, RecalledVersionError
from include.warehouse.loading import LOADED_PREDICTIONS, loaded
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)


class _Check(NamedTuple):
    recalled_version: int | None
    n_missing: int
    n_of_run: int


def commit_predictions(warehouse: Warehouse, files: Sequence[Path], *, run_id: str, work_path: str) -> int:
    """Commit the answers in Parquet files (columns of `LOADED_PREDICTIONS`) to PREDICTIONS, in one transaction.

    An answer of the same version to the same image that is already there stays as it is. Answers to images that were
    forgotten on request meanwhile are left out. It takes eight statements, whatever the number of answers and of files.

    Args:
        warehouse: A session, not in a transaction.
        files: One file a batch.
        run_id: The run that answers.
        work_path: Where this try of the task may put files below the work stage.

    Returns:
        The number of answers that were not there before the run, whichever of its tries has added them.

    Raises:
        RecalledVersionError: The version was rolled back since it answered; nothing is written.
        StoreError: A file cannot be read; nothing is written.
        IncompleteWriteError: Not every key that was loaded was found afterwards; nothing is written.
    """
    started = time.monotonic()

    def insert() -> int:
        warehouse.run("predictions/insert_loaded_predictions", run_id=run_id)
        [check] = warehouse.fetch("predictions/check_loaded_predictions", _Check, run_id=run_id)
        if check.recalled_version is not None:
            raise RecalledVersionError(
                f"version {check.recalled_version} was rolled back while it answered: its answers are not written, "
                "the images are pending again"
            )
        if check.n_missing:
            raise IncompleteWriteError(
                f"{check.n_missing} answers of run {run_id} did not arrive in PREDICTIONS; none was kept"
            )
        # Not what this INSERT has added: an earlier try may have been killed after its commit.
        return check.n_of_run

    with loaded(warehouse, LOADED_PREDICTIONS, files, work_path=work_path):
        n_new = warehouse.alone(insert)
    log.info("committed %d new answers in %.1f s", n_new, time.monotonic() - started)
    return n_new
