"""Pruning the store: what nobody needs and is older than `store.keep_days` goes, then what is over `store.max_gb`.

A segment goes when nobody needs any of its images: it is never rewritten for those that are left.

This is safe beside running runs. What one needs is protected by `Need`, or was written, or named, within the last day,
which always stays. Rows of PIXELS and FEATURES go first, in a transaction that is alone, and then the files: who looks
for the pixels in between makes them anew from the stage, and who was interrupted here has left a file that the next
call finds without a name.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from include.catalog.plan import pending_images
from include.config import PipelineConfig
from include.store.files import FileStore
from include.store.leftovers import (
    WorkPath,
    delete_unnamed,
    forget_segments,
    named_segments,
    old_work_paths,
    remove_work_paths,
)
from include.store.needs import LEAST_AGE, NOTHING, Amount, Thing, other_things, segment_things
from include.warehouse.loading import LOADED_KEYS, loaded_rows
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

_WORK = "files on their way into tables"


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """What was removed and what is left, by kind; of a dry run, what would be."""

    removed: Mapping[str, Amount]
    left: Mapping[str, Amount]
    kept_for: Mapping[str, Amount]
    """What is left, by the reason for it."""
    max_bytes: int | None
    """What `store.max_gb` allows."""

    @property
    def freed(self) -> Amount:
        """All that was removed."""
        return _sum(self.removed.values())

    @property
    def remaining(self) -> Amount:
        """All that is left."""
        return _sum(self.left.values())

    @property
    def excess(self) -> int:
        """By how many bytes what is left is over what `store.max_gb` allows: all of it is kept for a reason."""
        return max(0, self.remaining.n_bytes - self.max_bytes) if self.max_bytes is not None else 0


def prune(warehouse: Warehouse, store: FileStore, config: PipelineConfig, *, dry_run: bool, work_path: str) -> Pruned:
    """Remove from the store what nobody needs, and then, oldest first, what is over `store.max_gb` and not protected.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        config: The pipeline.
        dry_run: Only say what would be removed.
        work_path: Where the caller may put files below the work stage.

    Raises:
        StoreError: A file cannot be listed or deleted, or this is another store than the runs use.
    """
    started = time.monotonic()
    files = store.list_files()
    named_segments(warehouse, files, store)
    keep = max(timedelta(days=config.store.keep_days), LEAST_AGE)
    others = other_things(warehouse, files, keep=keep)
    work = old_work_paths(warehouse, age=LEAST_AGE)
    if not dry_run:
        # First, as a disk that is full has no room for the rows that the rest takes.
        _delete_others(store, [thing for thing in others if thing.is_due])
        remove_work_paths(warehouse, work)

    def decide() -> tuple[list[Thing], list[Thing]]:
        things = segment_things(warehouse, files, config, keep=keep) + others
        removed, left = _divided(things, max_bytes=_max_bytes(config))
        named = [thing.segment for thing in removed if thing.segment is not None]
        if named and not dry_run:
            forget_segments(warehouse, named)
        return removed, left

    with loaded_rows(warehouse, LOADED_KEYS, pending_images(warehouse, config), work_path=work_path):
        removed, left = decide() if dry_run else warehouse.alone(decide)
    if not dry_run:
        kept = _delete(warehouse, store, removed)
        left += [thing._replace(age=timedelta(0)) for thing in kept]
        removed = [thing for thing in removed if thing not in kept]
        store.delete_stale_copies()
    pruned = _pruned(removed, left, work, max_bytes=_max_bytes(config))
    log.info(
        "%s %d files, %.3f GB, %.3f GB are left, in %.1f s",
        "would remove" if dry_run else "removed",
        pruned.freed.n_files,
        pruned.freed.n_bytes / 1e9,
        pruned.remaining.n_bytes / 1e9,
        time.monotonic() - started,
    )
    return pruned


def _divided(things: Sequence[Thing], *, max_bytes: int | None) -> tuple[list[Thing], list[Thing]]:
    """Return what is to be removed and what is left."""
    removed = [thing for thing in things if thing.is_due]
    left = [thing for thing in things if not thing.is_due]
    if max_bytes is None:
        return removed, left
    excess = sum(thing.amount.n_bytes for thing in left) - max_bytes
    stays = []
    for thing in sorted(left, key=lambda thing: thing.age, reverse=True):
        if excess > 0 and thing.kept_for is None and thing.age > LEAST_AGE and thing.files:
            excess -= thing.amount.n_bytes
            removed.append(thing)
        else:
            stays.append(thing)
    return removed, stays


def _delete(warehouse: Warehouse, store: FileStore, things: Sequence[Thing]) -> list[Thing]:
    """Delete files, and return what was not: it has been needed again meanwhile."""
    segments = [thing for thing in things if thing.is_segment]
    files = [file for thing in segments for file in thing.files]
    deleted = {file.name for file in delete_unnamed(warehouse, store, files)}
    kept = [thing for thing in segments if any(file.name not in deleted for file in thing.files)]
    return kept + _delete_others(store, [thing for thing in things if not thing.is_segment])


def _delete_others(store: FileStore, things: Sequence[Thing]) -> list[Thing]:
    """Delete what are no segments, and return what was not, as it has been written again: it keeps its name."""
    kept = []
    for thing in things:
        if any(store.find(file.name) not in {file, None} for file in thing.files):
            kept.append(thing)
            continue
        for file in thing.files:
            store.delete(file.name)
    return kept


def _pruned(
    removed: Iterable[Thing], left: Iterable[Thing], work: Iterable[WorkPath], *, max_bytes: int | None
) -> Pruned:
    removed_of: dict[str, Amount] = defaultdict(lambda: NOTHING)
    left_of: dict[str, Amount] = defaultdict(lambda: NOTHING)
    kept_for: dict[str, Amount] = defaultdict(lambda: NOTHING)
    for thing in removed:
        removed_of[thing.kind] = removed_of[thing.kind].plus(thing.amount)
    for path in work:
        removed_of[_WORK] = removed_of[_WORK].plus(Amount(path.n_files, path.n_bytes))
    for thing in left:
        left_of[thing.kind] = left_of[thing.kind].plus(thing.amount)
        reason = thing.kept_for or ("younger than a day" if thing.age <= LEAST_AGE else "younger than store.keep_days")
        kept_for[reason] = kept_for[reason].plus(thing.amount)
    return Pruned(removed=dict(removed_of), left=dict(left_of), kept_for=dict(kept_for), max_bytes=max_bytes)


def _sum(amounts: Iterable[Amount]) -> Amount:
    total = NOTHING
    for amount in amounts:
        total = total.plus(amount)
    return total


def _max_bytes(config: PipelineConfig) -> int | None:
    return None if config.store.max_gb is None else int(config.store.max_gb * 1e9)
