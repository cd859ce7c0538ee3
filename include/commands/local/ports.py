"""What answers on a port of this machine, and whose it is."""

import socket

import httpx
import psutil

from include.commands.local.environment import LOOPBACK

_GREETING_PATIENCE_S = 5.0


def is_free(port: int) -> bool:
    """Return whether nobody listens on a port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def holder_of(port: int) -> str:
    """Return which process has a port, as far as the operating system tells us: " by process 7 (nginx)", or nothing."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return ""
    holders = [c.pid for c in connections if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port]
    for pid in filter(None, holders):
        try:
            return f" by process {pid} ({psutil.Process(pid).name()})"
        except psutil.NoSuchProcess:
            continue
    return ""


def takes_mails(port: int) -> bool:
    """Return whether somebody on a port greets as a mail server does (RFC 5321, section 4.2: 220)."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=_GREETING_PATIENCE_S) as client:
            return client.recv(3) == b"220"
    except OSError:
        return False


def answers(url: str, *, timeout_s: float) -> bool:
    """Return whether a page answers that all is well."""
    try:
        return httpx.get(url, timeout=timeout_s, trust_env=False).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
