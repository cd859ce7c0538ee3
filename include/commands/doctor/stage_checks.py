"""A pipeline's stages: whether they can be listed and read, and whether their streams tell what changes."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from include.catalog.listing import list_stage
from include.catalog.urls import URL_SECONDS
from include.commands.doctor.findings import Found, Patient, missing, ok, skipped
from include.config_parts import StageConfig
from include.errors import DriftgateError, WarehouseError
from include.images.fetch import fetch
from include.warehouse.identifiers import quote_identifier, stream_of
from include.warehouse.names import roles_of
from include.warehouse.stage_streams import find_stream
from include.warehouse.statements import Statement


class StagedFile(NamedTuple):
    """What a stage holds of the pipeline's files."""

    n_files: int
    relative_path: str | None
    """One of them."""
    last_modified: datetime | None
    """Of the latest."""


class _Url(NamedTuple):
    url: str


def check_directory(patient: Patient, stage: StageConfig) -> Iterable[Found]:
    """The stage's directory table follows its files."""
    try:
        list_stage(patient.warehouse, stage)
        staged = read_stage(patient, stage)
    except WarehouseError as error:
        if error.is_transient:
            raise
        yield missing(f"stage {stage.name} cannot be listed: {error}", mend=_reading(patient, stage))
        return
    if staged.last_modified is None:
        where = f"{stage.url or 'the internal stage'}{stage.prefix}"
        yield ok(f"stage {stage.name} was refreshed now, and holds no files: are there any in {where}?")
    else:
        latest = f"{staged.last_modified:%Y-%m-%d %H:%M} UTC"
        yield ok(f"stage {stage.name} was refreshed now: {staged.n_files} files, the latest of {latest}")


def check_url(patient: Patient, stage: StageConfig) -> Iterable[Found]:
    """A file of the stage can be fetched as the tasks fetch it."""
    staged = read_stage(patient, stage)
    if staged.relative_path is None:
        yield skipped(f"stage {stage.name} holds no file to fetch")
        return
    [row] = patient.warehouse.fetch(
        "images/select_url",
        _Url,
        relative_path=staged.relative_path,
        seconds=URL_SECONDS,
        identifiers={"stage": quote_identifier(stage.name)},
    )
    try:
        n_bytes = len(fetch(row.url))
    except DriftgateError as error:
        yield missing(f"{staged.relative_path} of stage {stage.name} was not handed out: {error}", mend=_access(stage))
    else:
        yield ok(f"{staged.relative_path} of stage {stage.name} was fetched: {n_bytes} bytes")


def check_stream(patient: Patient, stage: StageConfig) -> Iterable[Found]:
    """The stage's stream tells what has changed."""
    identifiers = {"stream": stream_of(stage.name), "stage": quote_identifier(stage.name)}
    make = patient.script(Statement("setup/create_stream", identifiers))
    stream = find_stream(patient.warehouse, stage)
    if stream is None:
        yield missing(f"there is no stream on stage {stage.name}: each sync compares all of it", mend=make)
    elif stream.is_stale:
        yield missing(f"stream {stream.name} is stale: each sync compares all of stage {stage.name}", mend=make)
    else:
        yield ok(f"stream {stream.name} tells what changes")


def read_stage(patient: Patient, stage: StageConfig) -> StagedFile:
    """Return what the stage's directory table has."""
    [staged] = patient.warehouse.fetch(
        "doctor/select_staged_file",
        StagedFile,
        prefix=stage.prefix,
        identifiers={"stage": quote_identifier(stage.name)},
    )
    return staged


def _reading(patient: Patient, stage: StageConfig) -> str:
    """Return what lets the role that runs the DAGs list a stage."""
    privileges = "USAGE" if stage.url is not None else "READ, WRITE"
    identifiers = {
        "privileges": privileges,
        "stage": quote_identifier(stage.name),
        "role": roles_of(patient.config).pipeline,
    }
    grant = patient.script(Statement("setup/grant_on_stage", identifiers))
    return f"{grant} or ./driftgate setup {patient.config.name}, if it is not there; else its files at {stage.url}"


def _access(stage: StageConfig) -> str:
    if stage.url is None:
        return "make the stage with ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE'), as setup does, and this machine's way out"
    return f"what the stage's integration may read at {stage.url}, and whether this machine reaches that place"
