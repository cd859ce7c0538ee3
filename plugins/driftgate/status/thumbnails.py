"""Thumbnails, served from here: no page holds an address that leads to a stage."""

from typing import Annotated

from fastapi import Path, Request, Response, status

from driftgate.status.guards import Pipeline, pipeline_router
from driftgate.status.sessions import open_session
from include.status.thumbnails import make_thumbnails
from include.store.files import FileStore
from include.store.thumbnails import read_thumbnail

_FOR_A_DAY = "private, max-age=86400, immutable"
"""What is named by its digest never changes; but what is forgotten on request has to vanish from browsers, too."""
_NOT_FOR_LONG = "private, max-age=60"
_NOTHING = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 160" fill="none" stroke="#8a97a5" stroke-width="2">'
    b'<rect x="60" y="64" width="40" height="32" rx="3"/><path d="M62 92l12-12 8 8 6-6 10 10M58 102l44-44"/></svg>'
)
"""Stands where there are no pixels."""

router = pipeline_router("/thumbnails")


@router.get("/{content_sha256}", name="thumbnail")
def thumbnail(
    request: Request, config: Pipeline, content_sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
) -> Response:
    """Return the thumbnail of a content; where the store has no pixels of it, a picture that says so."""
    etag = f'"{content_sha256}"'
    store = FileStore(config.store_url)
    jpeg = read_thumbnail(store, content_sha256)
    if jpeg is None:
        with open_session(config) as warehouse:
            jpeg = make_thumbnails(warehouse, store, [content_sha256]).get(content_sha256)
    if jpeg is None:
        return Response(_NOTHING, media_type="image/svg+xml", headers={"Cache-Control": _NOT_FOR_LONG})
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=status.HTTP_304_NOT_MODIFIED, headers={"ETag": etag, "Cache-Control": _FOR_A_DAY})
    return Response(jpeg, media_type="image/jpeg", headers={"ETag": etag, "Cache-Control": _FOR_A_DAY})
