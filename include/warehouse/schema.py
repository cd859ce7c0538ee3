"""What a pipeline's schema holds: stages, tables, views, who may do what with them, and the alert."""

from collections.abc import Iterator

from include.config import PipelineConfig
from include.config_parts import StageConfig
from include.warehouse.dead_man import dead_man_statements
from include.warehouse.grants import grant_statements
from include.warehouse.identifiers import MODELS_STAGE, WORK_STAGE, quote_identifier, quote_url, stream_of
from include.warehouse.names import roles_of
from include.warehouse.statements import Statement

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


def schema_statements(config: PipelineConfig) -> Iterator[Statement]:
    """Return what the owner of the schema runs, once and whenever the pipeline file or the release has changed."""
    yield Statement("setup/use_role", {"role": roles_of(config).owner})
    for name in ("use_warehouse", "use_schema", "create_file_format"):
        yield Statement(f"setup/{name}")
    for stage in (config.stages.training, config.stages.incoming):
        yield from _image_stage(stage)
        yield _stream(stage)
    for name in (MODELS_STAGE, WORK_STAGE):
        yield Statement("setup/create_internal_stage", {"stage": quote_identifier(name)})
    for name in _TABLES_AND_VIEWS:
        yield Statement(f"setup/create_{name}")
    for name in ("add_check_id_to_runs", "add_request_id_to_model_events"):
        yield Statement(f"setup/{name}")
    yield from _what_answers_and_baselines_lack()
    yield from _what_checks_lack()
    for name in ("first_answers", "labelled_answers", "check_accuracy", "model_history"):
        yield Statement(f"setup/create_{name}")
    yield Statement("setup/fill_pipeline_lock")
    incoming = {"incoming_stage": config.stages.incoming.name}
    yield Statement("setup/create_current_predictions", values=incoming)
    yield from grant_statements(config)
    yield from dead_man_statements(config)


def _what_answers_and_baselines_lack() -> Iterator[Statement]:
    """Add the columns that PREDICTIONS and BASELINES of earlier releases do not have."""
    for column in ("SHORT_SIDE", "LONG_SIDE", "BRIGHTNESS", "CONTRAST", "SHARPNESS"):
        yield Statement("setup/add_number_to_predictions", {"column": quote_identifier(column)})
    for name in ("add_features_to_predictions", "add_is_first_to_predictions", "fill_is_first"):
        yield Statement(f"setup/{name}")
    for name in ("add_held_out_to_baselines", "add_features_to_baselines"):
        yield Statement(f"setup/{name}")


def _what_checks_lack() -> Iterator[Statement]:
    """Add the columns that DRIFT_CHECKS of earlier releases does not have."""
    for column in ("SCORE", "THRESHOLD", "P_VALUE", "SMALLEST_SHIFT", "ESTIMATED_ACCURACY"):
        yield Statement("setup/add_number_to_drift_checks", {"column": quote_identifier(column)})
    for name in ("add_signal_to_drift_checks", "add_evidence_to_drift_checks"):
        yield Statement(f"setup/{name}")


def _stream(stage: StageConfig) -> Statement:
    """Make the stream on a stage anew: the next sync compares all of the stage. Without it, each one does."""
    identifiers = {"stream": stream_of(stage.name), "stage": quote_identifier(stage.name)}
    return Statement("setup/create_stream", identifiers, is_optional=True)


def _image_stage(stage: StageConfig) -> Iterator[Statement]:
    identifiers = {"stage": quote_identifier(stage.name)}
    if stage.url is None:
        yield Statement("setup/create_internal_stage", identifiers)
        return
    identifiers["url"] = quote_url(stage.url)
    if stage.integration is None:
        yield Statement("setup/create_external_stage", identifiers)
        yield Statement("setup/set_stage_url", identifiers)
        return
    identifiers["integration"] = quote_identifier(stage.integration)
    yield Statement("setup/create_integration_stage", identifiers)
    yield Statement("setup/set_stage_integration", identifiers)
