"""Publishing the champion: users call one function, and it answers as the champion does.

Each version has a function of its own, made once. The one that users call only names it, and is replaced in one
statement: a call sees the version before or the version after, never half of one.
"""

import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from include.config_types import Identifier
from include.errors import ChampionMovedError, WarehouseError
from include.handover import Handover
from include.models.artefact_files import CARD_FILE, PROJECTION_FILE, WEIGHTS_FILE
from include.registry.ledger import Champion, read_champion
from include.registry.model_files import download_files
from include.registry.publishing.handler import handler_archive
from include.registry.publishing.packages import choose_packages
from include.warehouse.identifiers import (
    MODELS_STAGE,
    function_comment,
    quote_identifier,
    quote_imports,
    quote_packages,
    stage_location,
)
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

FUNCTIONS_PATH = "functions"
"""Where the functions' files lie in the stage MODELS."""

_MAX_SWITCHES = 5


@dataclass(frozen=True, kw_only=True)
class Publication(Handover):
    """What a function answers by."""

    function: str
    version: int

    @property
    def sentence(self) -> str:
        """It, in a sentence."""
        return f"{self.function} answers as version {self.version}"


class _Function(NamedTuple):
    name: str
    comment: str | None


class _Answer(NamedTuple):
    answer: str | None


def publish_champion(warehouse: Warehouse, *, function: Identifier) -> Publication | None:
    """Let a function answer as the champion does; done again, it changes nothing.

    If another version becomes champion meanwhile, it is published in its turn: whoever switches last has read the
    champion after that.

    Args:
        warehouse: A session, not in a transaction.
        function: The name of the function that users call.

    Returns:
        What is published; None: there is no champion.

    Raises:
        UnofferedPackageError: The account has not the packages that the function needs; nothing is changed.
        WarehouseError: The account refuses the function; the one that users call is what it was.
        ChampionMovedError: The champion changed again and again.
    """
    champion = until_it_stays(warehouse, lambda champion: _publish(warehouse, champion, function), where=function)
    if champion is None:
        return None
    publication = Publication(function=function, version=champion.version)
    log.info("%s", publication.sentence)
    return publication


def until_it_stays(warehouse: Warehouse, publish: Callable[[Champion], None], *, where: str) -> Champion | None:
    """Publish the champion, and whoever becomes champion meanwhile.

    Args:
        warehouse: A session, not in a transaction.
        publish: How a champion is published.
        where: What shows it, for the message.

    Returns:
        Who is champion, and published; None: there is no champion.

    Raises:
        ChampionMovedError: The champion changed again and again.
    """
    champion = read_champion(warehouse)
    for _ in range(_MAX_SWITCHES):
        if champion is None:
            return None
        publish(champion)
        published, champion = champion, read_champion(warehouse)
        if champion is not None and champion.version == published.version:
            return champion
    raise ChampionMovedError(f"the champion changed {_MAX_SWITCHES} times while {where} was published: try again")


def read_publication(warehouse: Warehouse, *, function: Identifier | None) -> Publication | None:
    """Return what is published under a name; None: nothing of ours."""
    version = published_version(warehouse, function=function) if function else None
    return Publication(function=str(function), version=version) if version else None


def published_version(warehouse: Warehouse, *, function: Identifier) -> int | None:
    """Return the version by which a function answers; None: it is not there, or is none of ours."""
    comment = _comments(warehouse, function).get(function)
    words = (comment or "").split()
    return int(words[1]) if len(words) > 1 and words[0] == "version" and words[1].isdigit() else None


def _publish(warehouse: Warehouse, champion: Champion, function: Identifier) -> None:
    """Make the function of a version, unless it is there, and let the one that users call name it."""
    version_function = f"{function}_V{champion.version}"
    # without the handler's digest a new release would go on with the code of an old one
    of_version = f"version {champion.version} card {champion.sha256[:16]} handler {handler_archive().digest}"
    of_function = f"version {champion.version}"
    found = _comments(warehouse, function, version_function)
    if found.get(version_function) != of_version:
        _create_version_function(warehouse, champion, version_function, comment=of_version)
    if found.get(function) != of_function:
        _let_load(warehouse, version_function)
        warehouse.run(
            "publish/create_function",
            identifiers={
                "function": quote_identifier(function),
                "version_function": quote_identifier(version_function),
                "comment": function_comment(of_function),
            },
        )


def _comments(warehouse: Warehouse, *functions: str) -> dict[str, str | None]:
    rows = warehouse.fetch("publish/select_functions", _Function, functions=list(functions))
    return {row.name: row.comment for row in rows}


def _create_version_function(warehouse: Warehouse, champion: Champion, name: str, *, comment: str) -> None:
    """Make the function of a version."""
    packages = choose_packages(warehouse, architecture=champion.config.model.architecture)
    names = _upload(warehouse, champion)
    warehouse.run(
        "publish/create_version_function",
        identifiers={
            "version_function": quote_identifier(name),
            "model": quote_identifier(model_prefix(champion)).lower(),
            "comment": function_comment(comment),
            "imports": quote_imports(MODELS_STAGE, [f"{FUNCTIONS_PATH}/{file}" for file in names]),
            "packages": quote_packages(packages),
        },
    )
    log.info("made %s of %d files with %s", name, len(names), ", ".join(packages))


def _let_load(warehouse: Warehouse, name: str) -> None:
    """Let the function of a version load its model: what fails, fails before users could call it."""
    identifiers = {"version_function": quote_identifier(name)}
    try:
        warehouse.fetch("publish/select_trial", _Answer, identifiers=identifiers)
    except WarehouseError as error:
        if not error.is_transient:  # the next try makes it anew
            warehouse.run("publish/drop_version_function", identifiers=identifiers)
        raise


def _upload(warehouse: Warehouse, champion: Champion) -> list[str]:
    """Upload what a version's function imports, and return the files' names, each of which says which version it is."""
    with tempfile.TemporaryDirectory(prefix="driftgate-") as name:
        folder = Path(name)
        files = fetch_model(warehouse, champion, folder)
        archive = handler_archive()
        files.append(folder / archive.name)
        files[-1].write_bytes(archive.content)
        location = {"location": stage_location(MODELS_STAGE, f"{FUNCTIONS_PATH}/")}
        for file in files:
            warehouse.run("stages/put_file", file_url=f"file://{file}", identifiers=location)
    return [file.name for file in files]


def model_prefix(champion: Champion) -> str:
    """Return what the names of a version's files begin with where the handler finds them."""
    return f"v{champion.version}_{champion.sha256}_"


def fetch_model(warehouse: Warehouse, champion: Champion, folder: Path) -> list[Path]:
    """Download what the handler needs of a version, under the names by which it finds it."""
    download_files(warehouse, champion.artifact_path, folder)
    wanted = [file for file in (CARD_FILE, WEIGHTS_FILE, PROJECTION_FILE) if (folder / file).is_file()]
    return [(folder / file).rename(folder / f"{model_prefix(champion)}{file}") for file in wanted]
