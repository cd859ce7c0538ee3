"""What the status page takes with ten million answers: `python -m benchmarks.status_page`, through Airflow's own app.

The HTML of the first paint, and each panel: read from the warehouse, and as it was kept while nothing has changed.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from benchmarks.figures import RESULTS, Figure, as_markdown, figure_of, write
from benchmarks.ledger_rows import fill_answers, fill_ledger
from benchmarks.own_airflow import airflow_environment, run_python
from benchmarks.own_warehouse import HOST, OwnWarehouse, own_warehouse
from benchmarks.status_rows import fill_past

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

N_ANSWERS = 10_000_000
N_VERSIONS = 10
_REACH_S = 1.0
"""For the first paint: a page waits for no statement that reads answers."""
_USER, _PASSWORD = "viewer", "for this run only"


def main(arguments: Sequence[str] | None = None) -> None:
    """Fill a warehouse, ask for the page and its panels, and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.status_page", description=__doc__)
    parser.add_argument("-n", "--runs", type=int, default=5, help="how often to ask (default: %(default)s)")
    parser.add_argument("--answers", type=int, default=N_ANSWERS, help="how many answers (default: %(default)s)")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="driftgate-bench-") as folder:
        figures = status_page_figures(Path(folder), n_answers=options.answers, n_runs=options.runs)
    write(figures, RESULTS / "status_page.json")
    print(as_markdown(figures))


def status_page_figures(folder: Path, *, n_answers: int = N_ANSWERS, n_runs: int = 5) -> list[Figure]:
    """Fill a warehouse, ask for the page and its panels several times, and return what that takes.

    Args:
        folder: An empty one, which gets some 100 bytes an answer.
        n_answers: How many answers there are, of `N_VERSIONS` versions.
        n_runs: How often each is asked for.
    """
    with own_warehouse(folder) as own:
        fill_ledger(own.warehouse, n_versions=N_VERSIONS)
        stage = own.config.stages.incoming.name
        fill_answers(own.warehouse, stage=stage, n_answers=n_answers, n_versions=N_VERSIONS)
        fill_past(own.warehouse, own.config, n_answers=n_answers)
        with _viewer(folder, own) as browser:
            bench = _Bench(browser, own, n_runs)
            return list(bench.figures(f"{n_answers:,} answers"))


class _Bench:
    """Asks for pages several times."""

    def __init__(self, browser: "TestClient", own: OwnWarehouse, n_runs: int) -> None:
        self._browser = browser
        self._own = own
        self._n_runs = n_runs

    def figures(self, what: str) -> Iterator[Figure]:
        """Yield what the pages and each of the panels take."""
        from driftgate.status.pages import PANELS

        page = f"/driftgate/pipelines/{self._own.config.name}"
        machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
        self._ask("/driftgate/")  # imports, and compiles templates
        for name, path in (("all classifiers", "/driftgate/"), ("one classifier", page)):
            yield self._figure(f"first paint's HTML of {name}, {what}", path, self._forget, _REACH_S, machine)
        for route in ("head", *(route for route, _ in PANELS)):
            yield self._figure(f"panel {route}, {what}: read anew", f"{page}/{route}", self._forget, None, "")
            yield self._figure(f"panel {route}: as it was kept", f"{page}/{route}", self._let_time_pass, _REACH_S, "")

    def _figure(self, measure: str, path: str, before: Callable[[], None], reach: float | None, note: str) -> Figure:
        self._ask(path)
        seconds = []
        sizes = []
        for _ in range(self._n_runs):
            before()
            started = time.monotonic()
            sizes.append(len(self._ask(path)))
            seconds.append(time.monotonic() - started)
        size = f"{statistics.median(sizes) / 1000:.0f} KB of HTML"
        return figure_of(
            measure, seconds, unit="s", better="lower", reach=reach, note=f"{size}; {note}" if note else size
        )

    def _ask(self, path: str) -> bytes:
        answer = self._browser.get(path)
        # a part that cannot be read says so in its own place, and is no failure of the page
        if answer.status_code != 200 or "What was said" in answer.text:
            raise RuntimeError(f"{path} was answered with {answer.status_code}: {answer.text[:500]}")
        content: bytes = answer.content
        return content

    def _forget(self) -> None:
        """Let nothing be kept."""
        from driftgate.status import sessions
        from include.store.files import FileStore
        from include.store.shown import SHOWN

        store = FileStore(self._own.config.store_url)
        for file in store.list_files(SHOWN):
            store.delete(file.name)
        sessions.forget_watermark(self._own.config)

    def _let_time_pass(self) -> None:
        """Let the watermark be asked for again, as it is some seconds after it was."""
        from driftgate.status import sessions

        sessions.forget_watermark(self._own.config)


@contextmanager
def _viewer(folder: Path, own: OwnWarehouse) -> Iterator["TestClient"]:
    """Yield a browser in which a viewer has logged in to an Airflow that serves the page in this process."""
    pipelines = folder / "pipelines"
    pipelines.mkdir()
    fields = own.config.model_dump(mode="json", by_alias=True)
    (pipelines / f"{own.config.name}.yaml").write_text(yaml.safe_dump(fields), encoding="utf-8")
    passwords = folder / "passwords.json"
    passwords.write_text(json.dumps({_USER: _PASSWORD}), encoding="utf-8")
    environment = airflow_environment(folder, host=HOST, port=own.port) | {
        "DRIFTGATE_PIPELINES": str(pipelines),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "WARNING",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{_USER}:viewer",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this run, which is long enough for SHA-512 to be content with",
    }
    run_python(["-m", "airflow", "db", "migrate"], environment)
    os.environ.update(environment)  # Airflow reads it when it is first imported
    from airflow.api_fastapi.app import create_app
    from fastapi.testclient import TestClient

    browser = TestClient(create_app(apps="core"), base_url="http://testserver")
    token = browser.post("/auth/token", json={"username": _USER, "password": _PASSWORD}).json()["access_token"]
    browser.cookies.set("_token", token)
    yield browser


if __name__ == "__main__":
    main()
