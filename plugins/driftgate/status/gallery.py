"""The gallery: images that are worth a look, each with its thumbnail, as a panel and as a page of its own."""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BeforeValidator

from driftgate.status.guards import Pipeline, pipeline_router
from driftgate.status.rendering import render
from driftgate.status.sessions import open_session
from include.status.gallery import (
    N_LOOKED_AT,
    PAGE_SIZE,
    GalleryFilter,
    GalleryOrder,
    contents_of,
    read_choices,
    read_gallery,
)
from include.status.thumbnails import make_thumbnails
from include.store.files import FileStore

ORDERS: dict[GalleryOrder, tuple[str, str]] = {
    "unsure": ("Least confident", "of the newest {n:,} answers"),
    "novel": (
        "Most novel",
        "of the newest {n:,} answers; 2.0×: twice as far from what the version was accepted on as is usual",  # noqa: RUF001
    ),
    "misread": ("Just misread", "among the newest {n:,} labels, which came after the answers"),
}
"""What each order is called, and what is looked at."""

router = pipeline_router("/gallery")


def _none_if_empty(value: Any) -> Any:
    """A form sends a field that nobody has filled, too."""
    return value or None


def gallery_filter(
    order: GalleryOrder = "unsure",
    class_name: Annotated[str | None, Query(alias="class", max_length=1_000), BeforeValidator(_none_if_empty)] = None,
    version: Annotated[int | None, Query(ge=1, le=10**9), BeforeValidator(_none_if_empty)] = None,
) -> GalleryFilter:
    """Return which images the address asks for."""
    return GalleryFilter(order=order, class_name=class_name, version=version)


Wanted = Annotated[GalleryFilter, Depends(gallery_filter)]


def query_of(wanted: GalleryFilter) -> Callable[..., str]:
    """Return a function that returns what follows the ? in an address: these images, but for what is changed."""

    def query(**changes: Any) -> str:
        fields = {"order": wanted.order, "class": wanted.class_name, "version": wanted.version} | changes
        return urlencode({name: value for name, value in fields.items() if value is not None})

    return query


@router.get("", name="gallery")
def gallery(
    request: Request, config: Pipeline, wanted: Wanted, page: Annotated[int, Query(ge=1, le=10_000)] = 1
) -> HTMLResponse:
    """Show a page of the gallery, whole or, for htmx, the part that changes."""
    with open_session(config) as warehouse:
        found = read_gallery(warehouse, wanted, page=page)
        choices = read_choices(warehouse)
        make_thumbnails(warehouse, FileStore(config.store_url), contents_of(found.pictures))
    return render(
        request,
        "panels/gallery.html.j2" if request.headers.get("hx-request") else "gallery.html.j2",
        config=config,
        gallery=found,
        choices=choices,
        orders={order: name for order, (name, _) in ORDERS.items()},
        looked_at=ORDERS[wanted.order][1].format(n=N_LOOKED_AT[wanted.order]),
        page_size=PAGE_SIZE,
        query=query_of(wanted),
    )
