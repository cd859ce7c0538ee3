"""Thumbnails: made from the pixel store, in the proportions of the originals, and gone when the image is forgotten."""

import io
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from shown_images import ShownImages

from include.catalog.forgetting import find_image
from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.status.thumbnails import SIDE, make_thumbnails
from include.store import pixels
from include.store.files import FileStore
from include.store.forgetting import forget_image
from include.store.thumbnails import read_thumbnail, thumbnail_path
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def shown(warehouse: Warehouse, store: FileStore, config: PipelineConfig, query: Query) -> ShownImages:
    return ShownImages(warehouse, store, config, query)


def opened(jpeg: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(jpeg))
    assert picture.format == "JPEG"
    return picture


def test_a_thumbnail_is_made_once_and_kept_by_digest(
    warehouse: Warehouse, store: FileStore, shown: ShownImages, query: Query
) -> None:
    red, green = shown.see("red.png"), shown.see("green.png")
    shown.prepare(red)
    shown.prepare(green, colour=(0, 250, 0), size=64)

    made = make_thumbnails(warehouse, store, [red, green, red, "0" * 64])

    assert {*made} == {red, green}
    assert read_thumbnail(store, red) == made[red]
    middle = opened(made[green]).getpixel((SIDE // 2, SIDE // 2))
    assert np.allclose(middle, (0, 250, 0), atol=6)
    query("DELETE FROM PIXELS")
    assert make_thumbnails(warehouse, store, [red, green]) == {}, "nobody asks the warehouse again"


@pytest.mark.parametrize(
    ("shape", "size"), [("100x50", (SIDE, SIDE // 2)), ("30x60", (SIDE // 2, SIDE)), ("60000x3", (SIDE, SIDE // 20))]
)
def test_a_thumbnail_has_the_proportions_of_the_original(
    warehouse: Warehouse, store: FileStore, shown: ShownImages, shape: str, size: tuple[int, int]
) -> None:
    content = shown.see("a.png")
    shown.prepare(content, shape=shape)

    assert opened(make_thumbnails(warehouse, store, [content])[content]).size == size


def test_huge_pixels_make_a_small_file(warehouse: Warehouse, store: FileStore, shown: ShownImages) -> None:
    content = shown.see("a.png")
    shown.prepare(content, size=2000)

    made = make_thumbnails(warehouse, store, [content])[content]

    assert opened(made).size == (SIDE, SIDE)
    assert len(made) < 20_000


@pytest.mark.parametrize("damage", ["missing", "torn", "shorter"])
def test_pixels_that_are_lost_have_no_thumbnail_and_the_others_have(
    warehouse: Warehouse, store: FileStore, shown: ShownImages, damage: str, config: PipelineConfig
) -> None:
    lost, whole = shown.see("lost.png"), shown.see("whole.png")
    file = Path(config.store_url) / shown.prepare(lost)
    shown.prepare(whole, size=16)
    content = file.read_bytes()
    file.unlink()
    if damage != "missing":
        file.write_bytes(content[:-1] if damage == "shorter" else b"\xff" * 30)

    assert {*make_thumbnails(warehouse, store, [lost, whole])} == {whole}


def test_of_a_remote_store_no_whole_segment_is_fetched(
    warehouse: Warehouse, shown: ShownImages, tmp_path: Path, config: PipelineConfig, query: Query
) -> None:
    remote = FileStore(f"memory://{uuid.uuid4().hex}/store", cache=tmp_path / "cache")
    content = shown.see("a.png")
    ShownImages(warehouse, remote, config, query).prepare(content)

    assert {*make_thumbnails(warehouse, remote, [content])} == {content}
    assert not list((tmp_path / "cache").rglob("*.safetensors"))


def test_what_is_forgotten_has_no_thumbnail_any_more_even_if_it_was_being_made(
    warehouse: Warehouse,
    store: FileStore,
    config: PipelineConfig,
    shown: ShownImages,
    query: Query,
    put_image: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given an image with a thumbnail, which somebody wants forgotten
    put_image("a.png", colour=(250, 0, 0), stage="new")
    sync_stage(warehouse, config.stages.incoming, labels=None, accept_removals=True)
    content = "ab" * 32
    query("UPDATE IMAGES SET CONTENT_SHA256 = %(content)s", content=content)
    segment = shown.prepare(content)
    make_thumbnails(warehouse, store, [content])
    found = find_image(warehouse, config, "a.png", stages=[config.stages.incoming])

    def forget() -> None:
        forget_image(warehouse, store, config, found, with_copies=False, actor="ann", reason=None)

    forget()
    assert not store.exists(thumbnail_path(content))
    assert make_thumbnails(warehouse, store, [content]) == {}

    # When it is forgotten between the reading of its pixels and the writing of its thumbnail
    segment = shown.prepare(content)
    read = pixels.read_image

    def read_and_lose(*arguments: Any) -> Any:
        image = read(*arguments)
        query("DELETE FROM PIXELS WHERE SEGMENT = %(segment)s", segment=segment)
        return image

    monkeypatch.setattr("include.status.thumbnails.read_image", read_and_lose)
    assert make_thumbnails(warehouse, store, [content]) == {}
    assert not store.exists(thumbnail_path(content))
