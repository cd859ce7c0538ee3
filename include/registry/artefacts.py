"""The files of a model, in the internal stage MODELS: read back before they are registered, cached by digest."""

import logging
import tempfile
from pathlib import Path

from include.errors import ArtefactError
from include.models.artefact import LoadedModel, load
from include.models.artefact_files import CARD_FILE, PROJECTION_FILE, WEIGHTS_FILE
from include.registry.ledger import Version, read_version
from include.registry.model_files import download_files
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
        download_files(warehouse, path, Path(read_back))
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
        download_files(warehouse, version.artifact_path, Path(folder))
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
