"""What a pipeline's objects in the account are called: after its database and schema, so that no two share one."""

from typing import NamedTuple

from include.config import PipelineConfig
from include.warehouse.identifiers import quote_identifier

ALERT = "DRIFT_CHECK_MISSING"
"""The alert that tells when drift checks stay away, in the pipeline's schema."""
FILE_FORMAT = "PARQUET_ROWS"
"""The format of rows on their way into tables, in the pipeline's schema."""


class Roles(NamedTuple):
    """The roles of a pipeline."""

    owner: str
    """Makes, changes and drops what is in the schema; of a person who sets it up."""
    pipeline: str
    """Runs the DAGs; of Airflow's connection."""
    reader: str
    """Reads the views for consumers, and calls the published functions."""


def roles_of(config: PipelineConfig) -> Roles:
    """Return the names of a pipeline's roles."""
    return Roles(*(_account_name(config, kind) for kind in ("OWNER", "PIPELINE", "READER")))


def mail_integration(config: PipelineConfig) -> str:
    """Return the name of the notification integration by which the pipeline's alert mails."""
    return _account_name(config, "MAIL")


def _account_name(config: PipelineConfig, what: str) -> str:
    return quote_identifier(f"{config.warehouse.database}_{config.schema_name}_{what}")
