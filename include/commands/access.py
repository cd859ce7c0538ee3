"""The way to a running Airflow: the one that the environment names, else the local instance."""

from include.commands.airflow_api import AirflowApi
from include.commands.local.state import ADMIN, LocalState
from include.errors import CommandError


def start_hint(state: LocalState) -> str:
    """Return what starts the instance."""
    if not state.is_demo:
        return "./driftgate up starts it"
    return "./driftgate up --demo starts it again" if state.exists else "./driftgate demo starts it"


def open_airflow(state: LocalState) -> AirflowApi:
    """Return a client that is logged in.

    Raises:
        CommandError: Airflow is not running, or refuses us.
    """
    named = AirflowApi.from_environment()
    if named:
        return named
    if not state.exists:
        raise CommandError(f"Airflow is not running: {start_hint(state)}")
    return AirflowApi.log_in(
        state.read_settings().airflow_url,
        user=ADMIN,
        password=state.secret("admin_password"),
        start_hint=start_hint(state),
    )
