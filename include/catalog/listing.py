"""Listing a stage anew."""

from include.config_parts import StageConfig
from include.warehouse.identifiers import quote_identifier
from include.warehouse.session import Warehouse


def list_stage(warehouse: Warehouse, stage: StageConfig) -> None:
    """Bring a stage's directory table up to date with its files, as far as they are the pipeline's.

    Raises:
        WarehouseError: The stage or its folder is not there.
        WarehouseUnavailableError: The warehouse could not be reached.
    """
    identifiers = {"stage": quote_identifier(stage.name)}
    if stage.prefix:
        warehouse.run("catalog/refresh_stage_below", prefix=stage.prefix, identifiers=identifiers)
    else:
        warehouse.run("catalog/refresh_stage", identifiers=identifiers)
