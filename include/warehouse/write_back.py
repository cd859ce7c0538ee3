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


class _Version(NamedTuple):
    version: int


class _Count(NamedTuple):
    n: int


def commit_predictions(warehouse: Warehouse, files: Sequence[Path], *, run_id: str, work_path: str) -> int:
    """Commit the answers in Parquet files (columns of `LOADED_PREDICTIONS`) to PREDICTIONS, in one transaction.

    An answer of the same version to the same image that is already there stays as it is. Answers to images that were
    forgotten on request meanwhile are left out.

    Args:
        warehouse: A session, not in a transaction.
        files: One file a batch, of different names.
        run_id: The run that answers.
        work_path: Where this try of the task may put files below the work stage.

    Returns:
        The number of answers that were not there before the run, whichever of its tries has added them.

    Raises:
        RecalledVersionError: The version was rolled back since it answered; nothing is written.
        IncompleteWriteError: Not every key that was loaded was found afterwards; nothing is written.
    """
    started = time.monotonic()

    def merge() -> int:
        recalled = warehouse.fetch("predictions/select_recalled_versions", _Version)
        if recalled:
            raise RecalledVersionError(
                f"version {recalled[0].version} was rolled back while it answered: its answers are not written, "
                "the images are pending again"
            )
        warehouse.run("predictions/delete_forgotten_answers")
        warehouse.run("predictions/merge_predictions", run_id=run_id)
        missing = warehouse.fetch("predictions/count_missing_keys", _Count)[0].n
        if missing:
            raise IncompleteWriteError(
                f"{missing} answers of run {run_id} did not arrive in PREDICTIONS; none was kept"
            )
        # Not what this MERGE has added: an earlier try may have been killed after its commit.
        return warehouse.fetch("predictions/count_answers_of_run", _Count, run_id=run_id)[0].n

    with loaded(warehouse, LOADED_PREDICTIONS, files, work_path=work_path):
        n_new = warehouse.alone(merge)
    log.info("committed %d new answers in %.1f s", n_new, time.monotonic() - started)
    return n_new
