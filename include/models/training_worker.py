"""One of several processes that train a network: `python -m torch.distributed.run … -m include.models.training_worker`.

It goes on from the run's newest checkpoint, so that torchrun may start it again.
"""

import logging
import os
import sys
import threading
import time
from pathlib import Path

import safetensors.torch
import torch
from torch import distributed

from include.errors import ModelError
from include.models.distributed import (
    JOB_FILE,
    RESULT_FILE,
    START_FILE,
    WEIGHTS_FILE,
    TrainingJob,
    TrainingResult,
)
from include.models.team import Share, Team
from include.models.training import TrainedModel, train
from include.store.files import FileStore


def main() -> None:
    """Train, and let the first process write what came of it."""
    folder = Path(sys.argv[1])
    job = TrainingJob.model_validate_json((folder / JOB_FILE).read_bytes())
    threading.Thread(target=_end_with, args=(job.parent,), daemon=True).start()
    team = Team(share=Share(rank=int(os.environ["RANK"]), n_processes=int(os.environ["WORLD_SIZE"])))
    logging.basicConfig(level=logging.INFO if team.is_first else logging.WARNING, format="%(message)s")
    _join(folder, job, team)
    try:
        trained = _train(folder, job, team)
    except ModelError as error:  # it would happen again; the sum of all losses is the same in each process
        if team.is_first:
            _write_result(folder, TrainingResult(failure=str(error)))
        return
    if team.is_first:
        safetensors.torch.save_file(trained.model.state_dict(), folder / WEIGHTS_FILE)
        _write_result(
            folder, TrainingResult(history=trained.history, n_images=trained.n_images, seconds=trained.seconds)
        )
    distributed.barrier()
    distributed.destroy_process_group()


def _join(folder: Path, job: TrainingJob, team: Team) -> None:
    """Meet the other processes, in a file of this start of theirs."""
    if job.compute.device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    meeting = folder / f"meeting-{os.environ['TORCHELASTIC_RESTART_COUNT']}"
    distributed.init_process_group(
        "nccl" if job.compute.device == "cuda" else "gloo",
        init_method=f"file://{meeting}",
        rank=team.share.rank,
        world_size=team.share.n_processes,
    )


def _train(folder: Path, job: TrainingJob, team: Team) -> TrainedModel:
    store, identity = FileStore(job.store_url), job.identity
    training = job.training.read(store)
    return train(
        images=training.images,
        labels=training.labels,
        validation=job.validation.read(store),
        classes=identity.classes,
        architecture=identity.model.architecture,
        weights=str(folder / START_FILE),
        settings=identity.training,
        seed=identity.seed,
        horizontal_flip=identity.training.horizontal_flip,
        compute=job.compute,
        checkpoints=job.checkpoints,
        team=team,
    )


def _write_result(folder: Path, result: TrainingResult) -> None:
    """Write the result; it is whole or not there."""
    path = folder / f"{RESULT_FILE}.part"
    path.write_text(result.model_dump_json(), encoding="utf-8")
    path.replace(folder / RESULT_FILE)


def _end_with(parent: int) -> None:
    """End this process once another one is gone: nobody would read what it comes to."""
    while True:
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            os._exit(1)
        except PermissionError:  # it is there, and another user's
            pass
        time.sleep(1)


if __name__ == "__main__":
    main()
