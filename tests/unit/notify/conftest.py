"""A desk on the embedded warehouse, a service that takes JSON, and drift checks in the warehouse."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from include.catalog.runs import open_run
from include.config import PipelineConfig
from include.notify.desk import Desk
from include.store.files import FileStore
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]


@dataclass
class Service:
    """A web service that is told of alerts."""

    port: int
    told: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    """What it answers."""

    def url(self, secret: str = "hunter2") -> str:  # noqa: S107
        return f"json://me:{secret}@127.0.0.1:{self.port}/hooks/{secret}"


@pytest.fixture
def service() -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if service.status == 200:
                service.told.append(json.loads(body))
            self.send_response(service.status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    service = Service(server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield service
    server.shutdown()
    server.server_close()


@pytest.fixture
def desk(warehouse: Warehouse, store: FileStore, config: PipelineConfig) -> Desk:
    return Desk(
        warehouse=warehouse,
        store=store,
        config=config,
        base_url="https://airflow.example.com/ml",
        work_path="a_deliverer",
    )


@pytest.fixture
def open_a_run(warehouse: Warehouse, config: PipelineConfig) -> Callable[..., str]:
    """A function that opens a run, and returns its id."""

    def open_one(dag_run_id: str, *, kind: Any = "inference", **changes: Any) -> str:
        dag_id = f"{config.name}_{kind}"
        run_id = f"{dag_id}/{dag_run_id}"
        opened = config.model_copy(update=changes)
        open_run(warehouse, opened, run_id=run_id, dag_id=dag_id, kind=kind, reason=None)
        return run_id

    return open_one


@pytest.fixture
def store_check(warehouse: Warehouse, open_a_run: Callable[..., str]) -> Callable[..., str]:
    """A function that stores a drift check of version 3 with a run of its own, and returns its id."""

    def add(check_id: str, *, action: str = "REQUEST_RETRAINING") -> str:
        warehouse.run(
            "drift/insert_check",
            check_id=check_id,
            run_id=open_a_run("scheduled__2026-01-31T10:00:00+00:00"),
            version=3,
            champion_event_seq=9,
            first_commit_seq=4,
            last_commit_seq=6,
            n_images=200,
            statistics=json.dumps({"confidences": {"distance": 1.483}, "n_new_labels": 62}),
            thresholds=json.dumps({"confidences": 0.212, "min_new_labels": 50}),
            verdict="DATA_DRIFT",
            action=action,
            reasons=json.dumps([f"the answers of window {check_id} look otherwise"]),
            report_path=None,
            signal=None,
            score=None,
            threshold=None,
            p_value=None,
            smallest_shift=None,
            estimated_accuracy=None,
            evidence=None,
        )
        return check_id

    return add
