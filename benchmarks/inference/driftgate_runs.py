"""Driftgate's inference without Airflow: from a staged JPEG to a committed row, in one process."""

import resource
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.inference.networks import JPEG_DETAIL, MadeNetwork, Network
from benchmarks.memory_runs import SAMPLED_EVERY_S, in_a_fork
from benchmarks.own_warehouse import own_session, own_warehouse
from include.catalog.keys import ImageKey
from include.catalog.plan import pending_images
from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.config_parts import PreprocessingConfig
from include.models.baseline import Baseline, build_baseline
from include.registry.answering import Answers, answer_batch
from include.registry.artefacts import load_version, upload_model
from include.registry.ledger import register
from include.store.batches import Batch, write_batches
from include.store.files import FileStore
from include.warehouse.embedded.server import Urls
from include.warehouse.session import Warehouse
from include.warehouse.write_back import commit_predictions

_WORK_PATH = "bench"
_RARELY_S = 1.0
"""How often the memory of a run is looked at that is measured for its speed."""
_EMPTIED = ("DELETE FROM PIXELS", "DELETE FROM PREDICTIONS", "UPDATE IMAGES SET CONTENT_SHA256 = NULL")
"""What makes the images as new as they were: nothing is known of them but that they are staged."""


class ProcessorTime(NamedTuple):
    """What a run took of the cores, in seconds; the warehouse's server and waiting took the rest of them."""

    task: float
    """Of the process that fetches, computes and commits."""
    decoders: float

    @classmethod
    def so_far(cls) -> "ProcessorTime":
        """Return what this process, and those of its children that have ended, have taken."""
        whose = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return cls(*(used.ru_utime + used.ru_stime for used in whose))


class Inference(NamedTuple):
    """What one run took."""

    n_images: int
    seconds: float
    processor: ProcessorTime
    peak_bytes: int
    """The most that the process and those that it starts had in memory at once."""
    anonymous_bytes: int
    """The most of it that are no pages of files, such as those of torch's libraries, which tasks share."""
    labels: Mapping[str, str]
    """The committed answers by path; empty if nobody has asked for them."""

    @property
    def images_per_second(self) -> float:
        """From the first fetch to the end of the commit."""
        return self.n_images / self.seconds


class _Committed(NamedTuple):
    n_images: int
    seconds: float
    processor: ProcessorTime
    labels: dict[str, str]


class StagedPhotos:
    """Photos in a stage of a warehouse, and versions that can answer them.

    Args:
        config: The pipeline, which is set up.
        port: Where its warehouse listens.
    """

    def __init__(self, config: PipelineConfig, port: int) -> None:
        self._config = config
        self._port = port
        self._keys: list[ImageKey] = in_a_fork(self._sync).returned
        self._versions: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def register(self, network: Network, made: MadeNetwork, *, classes: Sequence[str]) -> None:
        """Make a version of a network."""
        registered = in_a_fork(lambda: self._register(network, made, classes))
        self._versions[network.architecture] = registered.returned

    def answer(
        self, network: Network, *, n_images: int, tell_labels: bool = False, watch_memory: bool = False
    ) -> Inference:
        """Answer photos, in a fork that has nothing but the libraries, and commit the answers.

        Args:
            network: Which version answers.
            n_images: How many photos, the first ones of the stage.
            tell_labels: Whether the committed answers are read afterwards.
            watch_memory: Whether the peak of its memory is to be exact, which takes some of a core.
        """
        forked = in_a_fork(
            lambda: self._answer(network, n_images, tell_labels=tell_labels),
            sampled_every_s=SAMPLED_EVERY_S if watch_memory else _RARELY_S,
        )
        run: _Committed = forked.returned
        return Inference(run.n_images, run.seconds, run.processor, forked.resident, forked.anonymous, run.labels)

    def _sync(self) -> list[ImageKey]:
        with own_session(self._config, self._port) as warehouse:
            sync_stage(warehouse, self._config.stages.incoming, labels=None, accept_removals=False)
            return pending_images(warehouse, self._config)

    def _register(self, network: Network, made: MadeNetwork, classes: Sequence[str]) -> int:
        with own_session(self._config, self._port) as warehouse:
            return register(
                warehouse,
                config=self._config,
                snapshot_id="bench",
                metrics={"accuracy": 0.5},
                n_training_images=1,
                artifact_path=upload_model(warehouse, made.artefact, sha256=made.card_sha256),
                sha256=made.card_sha256,
                temperature=1.0,
                baseline=_any_baseline(classes),
                run_id=f"training {network.architecture}",
            )

    def _answer(self, network: Network, n_images: int, *, tell_labels: bool) -> _Committed:
        version = self._versions[network.architecture]
        with own_session(self._config, self._port) as warehouse:
            shutil.rmtree(self._config.store_url, ignore_errors=True)
            with closing(warehouse._connection.cursor()) as cursor:
                for statement in _EMPTIED:
                    cursor.execute(statement)
            store = FileStore(self._config.store_url)
            load_version(warehouse, store, version)  # a store has the files of its champion
            preprocessing = PreprocessingConfig(size=network.size, jpeg_detail=JPEG_DETAIL)
            [batch] = write_batches(store, [self._keys[:n_images]], preprocessing=preprocessing, version=version)
            run_id = f"{network.architecture} {time.monotonic_ns()}"
            before, started = ProcessorTime.so_far(), time.monotonic()
            answers = answer_staged(warehouse, store, batch, config=self._config, run_id=run_id)
            file = store.local_path(answers.path)
            n_new = commit_predictions(warehouse, [file], run_id=run_id, work_path=_WORK_PATH)
            seconds, after = time.monotonic() - started, ProcessorTime.so_far()
            if n_new != len(self._keys[:n_images]):
                raise RuntimeError(f"{len(self._keys[:n_images])} photos were to be answered, {n_new} were")
            processor = ProcessorTime(after.task - before.task, after.decoders - before.decoders)
            return _Committed(n_new, seconds, processor, _labels(warehouse) if tell_labels else {})


def answer_staged(
    warehouse: Warehouse, store: FileStore, batch: Batch, *, config: PipelineConfig, run_id: str
) -> Answers:
    """Do what the tasks of an inference run do with a batch, up to its commit."""
    return answer_batch(
        warehouse,
        store,
        batch,
        stages=config.stages,
        run_id=run_id,
        work_path=_WORK_PATH,
        keep_features=config.inference.keep_features,
    )


@contextmanager
def staged_photos(folder: Path, photos: Path, *, urls: Urls) -> Iterator[StagedPhotos]:
    """Start a warehouse whose incoming stage is a folder of photos.

    Args:
        folder: An empty one for what the warehouse keeps.
        photos: The stage's files, which are only read.
        urls: What the tasks read the photos by.
    """
    with own_warehouse(folder, urls=urls, incoming=photos) as own:
        yield StagedPhotos(own.config, own.port)


def _labels(warehouse: Warehouse) -> dict[str, str]:
    with closing(warehouse._connection.cursor()) as cursor:
        rows = cursor.execute("SELECT RELATIVE_PATH, TYPE FROM PREDICTIONS").fetchall()
    return {str(path): str(label) for path, label in rows}


def _any_baseline(classes: Sequence[str]) -> Baseline:
    """Return a baseline, without which there is no version; nothing is compared with it here."""
    return build_baseline(
        np.eye(len(classes), dtype=np.float32),
        np.arange(len(classes), dtype=np.int64),
        classes=classes,
        features=np.empty((len(classes), 0), dtype=np.float32),
        image_statistics={},
        n_undecodable=0,
    )
