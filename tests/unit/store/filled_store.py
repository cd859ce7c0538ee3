"""A pipeline's store as its runs fill it, with the real steps but for the network."""

import json
import os
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from include.catalog.forgetting import FoundImage, find_image
from include.catalog.plan import pending_images
from include.catalog.snapshot import freeze_snapshot
from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.config_parts import StoreConfig
from include.images.preprocess import read_digests
from include.models.baseline import CONFIDENCE_EDGES, Baseline
from include.registry.ledger import append_event, register
from include.store.batches import Batch, write_batches
from include.store.files import FileStore
from include.store.forgetting import Forgetting, forget_image
from include.store.pixels import PixelReader
from include.store.preparation import locate_batch, prepare_batch
from include.store.pruning import Pruned, prune
from include.warehouse.loading import LOADED_PREDICTIONS, write_rows
from include.warehouse.session import Warehouse
from include.warehouse.write_back import commit_predictions

DAY_S = 86_400


@dataclass(kw_only=True)
class FilledStore:
    """A pipeline, and what its runs do with it."""

    warehouse: Warehouse
    store: FileStore
    config: PipelineConfig
    put_image: Callable[..., Path]
    copy_champion: Callable[[], None] = lambda: None
    """What `have_champion` calls."""
    n_runs: int = field(default=0)

    @property
    def root(self) -> Path:
        return Path(self.config.store_url)

    def query(self, sql: str, **values: Any) -> list[tuple[Any, ...]]:
        """Run any SQL in the pipeline's schema and return its rows."""
        cursor = self.warehouse._connection.cursor()
        rows: list[tuple[Any, ...]] = cursor.execute(sql, values).fetchall()
        return rows

    def have_champion(self) -> None:
        """Put the least images that can be trained on, and make a champion of them: both copied, which is faster."""
        self.copy_champion()

    def put_classes(self) -> None:
        """Put the least images that can be trained on."""
        for n in (1, 2, 3):
            self.put_image(f"red/{n}.png", colour=(60 * n, 0, 0))
            self.put_image(f"blue/{n}.png", colour=(0, 0, 60 * n))

    def sync(self) -> None:
        stages = self.config.stages
        sync_stage(self.warehouse, stages.training, labels=self.config.labels, accept_removals=True)
        sync_stage(self.warehouse, stages.incoming, labels=None, accept_removals=True)

    def freeze(self) -> tuple[str, Batch]:
        """Freeze a snapshot, and return it with the batch that is to be prepared."""
        self.sync()
        snapshot = freeze_snapshot(
            self.warehouse, self.config, run_id=self.run("t"), work_path=uuid.uuid4().hex, read_digests=read_digests
        )
        [batch] = write_batches(self.store, [snapshot.keys], preprocessing=self.config.preprocessing, version=None)
        return snapshot.snapshot_id, batch

    def train(self) -> str:
        """Freeze and prepare a snapshot."""
        snapshot_id, batch = self.freeze()
        self.prepare(batch)
        return snapshot_id

    def promote(self, snapshot_id: str) -> int:
        """Make a version of a snapshot champion."""
        version = register(
            self.warehouse,
            config=self.config,
            snapshot_id=snapshot_id,
            metrics={"accuracy": 0.9},
            n_training_images=6,
            artifact_path="a/",
            sha256=f"card{snapshot_id[:8]}",
            temperature=1.0,
            baseline=Baseline(edges=CONFIDENCE_EDGES, counts_by_class={}, image_statistics={}),
            run_id=self.run("t"),
        )
        self.warehouse.alone(lambda: append_event(self.warehouse, "PROMOTED", version=version, run_id="t", reason=None))
        return version

    def plan(self) -> Batch | None:
        self.sync()
        pending = pending_images(self.warehouse, self.config)
        version = self.champion
        batches = write_batches(self.store, [pending], preprocessing=self.config.preprocessing, version=version)
        return batches[0] if pending else None

    def prepare(self, batch: Batch) -> None:
        prepare_batch(
            self.warehouse,
            self.store,
            batch,
            stages=self.config.stages,
            run_id=self.run("i"),
            work_path=uuid.uuid4().hex,
        )

    def answer(self, batch: Batch) -> str:
        """Answer a prepared batch, and return the file of the answers."""
        located = locate_batch(self.warehouse, self.store, batch, work_path=uuid.uuid4().hex)
        now = datetime.now(UTC).replace(tzinfo=None)
        path = f"answers/{uuid.uuid4().hex}.parquet"
        rows = [
            (*key, batch.version, "red", 0.9, json.dumps([0.9, 0.1]), now, *look, None)
            for key, look in zip(located.keys, located.looks, strict=True)
        ]
        with self.store.new_file(path) as file:
            write_rows(file, LOADED_PREDICTIONS, rows)
        return path

    def commit(self, answers: str) -> int:
        files = [self.store.local_path(answers)]
        return commit_predictions(self.warehouse, files, run_id=self.run("i"), work_path=uuid.uuid4().hex)

    def infer(self) -> int:
        """Answer what waits, and return how many answers are new."""
        batch = self.plan()
        if batch is None:
            return 0
        self.prepare(batch)
        return self.commit(self.answer(batch))

    def judge(self) -> None:
        """Let a drift check consume all answers."""
        self.query(
            "INSERT INTO DRIFT_CHECKS (CHECK_ID, RUN_ID, VERSION, CHAMPION_EVENT_SEQ, FIRST_COMMIT_SEQ, "
            "LAST_COMMIT_SEQ, N_IMAGES, STATISTICS, THRESHOLDS, VERDICT, ACTION, REASONS, REPORT_PATH, CHECKED_AT) "
            "SELECT %(id)s, 'r', 1, 1, 1, MAX(COMMIT_SEQ), 1, PARSE_JSON('{}'), "
            "PARSE_JSON('{}'), 'STABLE', 'NONE', PARSE_JSON('[]'), NULL, SYSDATE() FROM PREDICTIONS",
            id=uuid.uuid4().hex,
        )

    def pass_days(self, days: float) -> None:
        """Make all that is there older."""
        for table, column in (
            ("IMAGES", "FIRST_SEEN_AT"),
            ("IMAGES", "GONE_AT"),
            ("PREDICTIONS", "PRED_TIMESTAMP"),
            ("PIXELS", "WRITTEN_AT"),
            ("FEATURES", "WRITTEN_AT"),
            ("SNAPSHOTS", "CREATED_AT"),
            ("RUNS", "STARTED_AT"),
        ):
            self.query(
                f"UPDATE {table} SET {column} = DATEADD(SECOND, %(n)s, {column}) WHERE {column} IS NOT NULL",  # noqa: S608
                n=-int(days * DAY_S),
            )
        for file in self.files():
            path = self.root / file
            at = path.stat().st_mtime - days * DAY_S
            os.utime(path, (at, at))

    def leave(self, name: str, *, days: float, content: bytes = b"left") -> str:
        """Leave a file in the store that is as old as that."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (time.time() - days * DAY_S,) * 2)
        return name

    def prune(self, *, dry_run: bool = False, **settings: Any) -> Pruned:
        config = self.config.model_copy(update={"store": StoreConfig(url=self.config.store.url, **settings)})
        return prune(self.warehouse, self.store, config, dry_run=dry_run, work_path=uuid.uuid4().hex)

    def find(self, path: str) -> FoundImage:
        stages = (self.config.stages.training, self.config.stages.incoming)
        return find_image(self.warehouse, self.config, path, stages=stages)

    def forget(self, path: str, *, copies: bool = False) -> Forgetting:
        found = self.find(path)
        return forget_image(
            self.warehouse, self.store, self.config, found, with_copies=copies, actor="alice", reason="asked to"
        )

    def files(self, folder: str = "") -> list[str]:
        top = self.root / folder
        return sorted(str(path.relative_to(self.root)) for path in top.rglob("*") if path.is_file())

    def colours(self) -> dict[str, list[int]]:
        """Return the colour in the middle of each image that PIXELS leads to, by its path."""
        rows = self.query(
            "SELECT IMAGES.RELATIVE_PATH, PIXELS.SEGMENT, PIXELS.SEGMENT_ROW FROM IMAGES "
            "INNER JOIN PIXELS ON IMAGES.CONTENT_SHA256 = PIXELS.CONTENT_SHA256 ORDER BY 1, 2"
        )
        return {path: self.colour_at(segment, row) for path, segment, row in rows}

    def colour_at(self, segment: str, row: int) -> list[int]:
        from include.store.pixels import PixelLocation

        images = PixelReader(self.store, [PixelLocation(segment, row)]).gather(np.array([0]))
        colour: list[int] = images[0, images.shape[1] // 2, images.shape[2] // 2].tolist()
        return colour

    @property
    def champion(self) -> int:
        [(version,)] = self.query("SELECT VERSION FROM CHAMPION")
        return int(version)

    @property
    def segments(self) -> dict[str, str]:
        """Return the segment of each image."""
        rows: Sequence[tuple[str, str]] = self.query(
            "SELECT IMAGES.RELATIVE_PATH, PIXELS.SEGMENT FROM IMAGES "
            "INNER JOIN PIXELS ON IMAGES.CONTENT_SHA256 = PIXELS.CONTENT_SHA256"
        )
        return dict(rows)

    def run(self, kind: str) -> str:
        self.n_runs += 1
        return f"{kind}{self.n_runs}"
