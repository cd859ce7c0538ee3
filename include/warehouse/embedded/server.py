"""The embedded warehouse: a local server that speaks Snowflake's wire protocol.

`running_server` runs one in a thread, `python -m include.warehouse.embedded` in the foreground.
"""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import uvicorn

from include.warehouse.embedded.routes import application
from include.warehouse.embedded.sessions import IDLE_TRANSACTION_S
from include.warehouse.embedded.warehouse import Warehouse

log = logging.getLogger(__name__)

Urls = Literal["signed", "file"]


class RunningServer(NamedTuple):
    """A server that answers."""

    host: str
    port: int
    warehouse: Warehouse

    @property
    def url(self) -> str:
        """The address."""
        return f"http://{self.host}:{self.port}"


class PortInUseError(Exception):
    """Something else listens on the port."""


def listen(host: str, port: int) -> socket.socket:
    """Open the port.

    Raises:
        PortInUseError: It is taken.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise PortInUseError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def configured(warehouse: Warehouse) -> uvicorn.Server:
    """Return the HTTP server for a warehouse, which it closes at the end."""
    return uvicorn.Server(
        uvicorn.Config(
            application(warehouse),
            log_config=None,
            access_log=False,
            ws="none",
            lifespan="on",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=3,
        )
    )


@contextlib.contextmanager
def running_server(
    root: Path,
    *,
    user: str,
    password: str,
    urls: Urls = "signed",
    host: str = "127.0.0.1",
    port: int = 0,
    idle_transaction_s: float = IDLE_TRANSACTION_S,
) -> Iterator[RunningServer]:
    """Run a server in a thread as long as the context lasts.

    Args:
        root: The folder with everything that it keeps.
        user: The user that may log in.
        password: That user's password.
        urls: What GET_PRESIGNED_URL hands out: signed URLs to this server, or file:// URLs.
        host: The address to listen on.
        port: The port; 0 chooses a free one.
        idle_transaction_s: How long a transaction may hold locks without a statement while another waits for them.

    Raises:
        PortInUseError: The port is taken.
        RootInUseError: Another server has this root open.
    """
    listener = listen(host, port)
    with contextlib.closing(listener):
        warehouse = Warehouse(root, user=user, password=password, urls=urls, idle_transaction_s=idle_transaction_s)
        server = configured(warehouse)
        thread = threading.Thread(target=server.run, args=([listener],), name="embedded-warehouse", daemon=True)
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.005)
            yield RunningServer(host, listener.getsockname()[1], warehouse)
        finally:
            server.should_exit = True
            thread.join()
            warehouse.close()
