"""The picture and the list of the images that people are asked to label, from real files."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from include.catalog.forgetting import find_image
from include.catalog.label_lists import write_list
from include.catalog.requested import read_requests
from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.drift.labels import sheet
from include.drift.labels.sheet import LAYOUT, RequestFiles, write_requests
from include.errors import ForgottenMeanwhileError
from include.store.files import FileStore
from include.store.forgetting import forget_image
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
PutImage = Callable[..., Path]
Write = Callable[[], RequestFiles]

COLOURS = {"a/red.png": (250, 0, 0), "b/green.png": (0, 250, 0), 'c/"ü" & blue.png': (0, 0, 250)}
TOP = 70
"""Title and caption."""


@pytest.fixture
def requests(
    put_image: PutImage, warehouse: Warehouse, config: PipelineConfig, query: Query, promoted: Callable[..., int]
) -> None:
    """Check c1 has asked for three images, in the order of `COLOURS`."""
    for path, colour in COLOURS.items():
        put_image(path, colour=colour, stage="new")
    sync_stage(warehouse, config.stages.incoming, labels=None, accept_removals=True)
    query(
        "INSERT INTO LABEL_REQUESTS SELECT 'c1', STAGE, RELATIVE_PATH, ETAG, %(version)s, 'random', '<b>=hat</b> 猫', "
        "0.4, NULL, ROW_NUMBER() OVER (ORDER BY RELATIVE_PATH), SYSDATE() FROM IMAGES",
        version=promoted(),
    )


@pytest.fixture
def write(warehouse: Warehouse, store: FileStore, config: PipelineConfig) -> Write:
    def run() -> RequestFiles:
        return write_requests(warehouse, store, config, read_requests(warehouse, "c1"), run_id="run", work_path="w")

    return run


def colours(sheet: bytes, n: int = 3) -> list[tuple[int, ...]]:
    """Return the colour in the middle of each picture."""
    with Image.open(io.BytesIO(sheet)) as opened:
        pixels = np.asarray(opened.convert("RGB"))
    row = TOP + LAYOUT.picture // 2
    return [tuple(int(c) for c in pixels[row, LAYOUT.cell * place + LAYOUT.cell // 2]) for place in range(n)]


def test_the_picture_shows_the_images_in_the_order_of_their_numbers_and_the_list_names_them(
    requests: None, write: Write, store: FileStore, warehouse: Warehouse, query: Query
) -> None:
    files = write()

    assert colours(files.sheet) == list(COLOURS.values())
    assert (files.list_path, files.sheet_path) == ("label_requests/c1.csv", "label_requests/c1.png")
    assert store.read(files.sheet_path) == files.sheet
    assert store.read(files.list_path) == write_list(read_requests(warehouse, "c1"))
    assert files.caption.startswith("3 images to label, each with its number")
    # Prepared as the version's card says, in the pixel store: again, nothing is decoded.
    assert query("SELECT COUNT(*), COUNT(DISTINCT SEGMENT) FROM PIXELS") == [(3, 1)]
    assert write() == files


def test_an_image_keeps_its_proportions_however_it_is_kept(
    requests: None, write: Write, tmp_path: Path, config: PipelineConfig, warehouse: Warehouse, query: Query
) -> None:
    Image.new("RGB", (60, 20), (250, 0, 0)).save(tmp_path / "new" / "a" / "red.png")
    sync_stage(warehouse, config.stages.incoming, labels=None, accept_removals=True)
    query("UPDATE LABEL_REQUESTS SET ETAG = (SELECT ETAG FROM IMAGES WHERE RELATIVE_PATH = 'a/red.png' "
          "AND GONE_AT IS NULL) WHERE RELATIVE_PATH = 'a/red.png'")  # fmt: skip

    with Image.open(io.BytesIO(write().sheet)) as sheet:
        cell = np.asarray(sheet.convert("RGB"))[TOP : TOP + LAYOUT.picture, : LAYOUT.cell].astype(int)
    is_red = (cell[..., 0] > 200) & (cell[..., 1] < 50)
    assert is_red.any(axis=0).sum() == LAYOUT.picture
    assert is_red.any(axis=1).sum() == round(LAYOUT.picture / 3)


def test_what_cannot_be_read_leaves_a_grey_place(requests: None, write: Write, tmp_path: Path) -> None:
    (tmp_path / "new" / "a" / "red.png").write_bytes(b"no picture")
    (tmp_path / "new" / "b" / "green.png").unlink()

    assert colours(write().sheet) == [(230, 230, 230), (230, 230, 230), (0, 0, 250)]


def test_without_any_picture_there_is_still_a_list(requests: None, write: Write, tmp_path: Path) -> None:
    for path in (tmp_path / "new").rglob("*.png"):
        path.unlink()

    assert set(colours(write().sheet)) == {(230, 230, 230)}


def test_of_many_images_the_first_are_shown_and_the_caption_says_how_many_more(
    requests: None, write: Write, store: FileStore, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet, "LAYOUT", LAYOUT._replace(columns=2, rows=1))

    files = write()

    assert (files.n_shown, files.n_requested) == (2, 3)
    assert files.caption.endswith("; 1 more are in the list alone")
    assert colours(files.sheet, n=2) == list(COLOURS.values())[:2]
    assert len(store.read(files.list_path).splitlines()) == 4


def test_an_image_that_is_forgotten_leaves_the_list_and_takes_the_picture_with_it(
    requests: None, write: Write, store: FileStore, warehouse: Warehouse, config: PipelineConfig, query: Query
) -> None:
    write()
    path = 'c/"ü" & blue.png'

    done = forget(warehouse, store, config, path)

    assert done.files.n_lists >= 1
    assert query("SELECT RELATIVE_PATH FROM LABEL_REQUESTS ORDER BY PLACE") == [("a/red.png",), ("b/green.png",)]
    assert not store.exists("label_requests/c1.png")
    assert "blue" not in store.read("label_requests/c1.csv").decode()
    assert "green" in store.read("label_requests/c1.csv").decode()
    assert colours(write().sheet, n=2) == [(250, 0, 0), (0, 250, 0)]


def test_an_image_that_is_forgotten_while_it_is_drawn_is_in_no_file(
    requests: None,
    write: Write,
    store: FileStore,
    warehouse: Warehouse,
    config: PipelineConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = sheet.draw_sheet

    def forget_first(sections: Sequence[Any], **words: Any) -> Any:
        forget(warehouse, store, config, "a/red.png")
        return draw(sections, **words)

    monkeypatch.setattr(sheet, "draw_sheet", forget_first)
    with pytest.raises(ForgottenMeanwhileError, match="requests of check c1"):
        write()

    assert store.list_files("label_requests") == []


def forget(warehouse: Warehouse, store: FileStore, config: PipelineConfig, path: str) -> Any:
    found = find_image(warehouse, config, path, stages=[config.stages.incoming])
    return forget_image(warehouse, store, config, found, with_copies=False, actor="me", reason=None)


def test_a_list_that_nobody_can_read_and_a_picture_without_a_list_go_with_the_next_request(
    requests: None, write: Write, store: FileStore, warehouse: Warehouse, config: PipelineConfig
) -> None:
    write()
    for name in ("broken.csv", "broken.png", "alone.png"):
        store.write(f"label_requests/{name}", b"\xff")

    forget(warehouse, store, config, "a/red.png")

    assert [file.name for file in store.list_files("label_requests")] == ["label_requests/c1.csv"]
