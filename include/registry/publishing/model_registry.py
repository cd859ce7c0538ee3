"""The champion in Snowflake's Model Registry.

It is imported only in the environment of snowflake-ml-python, by what Airflow starts there (`registry_call.py`).

The ledger stays the truth: the registry has a copy of each version that was champion, and its alias and its default
version follow the ledger's champion.
"""

import logging
from functools import partial
from typing import Any, Final

from snowflake.ml.registry import Registry
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkClientException

from include.config import PipelineConfig
from include.registry.ledger import Champion
from include.registry.publishing.logged_version import MODEL, figures_of, log_version, origin_of, version_name
from include.registry.publishing.publishing import until_it_stays
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

ALIAS: Final = "CHAMPION"
"""`SELECT MODEL(CLASSIFIER, CHAMPION)!CLASSIFY(…)`."""


def publish_champion(session: Session, warehouse: Warehouse, config: PipelineConfig) -> Champion | None:
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
    """Log a version, unless it is there, complete what is said of it, and let alias and default version be it."""
    name = version_name(champion)
    origin = origin_of(warehouse, champion)
    if not _is_logged(registry, name):
        try:
            log_version(session, warehouse, registry, champion, origin)
        except (SnowparkClientException, ValueError):
            if not _is_logged(registry, name):  # else another task was faster
                raise
    model = registry.get_model(MODEL)
    version = model.version(name)
    # The library describes a version after it has made it: a task may have been killed in between.
    said = version.show_metrics()
    for figure, value in figures_of(champion, origin).items():
        if said.get(figure) != value:
            version.set_metric(figure, value)
    _point_at(model, version)
    log.info("%s of the model %s is %s", ALIAS, MODEL, name)


def _is_logged(registry: Registry, name: str) -> bool:
    if MODEL not in set(registry.show_models().get("name", ())):
        return False
    return name in set(registry.get_model(MODEL).show_versions().get("name", ()))


def _point_at(model: Any, version: Any) -> None:
    """Move alias and default version to a version."""
    holder = _holder(model)
    if holder != version.version_name:
        try:
            version.set_alias(ALIAS)
        except SnowparkClientException:
            if holder is None:
                raise
            # Documented are "easily reassigned" and "unique in the model": it may have to be taken away first.
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
