"""Fetching, from a real HTTP server and from files."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, urlsplit

import fsspec
import pytest

from include.errors import ExpiredUrlError, FetchError, UnreadableImageError
from include.images.fetch import FetchedImage, Fetcher, fetch, fetch_all, without_query

SECRET = "c4narysignature"
SIGNATURE = f"?X-Signature={SECRET}"


class ImageHandler(BaseHTTPRequestHandler):
    """Answers by the path: /ok/…, /status/<code>, /flaky/<failures>/<how>/…, /signed (403 unless ?v=2), and others."""

    protocol_version = "HTTP/1.1"
    server: "ImageServer"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        kind, _, rest = parts.path[1:].partition("/")
        with self.server.lock:
            self.server.requests[parts.path] += 1
            self.server.connections.add(self.client_address)
            n_requests = self.server.requests[parts.path]
        if kind == "status":
            self.answer(int(rest), b"no")
        elif kind == "flaky":
            n_failures, how = rest.split("/")[:2]
            if n_requests > int(n_failures):
                self.answer(200, b"content")
            else:
                self.fail(how)
        elif kind == "signed":
            is_fresh = parts.query == "v=2"
            self.answer(200 if is_fresh else 403, b"content " + rest.encode())
        elif kind == "endless":
            self.endless()
        elif kind == "moved":
            self.send_response(307)
            self.send_header("Location", "/ok/moved" + SIGNATURE)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.answer(200, b"content " + rest.encode())

    def fail(self, how: str) -> None:
        """Answer with a status, cut the connection in mid-body or before, or be silent for too long."""
        if how.isdigit():
            self.answer(int(how), b"no")
            return
        if how == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"half")
        elif how == "silent":
            time.sleep(0.5)
        self.close_connection = True

    def answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def endless(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"3e8\r\n" + bytes(1000) + b"\r\n")
                self.server.n_endless_bytes += 1000
        except OSError:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep the test's output quiet."""


class ImageServer(ThreadingHTTPServer):
    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), ImageHandler)
        self.lock = threading.Lock()
        self.requests: Counter[str] = Counter()
        self.connections: set[object] = set()
        self.n_endless_bytes = 0

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{path}"


