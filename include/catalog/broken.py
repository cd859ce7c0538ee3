"""Whether it is the images that are broken, and not a few bad files among them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

from include.errors import BrokenImagesError
from include.warehouse.loading import LOADED_KEYS, loaded
from include.warehouse.session import Warehouse

MIN_BAD_IMAGES = 5
"""Fewer undecodable images never stop a run, however few images it has."""

BROKEN_IMAGES = "BROKEN_IMAGES"
"""How the outcome of a run begins that stopped because of its images."""

_N_NAMED_REASONS = 3
_MAX_NAME = 100
"""Characters of a file's name that are shown; its end tells more than its beginning."""


class _Row(NamedTuple):
    reason: str | None
    n_images: int
    relative_path: str


class Reason(NamedTuple):
    """Why some images cannot be decoded."""

    reason: str
    n_images: int
    paths: tuple[str, ...]
    """Some of them, at most three."""

    @property
    def sentence(self) -> str:
        """Why, how many, and which; file names may hold anything, and are quoted as Python does."""
        shown = [repr(path if len(path) <= _MAX_NAME else f"…{path[1 - _MAX_NAME :]}") for path in self.paths]
        if self.n_images > len(self.paths):
            shown.append("…")
        count = "1 image" if self.n_images == 1 else f"{self.n_images:,} images"
        return f"{self.reason}: {count} ({', '.join(shown)})"


class Judgement(NamedTuple):
    """How many of the images that a run is about cannot be decoded, and why."""

    n_images: int
    n_bad: int
    reasons: tuple[Reason, ...]
    """The most frequent first."""

    @classmethod
    def of_rows(cls, rows: Sequence[_Row]) -> Self:
        """Return what rows of the statements below say, each with a path and the number of images of its reason."""
        paths: dict[str | None, list[str]] = {}
        n_images: dict[str | None, int] = {}
        for row in rows:
            paths.setdefault(row.reason, []).append(row.relative_path)
            n_images[row.reason] = row.n_images
        reasons = tuple(
            Reason(reason, n_images[reason], tuple(of_reason))
            for reason, of_reason in paths.items()
            if reason is not None
        )
        return cls(sum(n_images.values()), sum(reason.n_images for reason in reasons), reasons)

    @property
    def bad_fraction(self) -> float:
        """The share that cannot be decoded, 0 to 1."""
        return self.n_bad / self.n_images if self.n_images else 0.0

    @property
    def sentence(self) -> str:
        """The numbers."""
        return f"{self.n_bad:,} of {self.n_images:,} images cannot be decoded ({self.bad_fraction:.1%})"


def judge_batches(warehouse: Warehouse, files: Sequence[Path], *, work_path: str) -> Judgement:
    """Return how many images of batches are in quarantine.

    Args:
        warehouse: A session, not in a transaction.
        files: Parquet files of the batches' keys (columns of `LOADED_KEYS`), of different names.
        work_path: Where this try of the task may put files below the work stage.
    """
    with loaded(warehouse, LOADED_KEYS, files, work_path=work_path):
        return Judgement.of_rows(warehouse.fetch("quarantine/judge_loaded_images", _Row))


def judge_snapshot(warehouse: Warehouse, *, snapshot_id: str) -> Judgement:
    """Return how many images of a snapshot are in quarantine."""
    return Judgement.of_rows(warehouse.fetch("quarantine/judge_snapshot_images", _Row, snapshot_id=snapshot_id))


def refuse_broken(judgement: Judgement, *, max_bad_fraction: float) -> None:
    """Stop if it is the images that are broken.

    Args:
        judgement: Of the images that the run is about.
        max_bad_fraction: The largest share of undecodable ones that is let pass.

    Raises:
        BrokenImagesError: A larger share cannot be decoded, and not just a few.
    """
    if judgement.n_bad < MIN_BAD_IMAGES or judgement.bad_fraction <= max_bad_fraction:
        return
    reasons = "; ".join(reason.sentence for reason in judgement.reasons[:_N_NAMED_REASONS])
    raise BrokenImagesError(
        f"{judgement.sentence}, and images.max_bad_fraction allows {max_bad_fraction:.1%}. Most of them: {reasons}. "
        "QUARANTINE has each of them: repair or remove them in the stage, or raise images.max_bad_fraction in the "
        "pipeline file"
    )
