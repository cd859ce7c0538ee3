"""What a browser loads besides pages: styles, scripts and Plotly, each whole in memory, plain and gzipped.

Their addresses hold a digest of what is in them, so that a browser may keep them for a year.
"""

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fastapi import HTTPException, Request, Response, status

from driftgate.status.guards import page_router

_FOLDER = Path(__file__).parent / "static"
_PLOTLY = "plotly.min.js"
_TYPES = {
    "driftgate.css": "text/css",
    "driftgate.js": "text/javascript",
    "theme.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    _PLOTLY: "text/javascript",
    "icon.svg": "image/svg+xml",
    "icon_dark.svg": "image/svg+xml",
}
_FOR_A_YEAR = "private, max-age=31536000, immutable"

router = page_router()


@dataclass(frozen=True, kw_only=True)
class StaticFile:
    """A file, ready to be sent."""

    content: bytes
    gzipped: bytes
    digest: str
    media_type: str


@router.get("/static/{digest}/{file}")
def static_file(request: Request, digest: str, file: str) -> Response:
    """Return a file that pages refer to."""
    found = read_static(file) if file in _TYPES else None
    if found is None or found.digest != digest:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "there is no such file")
    return _answer(request, found, cache_control=_FOR_A_YEAR)


@router.get("/{file}.svg")
def icon(request: Request, file: str) -> Response:
    """Return the icon of the entry in Airflow's navigation, whose address is fixed."""
    if f"{file}.svg" not in _TYPES:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "there is no such file")
    return _answer(request, read_static(f"{file}.svg"), cache_control="private, max-age=3600")


def static_path(file: str) -> str:
    """Return the address of a file below the app's."""
    return f"/static/{read_static(file).digest}/{file}"


@cache
def read_static(file: str) -> StaticFile:
    """Return a file; Plotly's is that of the installed package."""
    content = (_plotly() if file == _PLOTLY else _FOLDER / file).read_bytes()
    return StaticFile(
        content=content,
        gzipped=gzip.compress(content, mtime=0),
        digest=hashlib.sha256(content).hexdigest()[:16],
        media_type=_TYPES[file],
    )


def _plotly() -> Path:
    spec = find_spec("plotly")  # it is not imported: a page needs nothing of it but one file
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package plotly is not installed: pip install -r requirements.txt")
    return Path(spec.origin).parent / "package_data" / _PLOTLY


def _answer(request: Request, file: StaticFile, *, cache_control: str) -> Response:
    is_gzipped = "gzip" in request.headers.get("accept-encoding", "")
    headers = {"Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    if is_gzipped:
        headers["Content-Encoding"] = "gzip"
    return Response(file.gzipped if is_gzipped else file.content, media_type=file.media_type, headers=headers)
