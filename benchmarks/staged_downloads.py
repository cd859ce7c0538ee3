"""Staged files by signed URLs, fetched by a client that takes next to nothing: it is the server that is measured."""

import queue
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from urllib.parse import urlsplit

from benchmarks.own_warehouse import OwnWarehouse
from include.warehouse.identifiers import quote_identifier

_N_CONNECTIONS = 8


def presigned_urls(own: OwnWarehouse, stage: str) -> list[str]:
    """Return a signed URL of each file of a stage."""
    name = quote_identifier(stage)
    with closing(own.warehouse._connection.cursor()) as cursor:
        cursor.execute(f"ALTER STAGE {name} REFRESH")
        rows = cursor.execute(f"SELECT GET_PRESIGNED_URL(@{name}, RELATIVE_PATH) FROM DIRECTORY(@{name})").fetchall()  # noqa: S608 - quoted
    return [url for (url,) in rows]


def server_ms_per_file(own: OwnWarehouse, urls: Sequence[str], *, n_bytes: int) -> tuple[float, float]:
    """Fetch files of so many bytes, and return how many came a second, and the server's computing for each, in ms."""
    _fetch_all(urls, n_bytes)
    started, before = time.monotonic(), own.server.cpu_times()
    _fetch_all(urls, n_bytes)
    seconds, after = time.monotonic() - started, own.server.cpu_times()
    computed = after.user + after.system - before.user - before.system
    return len(urls) / seconds, 1000 * computed / len(urls)


def _fetch_all(urls: Sequence[str], n_bytes: int) -> None:
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for url in urls:
        waiting.put(url)
    failures: list[Exception] = []
    threads = [threading.Thread(target=_fetch, args=(waiting, n_bytes, failures)) for _ in range(_N_CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise RuntimeError(f"{len(failures)} connections failed") from failures[0]


def _fetch(waiting: "queue.SimpleQueue[str]", n_bytes: int, failures: list[Exception]) -> None:
    try:
        parts = urlsplit(waiting.get_nowait())
        with socket.create_connection((parts.hostname, parts.port)) as connection, connection.makefile("rb") as answers:
            while True:
                target = f"{parts.path}?{parts.query}"
                connection.sendall(f"GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
                status = answers.readline()
                while answers.readline() != b"\r\n":
                    pass
                if b" 200 " not in status or len(answers.read(n_bytes)) != n_bytes:
                    failures.append(RuntimeError(status.decode()))
                    return
                parts = urlsplit(waiting.get_nowait())
    except queue.Empty:
        return
    except OSError as error:
        failures.append(error)
