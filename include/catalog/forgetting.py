"""Erasing an image from the tables of a pipeline: what there is of it, and then all of it in one transaction."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from include.catalog.forgotten import ForgottenVersion, quarantine_forgotten, read_forgotten
from include.catalog.keys import ImageKey
from include.catalog.listing import list_stage
from include.catalog.similar_paths import name_similar_paths
from include.config import PipelineConfig
from include.config_parts import StageConfig
from include.errors import UnknownImageError, WarehouseError
from include.warehouse.identifiers import quote_identifier
from include.warehouse.loading import LOADED_KEYS, loaded_rows
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)


class ImageVersion(NamedTuple):
    """A version of the image, as the catalog has it."""

    stage: str
    relative_path: str
    etag: str
    content_sha256: str | None
    is_staged: bool
    """Whether the stage holds the file now."""

    @property
    def key(self) -> ImageKey:
        """What names it."""
        return ImageKey(self.stage, self.relative_path, self.etag)


class Copy(NamedTuple):
    """An image with the same content at another place."""

    stage: str
    relative_path: str
    etag: str
    content_sha256: str
    is_live: bool
    """Whether it is used: it is staged, and not in QUARANTINE."""

    @property
    def key(self) -> ImageKey:
        """What names it."""
        return ImageKey(self.stage, self.relative_path, self.etag)


class SnapshotOfImage(NamedTuple):
    """A snapshot that holds the image, for good."""

    snapshot_id: str
    split: str
    version: int | None
    """A version that was made of it, if one was."""


class _Traces(NamedTuple):
    n_predictions: int
    n_labels: int


@dataclass(frozen=True, kw_only=True)
class FoundImage:
    """What there is of the image at a path."""

    relative_path: str
    stages: tuple[StageConfig, ...]
    """Where it was looked for."""
    versions: tuple[ImageVersion, ...]
    copies: tuple[Copy, ...]
    n_predictions: int
    n_labels: int
    snapshots: tuple[SnapshotOfImage, ...]
    forgotten: tuple[ForgottenVersion, ...]
    """Versions that an earlier request erased."""

    @property
    def staged(self) -> tuple[ImageVersion, ...]:
        """The versions whose files still lie in their stage."""
        return tuple(version for version in self.versions if version.is_staged)

    @property
    def live_copies(self) -> tuple[Copy, ...]:
        """The copies that are used."""
        return tuple(copy for copy in self.copies if copy.is_live)

    @property
    def contents(self) -> tuple[str, ...]:
        """The SHA-256 of each content that it is known to have had."""
        known = {version.content_sha256 for version in self.versions}
        known |= {version.content_sha256 for version in self.forgotten}
        return tuple(sorted(content for content in known if content is not None))

    @property
    def trained_versions(self) -> tuple[int, ...]:
        """The model versions that have learnt from it."""
        return tuple(
            sorted({found.version for found in self.snapshots if found.version is not None and found.split == "train"})
        )

    def keys(self, *, with_copies: bool) -> list[ImageKey]:
        """Return what is to be erased."""
        keys = {version.key for version in self.versions}
        return sorted(keys | {copy.key for copy in self.copies}) if with_copies else sorted(keys)


class ErasedRows(NamedTuple):
    """What was erased from the tables."""

    n_predictions: int
    n_labels: int
    n_images: int
    """Rows of images that are no longer staged; of the others, QUARANTINE says that they are not to be used."""
    n_pixels: int
    n_features: int
    """What networks saw in it."""
    n_forgotten: int
    """Versions that were not asked for before."""
    kept_contents: tuple[str, ...]
    """Contents whose pixels stay, as live copies need them."""

    @property
    def n_found(self) -> int:
        """All that was found."""
        n_copies = self.n_pixels + self.n_features
        return self.n_predictions + self.n_labels + self.n_images + n_copies + self.n_forgotten


def find_image(
    warehouse: Warehouse, config: PipelineConfig, relative_path: str, *, stages: Sequence[StageConfig]
) -> FoundImage:
    """Return what there is of an image. The stages are listed anew, but the catalog is left as it is.

    Args:
        warehouse: A session, not in a transaction.
        config: The pipeline.
        relative_path: Its path below the stage.
        stages: Where it may lie.

    Raises:
        UnknownImageError: The catalog has no such path and nobody ever asked to forget it; similar ones are named.
    """
    all_forgotten = read_forgotten(warehouse)
    versions: list[ImageVersion] = []
    snapshots: list[SnapshotOfImage] = []
    forgotten: list[ForgottenVersion] = []
    n_predictions = n_labels = 0
    for stage in stages:
        place: dict[str, Any] = {"stage_name": stage.name, "relative_path": relative_path}
        identifiers = {"stage": quote_identifier(stage.name)}
        _refresh(warehouse, stage)
        versions += warehouse.fetch("retention/select_image_versions", ImageVersion, identifiers=identifiers, **place)
        traces = warehouse.fetch("retention/select_traces", _Traces, **place)[0]
        n_predictions, n_labels = n_predictions + traces.n_predictions, n_labels + traces.n_labels
        snapshots += warehouse.fetch("retention/select_snapshots_of_image", SnapshotOfImage, **place)
        forgotten += all_forgotten.at(stage.name, relative_path)
    if not versions and not forgotten:
        raise UnknownImageError(_unknown(warehouse, config, relative_path, stages))
    found = FoundImage(
        relative_path=relative_path,
        stages=tuple(stages),
        versions=tuple(versions),
        copies=(),
        n_predictions=n_predictions,
        n_labels=n_labels,
        snapshots=tuple(snapshots),
        forgotten=tuple(forgotten),
    )
    return _with_copies(warehouse, found)


def erase_rows(
    warehouse: Warehouse,
    config: PipelineConfig,
    found: FoundImage,
    *,
    with_copies: bool,
    run_id: str,
    reason: str | None,
    work_path: str,
) -> ErasedRows:
    """Erase an image from all tables but the snapshots, and write down that it is not to be used again.

    Afterwards nothing leads to its pixels any more. The request is a row of RUNS, without the path.

    Args:
        warehouse: A session, not in a transaction.
        config: The pipeline.
        found: The image.
        with_copies: Whether images with the same content go with it; else they keep the pixels as long as they live.
        run_id: The request's id.
        reason: Why, in the words of whoever asks.
        work_path: Where the caller may put files below the work stage.
    """
    keys = found.keys(with_copies=with_copies)

    def erase() -> ErasedRows:
        kept = _kept_contents(warehouse, found.contents, keys)
        lost = [content for content in found.contents if content not in kept]
        # First, as it reads the contents of rows that go.
        n_forgotten = warehouse.run("retention/merge_forgotten", run_id=run_id, kept_contents=list(kept) or [""])
        erased = ErasedRows(
            n_predictions=warehouse.run("retention/delete_predictions"),
            n_labels=warehouse.run("retention/delete_labels"),
            n_images=_delete_gone(warehouse, config),
            n_pixels=warehouse.run("retention/delete_pixels_of_contents", contents=lost or [""]),
            n_features=warehouse.run("retention/delete_features_of_contents", contents=lost or [""]),
            n_forgotten=n_forgotten,
            kept_contents=kept,
        )
        warehouse.run("retention/delete_label_requests")
        warehouse.run("retention/delete_quarantine")
        quarantine_forgotten(warehouse)
        if erased.n_found:
            record_request(warehouse, config, run_id=run_id, reason=reason)
        return erased

    with loaded_rows(warehouse, LOADED_KEYS, keys, work_path=work_path):
        return warehouse.alone(erase)


def record_request(warehouse: Warehouse, config: PipelineConfig, *, run_id: str, reason: str | None) -> None:
    """Write the request into RUNS, once; to be called in a transaction that is alone."""
    warehouse.run(
        "runs/open_run",
        run_id=run_id,
        dag_id="driftgate forget",
        kind="forget",
        config=config.to_json(),
        config_digest=config.digest,
        reason=reason,
        check_id=None,
    )


def _refresh(warehouse: Warehouse, stage: StageConfig) -> None:
    """List a stage anew; where that fails, what was listed last counts."""
    try:
        list_stage(warehouse, stage)
    except WarehouseError as error:
        if error.is_transient:
            raise
        log.warning("stage %s cannot be listed, so what it held last counts: %s", stage.name, error)


def _with_copies(warehouse: Warehouse, found: FoundImage) -> FoundImage:
    keys = {version.key for version in found.versions}
    copies = tuple(copy for copy in _images_with(warehouse, found.contents) if copy.key not in keys)
    return replace(found, copies=copies)


def _images_with(warehouse: Warehouse, contents: Sequence[str]) -> list[Copy]:
    return warehouse.fetch("retention/select_copies", Copy, contents=list(contents)) if contents else []


def _kept_contents(warehouse: Warehouse, contents: Sequence[str], keys: Sequence[ImageKey]) -> tuple[str, ...]:
    """Return the contents that live images need which are not erased."""
    erased = set(keys)
    images = _images_with(warehouse, contents)
    return tuple(sorted({image.content_sha256 for image in images if image.is_live and image.key not in erased}))


def _delete_gone(warehouse: Warehouse, config: PipelineConfig) -> int:
    """Delete the catalog's rows of loaded images that are no longer staged."""
    return sum(
        warehouse.run(
            "retention/delete_gone_images",
            stage_name=stage.name,
            identifiers={"stage": quote_identifier(stage.name)},
        )
        for stage in (config.stages.training, config.stages.incoming)
    )


def _unknown(warehouse: Warehouse, config: PipelineConfig, relative_path: str, stages: Sequence[StageConfig]) -> str:
    """Return what is told of a path that nobody knows."""
    names = [stage.name for stage in stages]
    alike = name_similar_paths(warehouse, relative_path, stage_names=names)
    return (
        f"the catalog of {config.name} has no image {relative_path} in stage {' or '.join(names)}: {alike}. Give the "
        "path below the stage, as CURRENT_PREDICTIONS has it; one that no run has seen yet only has to be deleted there"
    )
