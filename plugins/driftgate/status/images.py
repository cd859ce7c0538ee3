"""One image and what happened to it, with the way to the images beside it in the gallery."""

from typing import Annotated

from fastapi import HTTPException, Query, Request, status
from fastapi.responses import HTMLResponse

from driftgate.status.gallery import ORDERS, Wanted, query_of
from driftgate.status.guards import Pipeline, pipeline_router
from driftgate.status.rendering import render
from driftgate.status.sessions import open_session
from include.errors import UnknownImageError
from include.status.gallery import PAGE_SIZE, Neighbours, read_neighbours
from include.status.image_history import read_image_history
from include.status.thumbnails import make_thumbnails
from include.store.files import FileStore

router = pipeline_router("/images")


@router.get("", name="image")
def image(
    request: Request,
    config: Pipeline,
    wanted: Wanted,
    path: Annotated[str, Query(min_length=1, max_length=4_000)],
    place: Annotated[int | None, Query(ge=1, le=1_000_000)] = None,
) -> HTMLResponse:
    """Show an image's history; `place` is where it was in the gallery."""
    with open_session(config) as warehouse:
        try:
            history = read_image_history(warehouse, config, path)
        except UnknownImageError as error:
            raise HTTPException(status.HTTP_404_NOT_FOUND, str(error)) from error
        beside = Neighbours(None, None) if place is None else read_neighbours(warehouse, wanted, place=place)
        contents = [file.thumbnail for file in history.files if file.thumbnail]
        make_thumbnails(warehouse, FileStore(config.store_url), contents)
    return render(
        request,
        "image.html.j2",
        config=config,
        history=history,
        place=place,
        beside=beside,
        order=ORDERS[wanted.order][0],
        gallery_page=None if place is None else 1 + (place - 1) // PAGE_SIZE,
        query=query_of(wanted),
    )
