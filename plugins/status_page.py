"""The status page in Airflow: an entry in the navigation, and the pages behind it.

Airflow reads this file in every one of its processes, so that nothing is imported here that only the API server needs.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin

PREFIX = "/driftgate"

_Message = MutableMapping[str, Any]


async def _status_app(
    scope: MutableMapping[str, Any],
    receive: Callable[[], Awaitable[_Message]],
    send: Callable[[_Message], Awaitable[None]],
) -> None:
    """Hand a request to the pages, which are made when the first one comes.

    They are told in which app they are mounted: it is Airflow's, whose API does what a viewer presses.
    """
    from driftgate.status.app import status_app

    await status_app()({**scope, "airflow_app": scope.get("app")}, receive, send)


def _address() -> str:
    """Return where the pages are: Airflow may have an address with a path, which the navigation does not add."""
    return urlsplit(conf.get("api", "base_url", fallback="")).path.rstrip("/") + PREFIX


class StatusPagePlugin(AirflowPlugin):
    """Adds the entry Classifiers to Airflow's navigation."""

    name = "driftgate_status"
    fastapi_apps: ClassVar[list[Any]] = [{"name": "Driftgate's status", "app": _status_app, "url_prefix": PREFIX}]
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Classifiers",
            "href": f"{_address()}/",
            "destination": "nav",
            "url_route": "classifiers",
            "nav_top_level": True,
            "icon": f"{_address()}/icon.svg",
            "icon_dark_mode": f"{_address()}/icon_dark.svg",
        }
    ]
