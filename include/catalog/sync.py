"""The catalog follows the stage: a row of IMAGES for every version of every file, with when it came and went."""

import logging
import re
import time
from typing import NamedTuple

from include.catalog.forgotten import quarantine_forgotten
from include.config_parts import LabelsConfig, StageConfig
from include.errors import CatalogShrunkError, StageError, WarehouseError
from include.warehouse.identifiers import quote_identifier
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

MAX_REMOVED_SHARE = 0.20
"""A sync that would drop a larger share of the live images stops: an unmounted folder looks just like that."""

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


class _Live(NamedTuple):
    n_live: int


class _Missing(NamedTuple):
    n_live: int
    n_missing: int


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
    identifiers = {"stage": quote_identifier(stage.name)}
    _refresh(warehouse, stage, identifiers)
    pattern, group = _snowflake_pattern(labels)

    def merge() -> tuple[int, int]:
        missing = warehouse.fetch(
            "catalog/count_missing_images", _Missing, stage_name=stage.name, identifiers=identifiers
        )[0]
        if missing.n_missing > MAX_REMOVED_SHARE * missing.n_live and not accept_removals:
            raise CatalogShrunkError(
                f"stage {stage.name} no longer holds {missing.n_missing} of its {missing.n_live} live images: "
                "if its folder is mounted and they were removed on purpose, run again with accept_removals"
            )
        changed = warehouse.run(
            "catalog/merge_images",
            stage_name=stage.name,
            label_pattern=pattern,
            label_group=group,
            identifiers=identifiers,
        )
        quarantine_forgotten(warehouse)
        return changed, warehouse.run("catalog/mark_gone_images", stage_name=stage.name, identifiers=identifiers)

    n_changed, n_gone = warehouse.alone(merge)
    [live] = warehouse.fetch("catalog/count_live_images", _Live, stage_name=stage.name)
    log.info(
        "stage %s: %d live images, %d new or changed, %d gone, in %.1f s",
        stage.name,
        live.n_live,
        n_changed,
        n_gone,
        time.monotonic() - started,
    )
    return SyncResult(stage.name, live.n_live, n_changed, n_gone)


def _refresh(warehouse: Warehouse, stage: StageConfig, identifiers: dict[str, str]) -> None:
    try:
        warehouse.run("catalog/refresh_stage", identifiers=identifiers)
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
