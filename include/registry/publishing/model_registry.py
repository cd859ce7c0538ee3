"""The champion in Snowflake's Model Registry.

It is imported only in the environment of snowflake-ml-python, which Airflow starts (`requirements-snowflake-ml.txt`).

The ledger stays the truth: the registry has a copy of each version that was champion, logged once, and its alias and
its default version follow the ledger's champion. What Snowflake records of a version:

- its files, the handler's code and the packages that it answers with;
- as lineage, the query that selects the images of the snapshot it was trained on: the table SNAPSHOT_IMAGES is shown
  upstream of the version, and the query in the version's manifest names the snapshot;
- as metrics, the figures of its evaluation, and the snapshot, the run and the card's digest that the ledger names.
"""

import importlib.metadata
import json
import logging
import re
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Final, NamedTuple

import snowflake.connector
from packaging.version import Version
from snowflake.connector import errors
from snowflake.ml._internal.exceptions.exceptions import SnowflakeMLException
from snowflake.ml.model.custom_model import ModelContext
from snowflake.ml.registry import Registry
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkClientException
from snowflake.snowpark.functions import col

from include.errors import ArtefactError, DriftgateError, ModelRegistryError,
from include.models.artefact_files import CARD_FILE, WEIGHTS_FILE
from include.registry.ledger import Champion
from include.registry.publishing.custom_model import FILES, SIGNATURES, Classifier
from include.registry.publishing.handler import handler_archive
from include.registry.publishing.packages import choose_packages
from include.registry.publishing.publishing import fetch_model, model_prefix, until_it_stays
from include.registry.publishing.registry_request import RegistryAnswer, RegistryRequest
from include.store.files import sha256_of_file
from include.warehouse.identifiers import pipeline_identifiers
from include.warehouse.session import Warehouse, translated

log = logging.getLogger(__name__)

MODEL: Final = "CLASSIFIER"
"""The model in the pipeline's schema: `SELECT MODEL(CLASSIFIER, CHAMPION)!CLASSIFY(…)`."""
ALIAS: Final = "CHAMPION"

_PYTHON = (3, 11)
_LIBRARY = "snowflake-ml-python"
_MIN_LIBRARY = Version("2.6.0")


class _Origin(NamedTuple):
    snapshot_id: str
    run_id: str


def answer(path: str) -> dict[str, Any]:
    """Do what a request asks for.

    Args:
        path: The request's file, which is removed.

    Returns:
        A `RegistryAnswer` as JSON; what has failed is in it, not raised, so that Airflow's side knows what it was.
    """
    request = RegistryRequest.take(Path(path))
    try:
        _check_environment()
        with _refusals("Snowflake's Model Registry"), _connected(request) as (session, warehouse):
            champion = publish_champion(session, warehouse, request.config)
    except DriftgateError as error:
        return RegistryAnswer(error=str(error), is_transient=error.is_transient).to_json()
    name = f"{request.config.warehouse.database}.{request.config.schema_name}.{MODEL}"
    return RegistryAnswer(version=champion.version if champion else None, model=name).to_json()


def publish_champion(session: Session, warehouse: Warehouse, config: Any) -> Champion | None:
    """Let the registry's alias and default version be the champion, which is logged if it never was.

    Done again, it changes nothing. If another version becomes champion meanwhile, it is published in its turn.

    Args:
        session: A session of Snowpark.
        warehouse: One on the same connection.
        config: The pipeline.

    Returns:
        The champion; None: there is none.

    Raises:
        UnofferedPackageError: The account has not the packages that the model needs; nothing is changed.
        ArtefactError: The stage's files are not those of the ledger; nothing is changed.
        ChampionMovedError: The champion changed again and again.
    """
    registry = Registry(
        session,
        database_name=config.warehouse.database,
        schema_name=config.schema_name,
        options={"enable_monitoring": False},
    )
    return until_it_stays(warehouse, partial(_publish, session, warehouse, registry), where=f"the model {MODEL}")


def _publish(session: Session, warehouse: Warehouse, registry: Registry, champion: Champion) -> None:
    """Log a version, unless it is there, complete what is said of it, and let alias and default name it."""
    name = f"V{champion.version}"
    origin = warehouse.fetch_one("publish/select_origin", _Origin, version=champion.version)
    if origin is None:
        raise ArtefactError(f"there is no version {champion.version} in MODEL_VERSIONS")
    metrics = _metrics(champion, origin)
    if not _is_logged(registry, name):
        try:
            _log(session, warehouse, registry, champion, snapshot_id=origin.snapshot_id, metrics=metrics)
        except (SnowparkClientException, SnowflakeMLException, ValueError):
            if not _is_logged(registry, name):  # else another task has logged it meanwhile, or this one all but its metrics
                raise
    model = registry.get_model(MODEL)
    version = model.version(name)
    # The library logs a version first and describes it then: a task may have been killed between the two.
    said = version.show_metrics()
    for key, value in metrics.items():
        if said.get(key) != value:
            version.set_metric(key, value)
    _point_at(model, version)
    log.info("%s of the model %s is %s", ALIAS, MODEL, name)


def _is_logged(registry: Registry, name: str) -> bool:
    if MODEL not in {model.name for model in registry.models()}:
        return False
    return name in {version.version_name for version in registry.get_model(MODEL).versions()}


