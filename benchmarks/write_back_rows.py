"""Answers as the tasks of a run write them, and files to sync and to fetch, for benchmarks."""

import json
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from include.warehouse.loading import LOADED_PREDICTIONS

_N_CLASSES = 10
_N_FEATURES = 16
_N_LOOKS = 5
_AT = datetime(2026, 11, 21)  # noqa: DTZ001 - a TIMESTAMP_NTZ


def write_answers(folder: Path, *, stage: str, n_answers: int, n_files: int) -> list[Path]:
    """Write answers of version 1 to so many files, and return their paths.

    Paths, ETags, scores and features are as different as those of real images, and as long.
    """
    folder.mkdir()
    random = np.random.default_rng(0)
    bounds = np.linspace(0, n_answers, n_files + 1).astype(int).tolist()
    files = []
    for number, (start, end) in enumerate(pairwise(bounds)):
        files.append(folder / f"{number:03d}.parquet")
        pa.parquet.write_table(_answers(random, stage, start, end), files[-1])
    return files


def _answers(random: np.random.Generator, stage: str, start: int, end: int) -> pa.Table:
    n = end - start
    scores = random.dirichlet(np.full(_N_CLASSES, 0.3), n).astype(np.float32)
    features = np.round(random.normal(size=(n, _N_FEATURES)), 4)
    columns = [
        pa.array([stage] * n),
        pa.array([f"2026/11/{i % 31:02d}/image_{i:08d}.jpg" for i in range(start, end)]),
        pa.array(_digests(random, n)),
        pa.array([1] * n),
        pa.array([f"class {number}" for number in scores.argmax(axis=1)]),
        pa.array(scores.max(axis=1).astype(float)),
        pa.array([json.dumps(row) for row in scores.astype(float).tolist()]),
        pa.array([_AT] * n, pa.timestamp("us")),
        *(pa.array(random.random(n)) for _ in range(_N_LOOKS)),
        pa.array([json.dumps(row, separators=(",", ":")) for row in features.tolist()]),
    ]
    return pa.Table.from_arrays(columns, schema=LOADED_PREDICTIONS.schema)


def _digests(random: np.random.Generator, n: int) -> list[str]:
    digits = random.bytes(16 * n).hex()
    return [digits[start : start + 32] for start in range(0, len(digits), 32)]


def write_images(folder: Path, *, n_files: int, n_bytes: int, seed: str = "") -> list[Path]:
    """Write so many files, a hundred to a folder or more, and return their paths; with another seed, others."""
    paths = []
    for number in range(n_files):
        path = folder / f"{number % 100:02d}" / f"image_{number:08d}.jpg"
        if number < 100:
            path.parent.mkdir(exist_ok=True)
        path.write_bytes(f"{seed} {number} ".encode().ljust(n_bytes, b"."))
        paths.append(path)
    return paths
