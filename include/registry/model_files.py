"""The files of a version as they lie in the internal stage MODELS, without loading the model that they are."""

import tempfile
from pathlib import Path
from typing import NamedTuple

from include.errors import ArtefactError, WarehouseError
from include.models.artefact_files import CARD_FILE, WEIGHTS_FILE
from include.store.files import sha256_of_file
from include.warehouse.identifiers import MODELS_STAGE, stage_location
from include.warehouse.session import Warehouse

_FILES = (WEIGHTS_FILE, CARD_FILE)


class FileDigests(NamedTuple):
    """The SHA-256 of what a model's files contain, in hexadecimal."""

    weights: str
    card: str


def download_files(warehouse: Warehouse, path: str, folder: Path) -> None:
    """Download the files of a model into a folder.

    Args:
        warehouse: A session.
        path: The path below the stage MODELS.
        folder: Where to.

    Raises:
        ArtefactError: The card or the weights are not there.
    """
    try:
        location = {"location": stage_location(MODELS_STAGE, path)}
        warehouse.run("stages/get_files", folder_url=f"file://{folder}/", identifiers=location)
    except WarehouseError as error:
        if error.is_transient:
            raise
        raise ArtefactError(f"stage {MODELS_STAGE} does not hand out {path}: {error}") from error
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise ArtefactError(f"stage {MODELS_STAGE} has no {' and no '.join(missing)} in {path}")


def digest_files(warehouse: Warehouse, path: str) -> FileDigests:
    """Return the digests of a model's files as they are in the stage now.

    Raises:
        ArtefactError: The card or the weights are not there.
    """
    with tempfile.TemporaryDirectory(prefix="driftgate-") as folder:
        download_files(warehouse, path, Path(folder))
        return FileDigests(
            weights=sha256_of_file(Path(folder) / WEIGHTS_FILE), card=sha256_of_file(Path(folder) / CARD_FILE)
        )
