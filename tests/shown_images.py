"""Images with answers, labels and pixels in the warehouse, as runs would have left them, without a network."""

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from include.config import PipelineConfig
from include.models.baseline import CONFIDENCE_EDGES, Baseline, FeatureSample
from include.registry.ledger import champion_event_seq, promote, register
from include.store.files import FileStore
from include.store.pixels import write_segment
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
START = datetime(2026, 3, 1, 12)
"""An answer's or a label's time is so many minutes after it."""


class ShownImages:
    """Fills a pipeline with images that a gallery can show.

    Args:
        warehouse: A session on the pipeline's schema.
        store: Its files.
        config: The pipeline.
        query: Runs any SQL.
    """

    def __init__(self, warehouse: Warehouse, store: FileStore, config: PipelineConfig, query: Query) -> None:
        self._warehouse = warehouse
        self._store = store
        self._config = config
        self._query = query

    def promote(self, *, features: Sequence[Sequence[float]] = ()) -> int:
        """Make a new version champion, whose held-out images had these features; return its number."""
        rows = np.array(features, dtype=np.float32)
        baseline = Baseline(
            edges=CONFIDENCE_EDGES,
            counts_by_class={"hat": (1,) * (len(CONFIDENCE_EDGES) - 1)},
            image_statistics={},
            features=FeatureSample(rows=rows, truth=("hat",) * len(rows)) if len(rows) else None,
        )
        run_id = f"training {champion_event_seq(self._warehouse)}"
        version = register(
            self._warehouse,
            config=self._config,
            snapshot_id="s",
            metrics={},
            n_training_images=7,
            artifact_path="a/",
            sha256=run_id,
            temperature=1.0,
            baseline=baseline,
            run_id=run_id,
        )
        expected = champion_event_seq(self._warehouse)
        promote(self._warehouse, version=version, expected_event_seq=expected, reason="good", run_id=run_id)
        return version

    def see(self, path: str, *, is_gone: bool = False) -> str:
        """Put an image into the catalog, and return the digest that stands for its content."""
        content = hashlib.sha256(path.encode()).hexdigest()
        self._query(
            "INSERT INTO IMAGES (STAGE, RELATIVE_PATH, ETAG, SIZE, CONTENT_SHA256, SPLIT, FIRST_SEEN_AT, GONE_AT) "
            "SELECT 'INCOMING_IMAGES', %(path)s, 'e', 12, %(content)s, 'test', SYSDATE(), "
            "IFF(%(gone)s, SYSDATE(), NULL)",
            path=path,
            content=content,
            gone=is_gone,
        )
        return content

    def answer(
        self,
        version: int,
        path: str,
        confidence: float = 0.9,
        *,
        class_name: str = "hat",
        minute: int = 0,
        features: Sequence[float] | None = None,
    ) -> None:
        """Let a version answer an image."""
        self._query(
            "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, PRED_TIMESTAMP, "
            "RUN_ID, COMMIT_SEQ, FEATURES) SELECT 'INCOMING_IMAGES', %(path)s, 'e', %(version)s, %(type)s, "
            "%(confidence)s::VARCHAR::FLOAT, PARSE_JSON('[1]'), %(at)s, 'run', "
            "(SELECT COALESCE(MAX(COMMIT_SEQ), 0) + 1 FROM PREDICTIONS), PARSE_JSON(%(features)s)",
            path=path,
            version=version,
            type=class_name,
            confidence=str(confidence),
            at=START + timedelta(minutes=minute),
            features=json.dumps(list(features)) if features is not None else None,
        )

    def label(self, path: str, label: str, *, minute: int) -> None:
        """Let a person label an image."""
        self._query(
            "INSERT INTO LABELS SELECT 'INCOMING_IMAGES', %(path)s, 'e', %(label)s, 'person', %(at)s",
            path=path,
            label=label,
            at=START + timedelta(minutes=minute),
        )

    def prepare(
        self, *contents: str, colour: tuple[int, int, int] = (250, 0, 0), size: int = 8, shape: str = ""
    ) -> str:
        """Put the pixels of contents into a segment, whose name is returned; `shape` is "WIDTHxHEIGHT" of originals."""
        width, height = shape.split("x") if shape else (size, size)
        pixels = np.broadcast_to(np.array(colour, dtype=np.uint8), (len(contents), size, size, 3)).copy()
        segment = write_segment(self._store, pixels, preprocessing_digest=f"d{size}", content_digests=contents)
        for row, content in enumerate(contents):
            self._query(
                "INSERT INTO PIXELS SELECT %(content)s, %(digest)s, %(segment)s, %(row)s, %(width)s, %(height)s, 0.5, "
                "0.5, 0.5, 'run', SYSDATE()",
                content=content,
                digest=f"d{size}",
                segment=segment,
                row=row,
                width=int(width),
                height=int(height),
            )
        return segment
