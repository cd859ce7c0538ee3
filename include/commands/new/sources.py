"""Where the images of a new pipeline come from: a folder of this machine, or a stage that is there already."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

from include.commands.console import printable
from include.commands.new.image_files import ImageFiles
from include.config_types import STAGE_URL
from include.errors import CommandError, WrongCallError
from include.warehouse.identifiers import quote_identifier
from include.warehouse.session import Warehouse

_STAGE = re.compile(r"@(?P<database>\w+)\.(?P<schema>\w+)\.(?P<stage>\w+)(?P<prefix>/[^'\\{}%]*)?")


class FileOfSource(NamedTuple):
    """A file that may be an image."""

    path: str
    """Below the folder, or the stage's prefix."""
    url: str


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The files of a source."""

    files: tuple[FileOfSource, ...]
    """Sorted."""
    notes: tuple[str, ...] = ()
    """What a person should know of what was left out."""
    refresh: Callable[[int], str] | None = None
    """Returns a new URL for the place of a file whose URL has expired."""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder of this machine; it becomes the stage's own."""

    path: Path

    @property
    def url(self) -> str:
        """The URL of a stage over it."""
        return f"file://{self.path}/"

    def __str__(self) -> str:
        return printable(str(self.path))


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage of the warehouse; the pipeline's tables come beside it."""

    database: str
    schema: str
    name: str
    prefix: str
    """Empty, or with a slash at its end."""

    def __str__(self) -> str:
        return f"@{self.database}.{self.schema}.{self.name}/{printable(self.prefix)}"


Source = Folder | Stage


def source_of(given: str) -> Source:
    """Return what a user means by DIR_OR_STAGE.

    Raises:
        WrongCallError: It is neither a stage's full name nor a folder that a stage can lie over.
    """
    if given.startswith("@"):
        match = _STAGE.fullmatch(given)
        if match is None:
            raise WrongCallError(
                f"{printable(given)} is not a stage's full name, as @DATABASE.SCHEMA.STAGE or …/folder/"
            )
        prefix = (match["prefix"] or "").strip("/")
        return Stage(
            database=match["database"].upper(),
            schema=match["schema"].upper(),
            name=quote_identifier(match["stage"]),
            prefix=f"{prefix}/" if prefix else "",
        )
    if "://" in given:
        raise WrongCallError(
            f"{printable(given)} is neither a folder nor a stage: make a stage over it (CREATE STAGE … URL), and say "
            "@DATABASE.SCHEMA.STAGE"
        )
    return _folder(given)


def _folder(given: str) -> Folder:
    try:
        # A link to a folder is the folder: a stage over the link itself would be empty.
        path = Path(given).expanduser().resolve()
        if not path.is_dir():
            raise WrongCallError(f"{printable(str(path))} is {'no folder' if path.exists() else 'not there'}")
    except (OSError, RuntimeError) as error:  # no right to look; links in a circle, the home of nobody
        raise WrongCallError(f"{printable(given)} cannot be read: {printable(str(error))}") from error
    if not os.access(path, os.R_OK | os.X_OK):
        raise WrongCallError(f"{printable(str(path))} cannot be read: give yourself the right to list it")
    folder = Folder(path=path)
    if not STAGE_URL.fullmatch(folder.url):
        raise WrongCallError(
            f"{folder} cannot be the folder of a stage, whose path has no spaces, quotes, braces and %: rename it"
        )
    return folder


def refuse_overlap(training: Source, incoming: Source) -> None:
    """Refuse two sources of which one holds the other: its images would be both labelled and new.

    Raises:
        WrongCallError: One holds the other, or they are stages of different schemas.
    """
    if isinstance(training, Folder) and isinstance(incoming, Folder):
        if training.path.is_relative_to(incoming.path) or incoming.path.is_relative_to(training.path):
            raise WrongCallError(f"{training} and {incoming} must lie beside each other: one holds the other")
    elif isinstance(training, Stage) and isinstance(incoming, Stage):
        if (training.database, training.schema) != (incoming.database, incoming.schema):
            raise WrongCallError(
                f"{training} and {incoming} must be stages of one schema, where the tables will be, too"
            )
        if training.name == incoming.name:
            raise WrongCallError(
                f"{training} and {incoming} are one stage: a pipeline needs two. Make a second one over the same "
                "place (CREATE STAGE … URL), and name a folder of each"
            )


def place_of(training: Source, incoming: Source) -> tuple[str, str] | None:
    """Return the database and the schema of the stages; None: both are folders."""
    stages = [source for source in (training, incoming) if isinstance(source, Stage)]
    return (stages[0].database, stages[0].schema) if stages else None


def list_folder(folder: Folder) -> Listing:
    """List the images of a folder as a stage over it does: symbolic links are not followed.

    Raises:
        CommandError: A folder in it may not be read.
    """
    try:
        found = ImageFiles(folder.path, follows_links=False)
    except OSError as error:
        shown = printable(str(error.filename or folder.path))
        raise CommandError(f"{shown} cannot be read ({error.strerror}): give yourself the right to list it") from error
    notes = []
    if found.n_links:
        notes.append(f"{found.n_links:,} symbolic links in {folder} are left out: a stage does not follow them")
    if found.n_left_out:
        notes.append(f"{found.n_left_out:,} files in {folder} are no images: they will be quarantined, or remove them")
    files = (FileOfSource(image.path, image.source.as_uri()) for image in found.images)
    return Listing(files=tuple(sorted(files)), notes=tuple(notes))


class _StagedFile(NamedTuple):
    relative_path: str
    url: str


class _Staged(NamedTuple):
    stage: str
    relative_path: str


def list_stage(stage: Stage, warehouse: Warehouse) -> Listing:
    """List the files of a stage, with short-lived URLs.

    Raises:
        WarehouseError: There is no such stage, it has no directory table, or the session's role may not read it.
    """
    from include.catalog.urls import URL_SECONDS, url_refresher

    identifiers = {"stage": quote_identifier(stage.name)}
    warehouse.run("catalog/refresh_stage", identifiers=identifiers)
    rows = warehouse.fetch(
        "dataset/select_staged_files", _StagedFile, prefix=stage.prefix, seconds=URL_SECONDS, identifiers=identifiers
    )
    staged = [_Staged(stage.name, row.relative_path) for row in rows]
    return Listing(
        files=tuple(FileOfSource(row.relative_path.removeprefix(stage.prefix), row.url) for row in rows),
        refresh=url_refresher(warehouse, staged),
    )


@contextmanager
def listed(
    training: Source, incoming: Source, open_session: Callable[[str, str], AbstractContextManager[Warehouse]]
) -> Iterator[tuple[Listing, Listing]]:
    """Give the files of both sources; their URLs can be made anew until the end.

    Args:
        training: The source of the labelled images.
        incoming: That of the new ones.
        open_session: Opens a session in a database and a schema, for stages.
    """
    place = place_of(training, incoming)
    with ExitStack() as stack:
        warehouse = stack.enter_context(open_session(*place)) if place else None

        def files_of(source: Source) -> Listing:
            if isinstance(source, Folder) or warehouse is None:
                return list_folder(cast("Folder", source))
            return list_stage(source, warehouse)

        yield files_of(training), files_of(incoming)
