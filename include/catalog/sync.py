"""The catalog follows the stage: a row of IMAGES for every version of every file, with when it came and went.

Where the stage's stream tells what has changed, only that is looked at; else all of the stage is compared with the
catalog. Both ways end with the same rows, and both consume the stream in the transaction that writes them.
"""

import json
import logging
import re
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

from include.catalog.forgotten import quarantine_forgotten
from include.catalog.listing import list_stage
from include.config_parts import LabelsConfig, StageConfig
from include.errors import CatalogShrunkError, StageError, WarehouseError
from include.warehouse.identifiers import quote_identifier, stream_of
from include.warehouse.session import Warehouse
from include.warehouse.stage_streams import ShownStream, find_stream

log = logging.getLogger(__name__)

MAX_REMOVED_SHARE = 0.20
"""A sync that would drop a larger share of the live images stops: an unmounted folder looks just like that."""

MAX_COMPARISON_AGE_S = 86_400
"""After a day all of a stage is compared again, whatever its stream tells."""

_MATCHES_NO_PATH = "^()$"


class SyncResult(NamedTuple):
    """What a sync of one stage found."""

    stage: str
    n_live: int
    """Live images after the sync."""
    n_changed: int
    """Versions of files that were new, came back, or are labelled differently now."""
    n_gone: int
    """Versions of files that the stage no longer holds."""
    is_incremental: bool
    """Whether the stage's stream has told what had changed; else all of the stage was compared."""


class _Live(NamedTuple):
    n_live: int


class _Missing(NamedTuple):
    n_live: int
    n_missing: int


class _Comparisons(NamedTuple):
    n_comparisons: int


class _Statements(NamedTuple):
    """The statements of one way to find what has changed."""

    count_missing: str
    merge: str
    mark_gone: str


_COMPARING = _Statements("catalog/count_missing_images", "catalog/merge_images", "catalog/mark_gone_images")
_BY_STREAM = _Statements("catalog/count_missing_changes", "catalog/merge_changes", "catalog/mark_gone_changes")


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """How a stage is read: what stays the same as long as its stream tells all that matters."""

    stage: StageConfig
    label_pattern: str
    label_group: int
    stream: ShownStream | None
    """None: all of the stage is compared each time."""

    @property
    def identifiers(self) -> dict[str, str]:
        """What its statements may name."""
        return {"stage": quote_identifier(self.stage.name), "stream": stream_of(self.stage.name)}

    @property
    def values(self) -> dict[str, Any]:
        """What its statements may bind."""
        return {
            "stage_name": self.stage.name,
            "prefix": self.stage.prefix,
            "label_pattern": self.label_pattern,
            "label_group": self.label_group,
            "read_as": self._as_text(),
            "max_age_seconds": MAX_COMPARISON_AGE_S,
        }

    def _as_text(self) -> str:
        """Return what a comparison was made with: with anything else, the stream since then does not tell enough."""
        place = {"url": self.stage.url, "prefix": self.stage.prefix}
        labels = {"label_pattern": self.label_pattern, "label_group": self.label_group}
        stream = {"stream": str(self.stream.created_on) if self.stream else None}
        return json.dumps({**place, **labels, **stream}, sort_keys=True)


def sync_stage(
    warehouse: Warehouse, stage: StageConfig, *, labels: LabelsConfig | None, accept_removals: bool
) -> SyncResult:
    """Bring IMAGES up to date with one stage.

    Args:
        warehouse: A session, not in a transaction.
        stage: The stage.
        labels: How an image's label is read off its path; none: its images have no label of their own.
        accept_removals: Go on even if more than a fifth of the live images are gone.

    Raises:
        StageError: The stage or its folder is not there.
        CatalogShrunkError: More than a fifth of the live images are gone.
    """
    started = time.monotonic()
    _refresh(warehouse, stage)
    pattern, group = _snowflake_pattern(labels)
    stream = _readable_stream(warehouse, stage)
    reading = _Reading(stage=stage, label_pattern=pattern, label_group=group, stream=stream)
    result = warehouse.alone(lambda: _merge(warehouse, reading, accept_removals=accept_removals))
    log.info(
        "stage %s: %d live images, %d new or changed, %d gone, %s, in %.1f s",
        stage.name,
        result.n_live,
        result.n_changed,
        result.n_gone,
        "by its stream" if result.is_incremental else "all of it compared",
        time.monotonic() - started,
    )
    return result


def _merge(warehouse: Warehouse, reading: _Reading, *, accept_removals: bool) -> SyncResult:
    """Change IMAGES as the stage has changed, in a transaction that is alone."""
    name, values, identifiers = reading.stage.name, reading.values, reading.identifiers
    is_incremental = reading.stream is not None and _was_compared(warehouse, values)
    statements = _BY_STREAM if is_incremental else _COMPARING
    [missing] = warehouse.fetch(statements.count_missing, _Missing, identifiers=identifiers, **values)
    if missing.n_missing > MAX_REMOVED_SHARE * missing.n_live and not accept_removals:
        raise CatalogShrunkError(
            f"stage {name} no longer holds {missing.n_missing} of its {missing.n_live} live images: "
            "if its folder is mounted and they were removed on purpose, run again with accept_removals"
        )
    n_changed = warehouse.run(statements.merge, identifiers=identifiers, **values)
    quarantine_forgotten(warehouse)
    n_gone = warehouse.run(statements.mark_gone, identifiers=identifiers, **values)
    if reading.stream is not None and not is_incremental:
        warehouse.run("catalog/delete_comparison", **values)
        warehouse.run("catalog/insert_comparison", identifiers=identifiers, **values)
    [live] = warehouse.fetch("catalog/count_live_images", _Live, stage_name=name)
    return SyncResult(name, live.n_live, n_changed, n_gone, is_incremental)


def _was_compared(warehouse: Warehouse, values: dict[str, Any]) -> bool:
    """Say whether the stream shows all that has changed since all of the stage was compared."""
    [found] = warehouse.fetch("catalog/count_comparisons", _Comparisons, **values)
    return found.n_comparisons > 0


def _readable_stream(warehouse: Warehouse, stage: StageConfig) -> ShownStream | None:
    stream = find_stream(warehouse, stage)
    if stream is not None and stream.is_stale:
        log.warning(
            "stream %s is stale, so all of stage %s is compared: run ./driftgate setup", stream.name, stage.name
        )
        return None
    return stream


def _refresh(warehouse: Warehouse, stage: StageConfig) -> None:
    try:
        list_stage(warehouse, stage)
    except WarehouseError as error:
        if error.is_transient:
            raise
        raise StageError(
            f"stage {stage.name} ({stage.url or 'internal'}) cannot be listed: {error}. Check that its files "
            "are there, and run ./driftgate setup after the pipeline file has changed"
        ) from error


def _snowflake_pattern(labels: LabelsConfig | None) -> tuple[str, int]:
    """Return the label's pattern without group names, which Snowflake does not know, and its group's number."""
    if labels is None:
        return _MATCHES_NO_PATH, 1
    pattern = labels.from_path
    return re.sub(r"\(\?P<[^>]+>", "(", pattern), re.compile(pattern).groupindex["label"]
