"""Say whether a service is well, as docker-compose.yaml's health checks ask: `python -m include.commands.local.health`.

The exit code is 0 if it is, 1 if it is not.
"""

import argparse
import os
import socket
import sys

import httpx

from include.commands.local.ports import answers, takes_mails

BROKER_VARIABLE = "AIRFLOW__CELERY__BROKER_URL"
_PATIENCE_S = 20.0


def runs_in_airflow(url: str, component: str) -> bool:
    """Return whether Airflow has heard from a component lately.

    Args:
        url: The address of its API server.
        component: scheduler, dag_processor or triggerer.
    """
    try:
        answer = httpx.get(f"{url}/api/v2/monitor/health", timeout=_PATIENCE_S, trust_env=False)
        return bool(answer.json()[component]["status"] == "healthy")
    except (httpx.TransportError, ValueError, KeyError, TypeError):
        return False


def worker_answers(name: str) -> bool:
    """Return whether a Celery worker answers on the broker of Airflow's settings.

    Args:
        name: Its host name, or what `--celery-hostname` gave it.
    """
    from celery import Celery
    from kombu.exceptions import OperationalError

    with Celery(broker=os.environ[BROKER_VARIABLE], set_as_current=False) as app:
        try:
            return bool(app.control.ping(destination=[f"celery@{name}"], timeout=_PATIENCE_S / 2, limit=1))
        except OperationalError:  # of the broker
            return False


def main(arguments: list[str] | None = None) -> int:
    """Return the exit code."""
    options = _options(arguments)
    if options.what == "page":
        is_well = answers(options.url, timeout_s=_PATIENCE_S)
    elif options.what == "mails":
        is_well = takes_mails(options.port)
    elif options.what == "airflow":
        is_well = runs_in_airflow(options.url, options.component)
    else:
        is_well = worker_answers(options.name)
    return 0 if is_well else 1


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m include.commands.local.health", description="Say by the exit code whether a service is well."
    )
    kinds = parser.add_subparsers(dest="what", required=True)
    page = kinds.add_parser("page", help="a page answers with 200")
    page.add_argument("url")
    mails = kinds.add_parser("mails", help="a mail server of this machine greets")
    mails.add_argument("port", type=int)
    airflow = kinds.add_parser("airflow", help="Airflow has heard from a component lately")
    airflow.add_argument("url")
    airflow.add_argument("component", choices=("scheduler", "dag_processor", "triggerer"))
    worker = kinds.add_parser("worker", help="a Celery worker answers")
    worker.add_argument("name", nargs="?", default=socket.gethostname())
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
