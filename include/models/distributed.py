"""Training on several GPUs of one machine: torchrun starts a process for each, and starts them again if one dies.

What they are to do is a folder: a JSON file and the weights to start from. Nothing listens on the network but the
processes themselves, on the loopback device.
"""

import logging
import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from pydantic import BaseModel, ConfigDict
from torch import nn

from include.config import PROJECT_ROOT
from include.errors import ModelError
from include.models.architectures import build
from include.models.checkpoints import Checkpoints, TrainingIdentity
from include.models.compute import Compute
from include.models.training import TrainedModel
from include.models.training_state import EpochProgress
from include.store.dataset import Dataset, LabelledImages
from include.store.files import FileStore
from include.store.pixels import PixelLocation, PixelReader, SubsetSource

log = logging.getLogger(__name__)

PROCESSES_VARIABLE = "DRIFTGATE_TRAINING_PROCESSES"
"""How many processes train a network; by default as many as there are GPUs, and one without any."""
MAX_RESTARTS = 3
JOB_FILE, START_FILE, RESULT_FILE, WEIGHTS_FILE = "job.json", "start.safetensors", "result.json", "trained.safetensors"
_SECONDS_TO_STOP = 20


class StoredSide(BaseModel):
    """One side of a data set, as another process reads it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    segments: tuple[str, ...]
    segment_of: tuple[int, ...]
    rows: tuple[int, ...]
    labels: tuple[int, ...]

    @classmethod
    def of(cls, side: LabelledImages) -> "StoredSide":
        """Write down where the pixels of a side lie.

        Raises:
            TypeError: They are not in the pixel store.
        """
        locations = SubsetSource(side.images, np.arange(len(side.labels))).locations(np.arange(len(side.labels)))
        segments = tuple(sorted({location.segment for location in locations}))
        place = {segment: number for number, segment in enumerate(segments)}
        return cls(
            segments=segments,
            segment_of=tuple(place[location.segment] for location in locations),
            rows=tuple(location.row for location in locations),
            labels=tuple(side.labels.tolist()),
        )

    def read(self, store: FileStore) -> LabelledImages:
        """Return the images; nobody asks these for their keys."""
        locations = [
            PixelLocation(self.segments[number], row) for number, row in zip(self.segment_of, self.rows, strict=True)
        ]
        return LabelledImages(PixelReader(store, locations), np.array(self.labels, dtype=np.int64), (), ())


class TrainingJob(BaseModel):
    """What each of the processes is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parent: int
    """The process that waits for them; when it is gone they end."""
    store_url: str
    run_id: str
    identity: TrainingIdentity
    every_n_epochs: int
    compute: Compute
    training: StoredSide
    validation: StoredSide

    @property
    def checkpoints(self) -> Checkpoints:
        """The run's checkpoints."""
        return Checkpoints(
            store=FileStore(self.store_url),
            run_id=self.run_id,
            identity=self.identity,
            every_n_epochs=self.every_n_epochs,
        )


class TrainingResult(BaseModel):
    """What the first process leaves."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    failure: str | None = None
    """Why training makes no sense; starting the processes again would not help."""
    history: tuple[EpochProgress, ...] = ()
    n_images: int = 0
    seconds: float = 0.0


def n_training_processes() -> int:
    """Return how many processes are to train a network.

    Raises:
        ModelError: The environment asks for something that is no number of processes.
    """
    asked = os.environ.get(PROCESSES_VARIABLE)
    if not asked:
        return max(1, torch.cuda.device_count())
    if not asked.isdecimal() or not 1 <= int(asked) <= 64:
        raise ModelError(f"{PROCESSES_VARIABLE} is {asked!r}: set it to a number from 1 to 64, or not at all")
    return int(asked)


def train_on_several(
    network: nn.Module, dataset: Dataset, *, checkpoints: Checkpoints, compute: Compute, n_processes: int
) -> TrainedModel:
    """Train a network with several processes, as `include.models.training.train` would with one.

    Each takes its part of every batch, so that the result is nearly that of one process: only sums are made in another
    order, and batch normalisation sees a part of a batch.

    Args:
        network: What training starts from.
        dataset: What it is trained on, in the pixel store.
        checkpoints: Where an earlier try may have left off, and this one keeps how far it is.
        compute: How each process computes.
        n_processes: How many there are.

    Raises:
        ModelError: Training diverged, or the processes have died too often.
    """
    identity = checkpoints.identity
    job = TrainingJob(
        parent=os.getpid(),
        store_url=checkpoints.store.url,
        run_id=checkpoints.run_id,
        identity=identity,
        every_n_epochs=checkpoints.every_n_epochs,
        compute=compute,
        training=StoredSide.of(dataset.train),
        validation=StoredSide.of(dataset.validation),
    )
    with tempfile.TemporaryDirectory(prefix="driftgate-") as name:
        folder = Path(name)
        (folder / JOB_FILE).write_text(job.model_dump_json(), encoding="utf-8")
        safetensors.torch.save_file(
            {name: tensor.contiguous() for name, tensor in network.state_dict().items()}, folder / START_FILE
        )
        exit_status = _run_workers(folder, n_processes=n_processes)
        result = _read_result(folder)
        if result is None:
            raise ModelError(
                f"the {n_processes} processes that train ended with status {exit_status}, after {MAX_RESTARTS} "
                f"restarts at most: see the lines above for why"
            )
        if result.failure is not None:
            raise ModelError(result.failure)
        model = build(identity.model.architecture, n_classes=len(identity.classes), weights=str(folder / WEIGHTS_FILE))
    return TrainedModel(
        model.eval(),
        result.history,
        n_images=result.n_images,
        seconds=result.seconds,
        compute=compute,
        n_processes=n_processes,
    )


def _read_result(folder: Path) -> TrainingResult | None:
    path = folder / RESULT_FILE
    return TrainingResult.model_validate_json(path.read_bytes()) if path.is_file() else None


def _run_workers(folder: Path, *, n_processes: int) -> int:
    """Run torchrun until its processes have ended, and log what they write; return its exit status."""
    command = [
        *(sys.executable, "-m", "torch.distributed.run"),
        *("--nnodes=1", f"--nproc-per-node={n_processes}", f"--max-restarts={MAX_RESTARTS}"),
        *("--rdzv-backend=c10d", f"--rdzv-endpoint={folder / 'rendezvous'}", "--rdzv-conf=store_type=file"),
        *(f"--rdzv-id={folder.name}", "--local-addr=127.0.0.1"),
        *("-m", "include.models.training_worker", str(folder)),
    ]
    loopback = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    environment = {"OMP_NUM_THREADS": "1", **os.environ, **loopback, "PYTHONPATH": str(PROJECT_ROOT)}
    log.info("training with %d processes", n_processes)
    process = subprocess.Popen(  # noqa: S603 - our own program
        command,
        cwd=PROJECT_ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    try:
        _log_lines(process)
        return process.wait()
    finally:
        _stop(process)


def _log_lines(process: "subprocess.Popen[str]") -> None:
    for line in process.stdout or ():
        log.info("%s", line.rstrip())


def _stop(process: "subprocess.Popen[str]") -> None:
    """End torchrun, which ends its processes, if this process stops waiting for it."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_SECONDS_TO_STOP)
    if process.poll() is None:
        process.kill()
        process.wait()
