"""Why something cannot be shown: what is wrong, what to do, and what the warehouse said."""

from typing import NamedTuple

from include.errors import (
    ConfigError,
    DriftgateError,
    MissingObjectError,
    WarehouseError,
    WarehouseUnavailableError,
)


class Problem(NamedTuple):
    """What a person is told."""

    heading: str
    """What is wrong."""
    advice: str
    """What to do."""
    detail: str
    """In the words of what failed."""


def problem_of(error: DriftgateError, name: str) -> Problem:
    """Return what to tell of an error.

    Args:
        error: Why a classifier, or a part of its page, cannot be shown.
        name: The pipeline.
    """
    heading, advice = _told(error, name)
    return Problem(heading=heading, advice=advice, detail=str(error))


def _told(error: DriftgateError, name: str) -> tuple[str, str]:
    if isinstance(error, WarehouseUnavailableError):
        return (
            "The warehouse does not answer, and nothing was kept from before.",
            "Reload the page when it is back; nothing is lost meanwhile.",
        )
    if isinstance(error, MissingObjectError):
        return "Not set up yet.", f"./driftgate setup {name} makes its tables."
    if isinstance(error, ConfigError):
        return "Airflow does not know its warehouse.", "Add the connection that the pipeline file names."
    if isinstance(error, WarehouseError):
        return "The warehouse refuses to tell.", f"./driftgate doctor {name} says why."
    return "This cannot be shown.", f"./driftgate doctor {name} looks for the reason."
