"""The files of a model, in the internal stage MODELS: read back before they are registered, cached by digest."""

import logging
import tempfile
from pathlib import Path

from include.errors import ArtefactError, WarehouseError
from include.models.artefact import CARD_FILE, PROJECTION_FILE, WEIGHTS_FILE, LoadedModel, load
from include.registry.ledger import Version, read_version
from include.store.files import FileStore, sha256_of_file
from include.warehouse.identifiers import MODELS_STAGE, stage_location
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

CONFUSION_MATRIX_FILE = "confusion_matrix.png"

_FILES = (WEIGHTS_FILE, CARD_FILE)
_OPTIONAL_FILES = (PROJECTION_FILE,)
"""What versions of older releases come without."""


def upload_model(warehouse: Warehouse, folder: Path, *, sha256: str) -> str:
    """Upload a model's files and read them back.

    Args:
        warehouse: A session.
        folder: The folder with the card, the weights and what else is to be kept with them.
        sha256: The digest of the card; it names the path.

    Returns:
        The path below the stage MODELS.

    Raises:
        ArtefactError: What was read back is not what was sent.
    """
    path = f"{sha256}/"
    location = {"location": stage_location(MODELS_STAGE, path)}
    # The card goes last: a folder with a card is whole.
    files = sorted(folder.iterdir(), key=lambda file: (file.name == CARD_FILE, file.name))
    for file in files:
        warehouse.run("stages/put_file", file_url=f"file://{file}", identifiers=location)
    with tempfile.TemporaryDirectory(prefix="driftgate-") as read_back:
        _download(warehouse, path, Path(read_back))
        for file in files:
            copy = Path(read_back) / file.name
            if not copy.is_file() or sha256_of_file(copy) != sha256_of_file(file):
                raise ArtefactError(f"{path}{file.name} in stage {MODELS_STAGE} is not what was uploaded; try again")
    log.info("uploaded %d files to stage %s, path %s…", len(files), MODELS_STAGE, sha256[:12])
    return path


def load_version(warehouse: Warehouse, store: FileStore, number: int) -> LoadedModel:
    """Return a version's model; its files are downloaded if the store does not hold them whole.

    Raises:
        ArtefactError: There is no such version, or the stage's files are not what the ledger says.
    """
    version = read_version(warehouse, number)
    names = [f"models/{version.sha256}/{name}" for name in _FILES]
    if all(store.exists(name) for name in names):
        try:
            return _load(store, version)
        except ArtefactError as error:
            log.warning("the copy of version %d in the store is not used: %s", number, error)
    with tempfile.TemporaryDirectory(prefix="driftgate-") as folder:
        _download(warehouse, version.artifact_path, Path(folder))
        for name in (*_OPTIONAL_FILES, *_FILES):
            file = Path(folder) / name
            if file.is_file():
                store.write(f"models/{version.sha256}/{name}", file.read_bytes())
    log.info("downloaded version %d", number)
    return _load(store, version)


def _load(store: FileStore, version: Version) -> LoadedModel:
    names = [f"models/{version.sha256}/{name}" for name in (*_OPTIONAL_FILES, *_FILES)]
    folders = {store.local_path(name).parent for name in names if store.exists(name)}
    return load(folders.pop(), sha256=version.sha256)


def _download(warehouse: Warehouse, path: str, folder: Path) -> None:
    """Download the files of a model into a folder."""
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
