"""Signed, expiring URLs for staged files.

A URL is a capability: it opens one file for reading (or takes one upload) until it expires, without a session. The
signature is an HMAC-SHA256 over everything that the URL allows, with a secret that survives restarts.
"""

import hashlib
import hmac
import json
import os
import secrets
import time
from pathlib import Path
from typing import Final, Literal, NamedTuple, Self
from urllib.parse import quote

DEFAULT_SECONDS: Final = 3600
MAX_SECONDS: Final = 604_800

Method = Literal["GET", "PUT", "SCOPED"]
"""A SCOPED URL opens a file for functions, and nothing over HTTP."""


class StagedFile(NamedTuple):
    """One file of a stage, which need not exist."""

    database: str
    schema: str
    stage: str
    path: str


class Signer:
    """Signs URLs and checks them."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the secret, or make one that only this user can read."""
        try:
            return cls(path.read_bytes())
        except FileNotFoundError:
            secret = secrets.token_bytes(32)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secret)
            return cls(secret)

    def url(self, base: str, file: StagedFile, *, method: Method = "GET", seconds: int = DEFAULT_SECONDS) -> str:
        """Return a URL that allows this method on this file for so many seconds from now."""
        expires = int(time.time()) + seconds
        path = "/".join(quote(part, safe="") for part in file[:3]) + "/" + quote(file.path, safe="/")
        root = "api/files" if method == "SCOPED" else "stage"
        return f"{base}/{root}/{path}?expires={expires}&signature={self._signature(file, method, expires)}"

    def refusal(self, file: StagedFile, *, method: Method, expires: str, signature: str) -> str | None:
        """Say why the URL opens nothing, or None if it does."""
        # other alphabets have digits too, like ², which int() does not take
        if not (expires.isascii() and expires.isdigit()) or len(expires) > 12:
            return "the URL is not signed"
        expected = self._signature(file, method, int(expires))
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            return "the signature does not match"
        if int(expires) < time.time():
            return "the URL has expired"
        return None

    def _signature(self, file: StagedFile, method: Method, expires: int) -> str:
        # a JSON list, because the parts may hold any separator
        signed = json.dumps([method, *file, expires]).encode()
        return hmac.digest(self._secret, signed, hashlib.sha256).hex()