@contextmanager
def serving(server: ImageServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield
    server.shutdown()
    thread.join()


@pytest.fixture
def server() -> Iterator[ImageServer]:
    with ImageServer() as server, serving(server):
        yield server


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    with Fetcher(max_bytes=10_000, retry_wait_s=0.001) as fetcher:
        yield fetcher


def test_a_file_comes_over_http(server: ImageServer) -> None:
    assert fetch(server.url("ok/a.jpg" + SIGNATURE)) == b"content a.jpg"


def test_many_files_come_over_one_connection(server: ImageServer, fetcher: Fetcher) -> None:
    contents = [fetcher.fetch(server.url(f"ok/{n}")) for n in range(5)]

    assert contents == [f"content {n}".encode() for n in range(5)]
    assert len(server.connections) == 1


def test_a_redirect_is_followed(server: ImageServer, fetcher: Fetcher) -> None:
    assert fetcher.fetch(server.url("moved")) == b"content moved"


def test_a_file_url_is_percent_decoded(tmp_path: Path) -> None:
    path = tmp_path / "50% off" / "a b#c?d::é.jpg"
    path.parent.mkdir()
    path.write_bytes(b"content")

    assert fetch(f"file://{quote(str(path))}") == b"content"


def test_other_schemes_are_read_by_fsspec() -> None:
    fsspec.filesystem("memory").pipe_file("/stage/a.jpg", b"content")

    assert fetch("memory://stage/a.jpg") == b"content"


@pytest.mark.parametrize("how", ["408", "429", "500", "503", "cut", "closed", "silent"])
def test_a_server_that_recovers_is_asked_again(
    server: ImageServer, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(fetcher._client, "timeout", 0.2)

    assert fetcher.fetch(server.url(f"flaky/2/{how}/a.jpg")) == b"content"
    assert server.requests[f"/flaky/2/{how}/a.jpg"] == 3


def test_a_server_that_refuses_at_first_is_asked_again(unused_port: int) -> None:
    with Fetcher(retry_wait_s=0.1) as fetcher, ThreadPoolExecutor(1) as pool:
        fetched = pool.submit(fetcher.fetch, f"http://127.0.0.1:{unused_port}/ok/a.jpg")
        time.sleep(0.05)
        with ImageServer(unused_port) as server, serving(server):
            assert fetched.result(timeout=10) == b"content a.jpg"


@pytest.mark.parametrize(
    ("path", "reason", "n_requests"),
    [
        ("status/404", r"/status/404: the server answered 404 Not Found$", 1),
        ("status/500", r"/status/500: the server answered 500 Internal Server Error in 4 attempts$", 4),
        ("status/204", r"answered 204", 1),
        ("flaky/9/cut/a.jpg", r"/cut/a.jpg: RemoteProtocolError in 4 attempts$", 4),
    ],
)
def test_a_file_that_does_not_come_is_a_fetch_error(
    server: ImageServer, fetcher: Fetcher, path: str, reason: str, n_requests: int
) -> None:
    with pytest.raises(FetchError, match=reason):
        fetcher.fetch(server.url(path + SIGNATURE))

    assert server.requests[f"/{path}"] == n_requests


@pytest.mark.parametrize("status", [400, 401, 403])
def test_an_expired_url_is_told_apart(server: ImageServer, fetcher: Fetcher, status: int) -> None:
    with pytest.raises(ExpiredUrlError, match=f"answered {status}"):
        fetcher.fetch(server.url(f"status/{status}"))

    assert server.requests[f"/status/{status}"] == 1


def test_a_refused_connection_is_a_fetch_error(fetcher: Fetcher) -> None:
    with ImageServer() as closed:
        url = closed.url("a.jpg")

    with pytest.raises(FetchError, match=r"a\.jpg: ConnectError in 4 attempts$"):
        fetcher.fetch(url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("file:///no/such/a.jpg", r"^file:///no/such/a.jpg: No such file or directory$"),
        ("file:///", r"Is a directory"),
        ("nosuchscheme://a.jpg", r"^nosuchscheme://a.jpg: ValueError$"),
        ("http://[/a.jpg", r"^http://\[/a.jpg: Invalid IPv6 URL$"),
        ("http://127.0.0.1:99999/a.jpg", r"^http://127.0.0.1:99999/a.jpg: "),
    ],
)
def test_a_url_that_leads_nowhere_is_a_fetch_error(fetcher: Fetcher, url: str, reason: str) -> None:
    with pytest.raises(FetchError, match=reason):
        fetcher.fetch(url)


def test_a_file_that_is_too_large_is_unreadable_and_is_not_read_to_its_end(
    server: ImageServer, fetcher: Fetcher, tmp_path: Path
) -> None:
    path = tmp_path / "large.jpg"
    path.write_bytes(bytes(10_001))

    for url in (f"file://{path}", server.url("endless/a.jpg"), server.url("ok/" + "a" * 10_000)):
        with pytest.raises(UnreadableImageError, match=r"^is too large: [0-9,]+ bytes or more, the limit is 10,000$"):
            fetcher.fetch(url)

    assert server.n_endless_bytes < 20_000_000


def test_the_secret_of_a_url_is_in_no_message_and_no_log(
    server: ImageServer, fetcher: Fetcher, caplog: pytest.LogCaptureFixture
) -> None:
    messages = []
    with caplog.at_level(logging.DEBUG):
        fetcher.fetch(server.url("ok/a.jpg" + SIGNATURE))
        fetcher.fetch(server.url("moved" + SIGNATURE))
        for path in ("status/404", "status/403", "status/500", "flaky/9/cut/a.jpg", "no-port"):
            url = server.url(path) if path != "no-port" else "http://127.0.0.1:1/a.jpg"
            with pytest.raises(FetchError) as caught:
                fetcher.fetch(url + SIGNATURE + "#" + SECRET)
            messages.append(str(caught.value))

    assert SECRET not in caplog.text + " ".join(messages)


def test_a_url_is_shown_without_its_secrets() -> None:
    assert without_query("https://me:pass@host:8/a/b%20c.jpg?sig=1#x") == "https://host:8/a/b%20c.jpg"


def test_fetch_all_yields_every_index_once(server: ImageServer) -> None:
    urls = [server.url(f"ok/{n}") for n in range(50)]

    fetched = sorted(fetch_all(urls, n_threads=4), key=lambda image: image.index)

    assert fetched == [FetchedImage(n, f"content {n}".encode(), None) for n in range(50)]
    assert len(server.connections) <= 4


def test_fetch_all_refreshes_an_expired_url_once(server: ImageServer) -> None:
    refreshed: list[int] = []

    def refresh(index: int) -> str:
        refreshed.append(index)
        return urls[index] + ("?v=2" if index != 2 else "?v=3")

    urls = [server.url(f"signed/{n}") for n in range(4)]
    fetched = {image.index: image for image in fetch_all(urls, refresh=refresh)}

    assert sorted(refreshed) == [0, 1, 2, 3]
    assert [fetched[n].content for n in (0, 1, 3)] == [b"content 0", b"content 1", b"content 3"]
    assert isinstance(fetched[2].error, ExpiredUrlError)


def test_fetch_all_tells_a_failed_fetch_from_an_unreadable_image(server: ImageServer, tmp_path: Path) -> None:
    huge = tmp_path / "huge.jpg"
    with huge.open("wb") as file:
        file.truncate(2**40)
    urls = [server.url("ok/a"), server.url("status/404"), f"file://{huge}", server.url("status/403")]

    fetched = {image.index: image for image in fetch_all(urls, retry_wait_s=0.001)}

    assert fetched[0].content == b"content a"
    assert isinstance(fetched[1].error, FetchError)
    assert isinstance(fetched[2].error, UnreadableImageError)
    assert isinstance(fetched[3].error, FetchError)


def test_fetch_all_reads_no_further_ahead_than_it_may(server: ImageServer) -> None:
    urls = [server.url(f"ok/{n}") for n in range(200)]

    fetched = fetch_all(urls, n_threads=2)
    next(fetched)
    fetched.close()

    assert sum(server.requests.values()) <= 8 + 1


def test_an_error_of_refresh_ends_the_fetching(server: ImageServer) -> None:
    def refresh(index: int) -> str:
        raise RuntimeError("the warehouse is down")

    with pytest.raises(RuntimeError, match="the warehouse is down"):
        list(fetch_all([server.url("status/403")], refresh=refresh))
