"""The files of a model, in the internal stage MODELS: read back before they are registered, cached by digest."""

import logging
import tempfile
from pathlib import Path

from include.errors import ArtefactError, WarehouseError, WarehouseUnavailableError
from include.store.files import FileStore
from include.warehouse.identifiers import MODELS_STAGE, stage_location
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

CARD_FILE = "card.json"
WEIGHTS_FILE = "model.safetensors"


def upload(warehouse: Warehouse, folder: Path, *, sha256: str) -> str:
    """Upload a model's files and read them back.

    Args:
        warehouse: A session.
        folder: The folder with card and weights.
        sha256: The digest of the card; it names the path.

    Returns:
        The path below the stage MODELS.

    Raises:
        ArtefactError: What was read back is not what was sent.
    """
    path = f"{sha256}/"
    location = {"location": stage_location(MODELS_STAGE, path)}
    for name in (WEIGHTS_FILE, CARD_FILE):
        warehouse.run("stages/put_file", file_url=f"file://{folder / name}", identifiers=location)
    with tempfile.TemporaryDirectory(prefix="driftgate-") as read_back:
        _download(warehouse, path, Path(read_back))
        for name in (WEIGHTS_FILE, CARD_FILE):
            if (Path(read_back) / name).read_bytes() != (folder / name).read_bytes():
                raise ArtefactError(f"{path}{name} in stage {MODELS_STAGE} is not what was uploaded")
    return path


def fetch(warehouse: Warehouse, store: FileStore, *, artifact_path: str, sha256: str) -> Path:
    """Return a folder with a model's files, downloaded if this store does not hold them yet.

    Whoever loads them verifies them: files that do not have the digest of the ledger are no model.

    Raises:
        ArtefactError: The stage does not hold them.
    """
    names = {name: f"models/{sha256}/{name}" for name in (WEIGHTS_FILE, CARD_FILE)}
    if not all(store.exists(name) for name in names.values()):
        with tempfile.TemporaryDirectory(prefix="driftgate-") as folder:
            _download(warehouse, artifact_path, Path(folder))
            for file_name, name in names.items():
                store.write(name, (Path(folder) / file_name).read_bytes())
        log.info("downloaded the model %s", sha256[:12])
    return store.local_path(names[CARD_FILE]).parent


def _download(warehouse: Warehouse, path: str, folder: Path) -> None:
    try:
        location = {"location": stage_location(MODELS_STAGE, path)}
        warehouse.run("stages/get_files", folder_url=f"file://{folder}/", identifiers=location)
    except WarehouseUnavailableError:
        raise
    except WarehouseError as error:
        raise ArtefactError(f"stage {MODELS_STAGE} does not hand out {path}: {error}") from error
    missing = [name for name in (WEIGHTS_FILE, CARD_FILE) if not (folder / name).is_file()]
    if missing:
        raise ArtefactError(f"stage {MODELS_STAGE} has no {' and no '.join(missing)} in {path}")
