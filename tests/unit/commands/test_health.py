import socket
import threading

import pytest
from airflow_server import airflow_server

from include.commands.local.health import BROKER_VARIABLE, main

HEALTH = {"scheduler": {"status": "healthy"}, "dag_processor": {"status": "unhealthy"}, "triggerer": {"status": None}}


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_a_page(status, code):
    with airflow_server({"GET /healthz": (status, {})}) as server:
        assert main(["page", f"{server.url}/healthz"]) == code


def test_nobody_answers(unused_port):
    url = f"http://127.0.0.1:{unused_port}"

    assert main(["page", url]) == 1
    assert main(["mails", str(unused_port)]) == 1
    assert main(["airflow", url, "scheduler"]) == 1


@pytest.mark.parametrize(("component", "code"), [("scheduler", 0), ("dag_processor", 1), ("triggerer", 1)])
def test_a_component_is_well_if_airflow_has_heard_from_it(component, code):
    with airflow_server({"GET /api/v2/monitor/health": (200, HEALTH)}) as server:
        assert main(["airflow", server.url, component]) == code


def test_what_is_no_airflow_is_not_well():
    with airflow_server({"GET /api/v2/monitor/health": (200, b"<html>")}) as server:
        assert main(["airflow", server.url, "scheduler"]) == 1


@pytest.mark.parametrize(("greeting", "code"), [(b"220 ready\r\n", 0), (b"554 no\r\n", 1)])
def test_a_mail_server_greets(greeting, code):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet():
            client, _ = listener.accept()
            with client:
                client.sendall(greeting)

        thread = threading.Thread(target=greet)
        thread.start()
        assert main(["mails", str(listener.getsockname()[1])]) == code
        thread.join()


def test_a_worker_whose_broker_is_gone_is_not_well(unused_port, monkeypatch):
    monkeypatch.setenv(BROKER_VARIABLE, f"redis://127.0.0.1:{unused_port}/0")

    assert main(["worker", "nobody"]) == 1
