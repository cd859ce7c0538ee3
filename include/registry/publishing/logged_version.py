"""One version in Snowflake's Model Registry, where it can never be changed: what it is made of, and what is said of it.

It is imported only in the environment of snowflake-ml-python. What Snowflake keeps of a version:

- its files, the handler's code, and the packages that it answers with;
- as lineage, the query for the images of the snapshot that it was trained on: Snowflake shows the table SNAPSHOT_IMAGES
  upstream of the version, and the manifest of the version has the query, which names the snapshot;
- as metrics, the figures of its evaluation, and by which names the ledger knows the snapshot, the run and the card.
"""

import json
import logging
import re
import tempfile
from pathlib import Path
from typing import Any, Final, NamedTuple

from snowflake.ml.model.custom_model import ModelContext
from snowflake.ml.registry import Registry
from snowflake.snowpark import Session
from snowflake.snowpark.functions import col

from include.errors import ArtefactError
from include.models.artefact_files import CARD_FILE, WEIGHTS_FILE
from include.registry.ledger import Champion
from include.registry.publishing.custom_model import CODE, FILES, SIGNATURES, Classifier
from include.registry.publishing.handler import handler_archive
from include.registry.publishing.packages import choose_packages
from include.registry.publishing.publishing import fetch_model, model_prefix
from include.store.files import sha256_of_file
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

MODEL: Final = "CLASSIFIER"
"""The model in the pipeline's schema."""

_OPTIONS: Final = {
    "capture_sample_input_data": False,
    "relax_version": True,  # for what the library itself adds, in the versions that are installed here
    "method_options": {"classify": {"max_batch_size": 64}},  # as the function's: a call ends after three minutes
}


class Origin(NamedTuple):
    """Where a version comes from."""

    snapshot_id: str
    run_id: str


def version_name(champion: Champion) -> str:
    """Return what a version is called in the registry."""
    return f"V{champion.version}"


def origin_of(warehouse: Warehouse, champion: Champion) -> Origin:
    """Return where a version comes from.

    Raises:
        ArtefactError: The ledger has no such version.
    """
    origin = warehouse.fetch_one("publish/select_origin", Origin, version=champion.version)
    if origin is None:
        raise ArtefactError(f"there is no version {champion.version} in MODEL_VERSIONS")
    return origin


def figures_of(champion: Champion, origin: Origin) -> dict[str, Any]:
    """Return what is said of a version: the numbers of its evaluation, and what the ledger calls it.

    What is counted by class stays out: the library writes metrics into a statement as they are.
    """
    numbers = {name: value for name, value in champion.metrics.items() if type(value) in {int, float}}
    names = {**origin._asdict(), "card_sha256": champion.sha256, "handler": handler_archive().digest}
    return numbers | {name: re.sub(r"[^\w.:+/ ~-]", "_", text, flags=re.ASCII) for name, text in names.items()}


def log_version(session: Session, warehouse: Warehouse, registry: Registry, champion: Champion, origin: Origin) -> None:
    """Put a version into the registry.

    Raises:
        UnofferedPackageError: The account has not the packages that it needs.
        ArtefactError: The stage's files are not those of the ledger.
    """
    packages = choose_packages(warehouse, architecture=champion.config.model.architecture)
    snapshot = session.table("SNAPSHOT_IMAGES").filter(col("SNAPSHOT_ID") == origin.snapshot_id)
    with tempfile.TemporaryDirectory(prefix="driftgate-") as name:
        files = _files(warehouse, champion, Path(name))
        code = Path(name) / handler_archive().name
        code.write_bytes(handler_archive().content)
        registry.log_model(
            # not by code_paths: a zip is one upload, its modules would be forty
            Classifier(ModelContext(**{FILES: str(files), CODE: str(code)})),
            model_name=MODEL,
            version_name=version_name(champion),
            comment=f"version {champion.version} of Driftgate's ledger",
            metrics=figures_of(champion, origin),
            signatures=SIGNATURES,
            # for the lineage: with signatures nothing is predicted, and the paths are not kept
            sample_input_data=snapshot.select(col("RELATIVE_PATH").alias("FILE_URL")),
            conda_dependencies=list(packages),
            target_platforms=["WAREHOUSE"],
            options=_OPTIONS,
        )
    log.info("logged version %d with %s", champion.version, ", ".join(packages))


def _files(warehouse: Warehouse, champion: Champion, folder: Path) -> Path:
    """Download a version's files into a folder that is called what their names begin with."""
    prefix = model_prefix(champion)
    files = folder / prefix
    files.mkdir()
    fetch_model(warehouse, champion, files)
    card = files / f"{prefix}{CARD_FILE}"
    if sha256_of_file(card) == champion.sha256:
        weights_sha256 = json.loads(card.read_bytes())["weights_sha256"]
        if sha256_of_file(files / f"{prefix}{WEIGHTS_FILE}") == weights_sha256:
            return files
    raise ArtefactError(
        f"the files of version {champion.version} in the stage MODELS are not those that were registered: roll back to "
        "another version"
    )
