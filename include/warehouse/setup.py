"""The tables, views and stages of a pipeline. Running it again changes nothing but what the pipeline file changed."""

import logging
import time

from include.config import PipelineConfig
from include.config_parts import StageConfig
from include.warehouse.identifiers import MODELS_STAGE, WORK_STAGE, quote_identifier, quote_url
from include.warehouse.session import Warehouse
from include.warehouse.stage_streams import set_up_stream

log = logging.getLogger(__name__)

_TABLES_AND_VIEWS = (
    "runs",
    "images",
    "stage_comparisons",
    "labels",
    "label_requests",
    "requested_images",
    "current_labels",
    "quarantine",
    "open_label_requests",
    "forgotten",
    "snapshots",
    "snapshot_images",
    "pixels",
    "features",
    "model_versions",
    "model_events",
    "recalls",
    "baselines",
    "drift_checks",
    "cure_checks",
    "accepted_checks",
    "approval_requests",
    "alerts",
    "reproductions",
    "pipeline_lock",
    "predictions",
    "champion",
    "recalled_versions",
    "serving_versions",
)


def run_setup(warehouse: Warehouse, config: PipelineConfig) -> None:
    """Make what the pipeline needs in the warehouse: database, schema, stages, tables, views.

    Args:
        warehouse: A session for this pipeline; its schema need not be there yet.
        config: The pipeline.

    Raises:
        WarehouseError: The warehouse refused a statement.
    """
    started = time.monotonic()
    for statement in ("create_database", "create_schema", "use_schema"):
        warehouse.run(f"setup/{statement}")
    for stage in (config.stages.training, config.stages.incoming):
        _set_up_image_stage(warehouse, stage)
    for name in (MODELS_STAGE, WORK_STAGE):
        warehouse.run("setup/create_internal_stage", identifiers={"stage": quote_identifier(name)})
    for stage in (config.stages.training, config.stages.incoming):
        set_up_stream(warehouse, stage)
    for name in _TABLES_AND_VIEWS:
        warehouse.run(f"setup/create_{name}")
    for statement in ("add_check_id_to_runs", "add_request_id_to_model_events"):
        warehouse.run(f"setup/{statement}")
    _add_what_answers_and_baselines_lack(warehouse)
    _add_what_checks_lack(warehouse)
    for name in ("first_answers", "labelled_answers", "check_accuracy", "model_history"):
        warehouse.run(f"setup/create_{name}")
    warehouse.run("setup/fill_pipeline_lock")
    warehouse.run("setup/create_current_predictions", incoming_stage=config.stages.incoming.name)
    log.info(
        "set up %s in %s.%s in %.1f s",
        config.name,
        config.warehouse.database,
        config.schema_name,
        time.monotonic() - started,
    )


def _add_what_answers_and_baselines_lack(warehouse: Warehouse) -> None:
    """Add the columns that PREDICTIONS and BASELINES of earlier releases do not have."""
    for column in ("SHORT_SIDE", "LONG_SIDE", "BRIGHTNESS", "CONTRAST", "SHARPNESS"):
        warehouse.run("setup/add_number_to_predictions", identifiers={"column": quote_identifier(column)})
    for statement in ("add_features_to_predictions", "add_is_first_to_predictions", "fill_is_first"):
        warehouse.run(f"setup/{statement}")
    for statement in ("add_held_out_to_baselines", "add_features_to_baselines"):
        warehouse.run(f"setup/{statement}")


def _add_what_checks_lack(warehouse: Warehouse) -> None:
    """Add the columns that DRIFT_CHECKS of earlier releases does not have."""
    for column in ("SCORE", "THRESHOLD", "P_VALUE", "SMALLEST_SHIFT", "ESTIMATED_ACCURACY"):
        warehouse.run("setup/add_number_to_drift_checks", identifiers={"column": quote_identifier(column)})
    for statement in ("add_signal_to_drift_checks", "add_evidence_to_drift_checks"):
        warehouse.run(f"setup/{statement}")


def _set_up_image_stage(warehouse: Warehouse, stage: StageConfig) -> None:
    identifiers = {"stage": quote_identifier(stage.name)}
    if stage.url is None:
        warehouse.run("setup/create_internal_stage", identifiers=identifiers)
        return
    identifiers["url"] = quote_url(stage.url)
    warehouse.run("setup/create_external_stage", identifiers=identifiers)
    warehouse.run("setup/set_stage_url", identifiers=identifiers)