def _point_at(model: Any, version: Any) -> None:
    """Move alias and default version."""
    holder = _holder(model)
    if holder != version.version_name:
        try:
            version.set_alias(ALIAS)
        except SnowparkClientException:
            if holder is None:
                raise
            # An alias has to be unique; whether setting it takes it from another version is not documented.
            model.version(holder).unset_alias(ALIAS)
            version.set_alias(ALIAS)
    if model.default.version_name != version.version_name:
        model.default = version


def _holder(model: Any) -> str | None:
    """Return the version that has the alias; None: none has."""
    try:
        return str(model.version(ALIAS).version_name)
    except ValueError:
        return None


def _log(
    session: Session,
    warehouse: Warehouse,
    registry: Registry,
    champion: Champion,
    *,
    snapshot_id: str,
    metrics: dict[str, Any],
) -> None:
    packages = choose_packages(warehouse, architecture=champion.config.model.architecture)
    snapshot = session.table("SNAPSHOT_IMAGES").filter(col("SNAPSHOT_ID") == snapshot_id)
    with tempfile.TemporaryDirectory(prefix="driftgate-") as folder:
        files = Path(folder) / model_prefix(champion)
        files.mkdir()
        _verify(fetch_model(warehouse, champion, files), champion)
        with zipfile.ZipFile(BytesIO(handler_archive().content)) as code:
            code.extractall(Path(folder) / "code")
        registry.log_model(
            Classifier(ModelContext(**{FILES: str(files)})),
            model_name=MODEL,
            version_name=f"V{champion.version}",
            comment=f"Driftgate: version {champion.version} of the ledger",
            metrics=metrics,
            signatures=SIGNATURES,
            # For the lineage alone: with signatures nothing is predicted, and the values are not kept.
            sample_input_data=snapshot.select(col("RELATIVE_PATH").alias("FILE_URL")),
            conda_dependencies=list(packages),
            code_paths=[str(Path(folder) / "code" / "include")],
            target_platforms=["WAREHOUSE"],
            options={"capture_sample_input_data": False, "method_options": {"classify": {"max_batch_size": 64}}},
        )
    log.info("logged version %d with %s", champion.version, ", ".join(packages))


def _verify(files: list[Path], champion: Champion) -> None:
    """Refuse files that are not the ledger's: in the registry a version can never be mended."""
    found = {file.name.removeprefix(model_prefix(champion)): file for file in files}
    if sha256_of_file(found[CARD_FILE]) == champion.sha256:
        card = json.loads(found[CARD_FILE].read_bytes())
        if sha256_of_file(found[WEIGHTS_FILE]) == card["weights_sha256"]:
            return
    raise ArtefactError(
        f"the files of version {champion.version} in the stage MODELS are not those that the ledger names: roll back to "
        "another version"
    )


def _metrics(champion: Champion, origin: _Origin) -> dict[str, Any]:
    """Return what is known of a version: the numbers of its evaluation, and what the ledger calls it.

    Names of classes and images stay out: the library writes metrics into a statement as they are.
    """
    figures = {name: value for name, value in champion.metrics.items() if type(value) in {int, float}}
    names = {
        "snapshot_id": origin.snapshot_id,
        "run_id": origin.run_id,
        "card_sha256": champion.sha256,
        "handler": handler_archive().digest,
    }
    return figures | {name: re.sub(r"[^\w.:+/ -]", "_", text, flags=re.ASCII) for name, text in names.items()}


@contextmanager
def _connected(request: RegistryRequest) -> Iterator[tuple[Session, Warehouse]]:
    with closing(snowflake.connector.connect(**request.connection)) as connection:
        session = Session.builder.config("connection", connection).create()
        yield session, Warehouse(connection, pipeline_identifiers(request.config))


@contextmanager
def _refusals(what: str) -> Iterator[None]:
    """Turn what the libraries raise into errors of ours."""
    try:
        yield
    except (errors.Error, OSError) as error:
        raise translated(what, error) from error
    except (SnowparkClientException, SnowflakeMLException, ValueError) as error:
        refusal = _of_connector(error)
        if refusal is not None and translated(what, refusal).is_transient:
            raise translated(what, refusal) from error
        raise ModelRegistryError(
            f"{what} refuses the champion: {error}. The role needs CREATE MODEL and CREATE STAGE on the schema, and has "
            f"to own the model {MODEL}; with registry.publish: none nothing is published there"
        ) from error


def _of_connector(error: BaseException) -> errors.Error | None:
    """Return the connector's error that a library's error was made of."""
    while error is not None:
        found = error if isinstance(error, errors.Error) else getattr(error, "conn_error", None)
        if isinstance(found, errors.Error):
            return found
        error = error.__cause__ or getattr(error, "original_exception", None)
    return None


def _check_environment() -> None:
    """Refuse an environment that would log models which Snowflake cannot load, or with another interface."""
    found = Version(importlib.metadata.version(_LIBRARY))
    if sys.version_info[:2] != _PYTHON or found < _MIN_LIBRARY or found.major != _MIN_LIBRARY.major:
        raise ModelRegistryError(
            f"{sys.executable} is Python {sys.version_info[0]}.{sys.version_info[1]} with {_LIBRARY} {found}; needed are "
            f"Python 3.11 and {_LIBRARY} {_MIN_LIBRARY} or newer, before {_MIN_LIBRARY.major + 1}: run make snowflake-ml"
        )
