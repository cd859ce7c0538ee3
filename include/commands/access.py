"""The way to a running Airflow: the one that the environment names, else the local instance."""

from typing import TYPE_CHECKING

from include.commands.local.state import ADMIN, LocalState
from include.errors import UnreachableError

if TYPE_CHECKING:  # a tenth of a second to import, which the shell's completion does not have
    from include.commands.airflow_api import AirflowApi


def start_hint(state: LocalState) -> str:
    """Return what starts the instance."""
    if not state.is_demo:
        return "./driftgate up starts it"
    return "./driftgate up --demo starts it again" if state.exists else "./driftgate demo starts it"


def open_airflow(state: LocalState) -> "AirflowApi":
    """Return a client that is logged in.

    Raises:
        UnreachableError: Airflow is not running.
        CommandError: It refuses us.
    """
    from include.commands.airflow_api import AirflowApi

    named = AirflowApi.from_environment()
    if named:
        return named
    if not state.exists:
        raise UnreachableError(f"Airflow is not running: {start_hint(state)}")
    return AirflowApi.log_in(
        state.read_settings().airflow_url,
        user=ADMIN,
        password=state.secret("admin_password"),
        start_hint=start_hint(state),
    )
