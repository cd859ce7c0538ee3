"""The champion's files: whether they are what the ledger says."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

from include.commands.doctor.findings import Found, Patient, missing, ok, skipped
from include.errors import ArtefactError, WarehouseError
from include.registry.ledger import read_champion
from include.registry.model_files import download_files


def check_model(patient: Patient) -> Iterable[Found]:
    """The champion's files can be read, are those that were registered, and make a model."""
    champion = read_champion(patient.warehouse)
    name = patient.config.name
    if champion is None:
        yield skipped(f"there is no champion yet: ./driftgate train {name}")
        return
    from include.models.artefact import load

    try:
        with tempfile.TemporaryDirectory(prefix="driftgate-") as folder:
            download_files(patient.warehouse, champion.artifact_path, Path(folder))
            load(Path(folder), sha256=champion.sha256)
    except (ArtefactError, WarehouseError) as error:
        yield missing(
            f"version {champion.version}, the champion, cannot be used: {error}",
            mend=f"./driftgate rollback {name}, or ./driftgate train {name}",
        )
    else:
        yield ok(f"version {champion.version}, the champion, was read from its stage and is what was registered")
