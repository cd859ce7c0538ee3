"""The gallery, its thumbnails and an image's history, as a browser gets them."""

import re
from collections.abc import Callable
from html import escape
from typing import Any

import pytest
from fastapi.testclient import TestClient
from shown_images import ShownImages

from include.config import PipelineConfig
from include.status import gallery
from include.store.files import FileStore
from include.store.thumbnails import thumbnail_path
from include.warehouse.session import Warehouse

Browser = Callable[[str | None], TestClient]
Query = Callable[..., list[tuple[Any, ...]]]

SCRIPT = "<script>alert(1)</script>"
ODD_NAMES = ['it\'s "100 %" %s %(x)s.png', "a\nb.png", "写真/ü & é.png", f"{SCRIPT}.png"]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def shown(warehouse: Warehouse, store: FileStore, config: PipelineConfig, query: Query) -> ShownImages:
    return ShownImages(warehouse, store, config, query)


@pytest.fixture
def here(config: PipelineConfig) -> str:
    return f"/driftgate/pipelines/{config.name}"


def links(page: str, name: str) -> list[str]:
    """Return the addresses of a page that hold a part, as a browser reads them."""
    found = re.findall(rf'(?:href|src)="([^"]*/{name}[^"]*)"', page)
    return [address.replace("&amp;", "&").replace("&#39;", "'").replace("&#34;", '"') for address in found]


def test_each_picture_leads_to_its_history_and_to_the_ones_beside_it_whatever_it_is_called(
    browser: Browser, here: str, shown: ShownImages
) -> None:
    # Given images and a class with names that mean something elsewhere
    version = shown.promote()
    shown.prepare(*[shown.see(name) for name in ODD_NAMES])
    for n, name in enumerate(ODD_NAMES):
        shown.answer(version, name, 0.1 + 0.1 * n, class_name=SCRIPT)
    client = browser("viewer")

    page = client.get(f"{here}/gallery", params={"class": SCRIPT})

    assert page.status_code == 200
    assert SCRIPT not in page.text
    assert escape(SCRIPT) in page.text
    assert len(links(page.text, "images")) == 4
    for name, address in zip(ODD_NAMES, links(page.text, "images"), strict=True):
        history = client.get(address)
        assert history.status_code == 200
        assert escape(name, quote=False) in history.text.replace("&#34;", '"').replace("&#39;", "'")
        assert SCRIPT not in history.text
    second = client.get(links(page.text, "images")[1]).text
    (before, after) = [re.search(rf'rel="{rel}"[^>]*href="([^"]+)"', second) for rel in ("prev", "next")]
    assert before is not None
    assert after is not None
    assert "place=1" in before.group(1)
    assert "place=3" in after.group(1)


def test_the_part_that_changes_is_no_whole_page_and_a_page_is(browser: Browser, here: str, shown: ShownImages) -> None:
    shown.see("a.png")
    shown.answer(shown.promote(), "a.png")
    client = browser("viewer")

    part = client.get(f"{here}/gallery", params={"order": "unsure", "class": "", "version": ""}, headers=HTMX)
    page = client.get(f"{here}/gallery")

    assert part.text.lstrip().startswith('<div class="gallery"')
    assert page.text.startswith("<!DOCTYPE html>")
    assert "1–1 of 1 least confident of the newest 20,000 answers" in " ".join(part.text.split())  # noqa: RUF001


def test_thumbnails_are_pictures_that_browsers_keep_and_one_without_pixels_is_a_placeholder(
    browser: Browser, here: str, shown: ShownImages, store: FileStore
) -> None:
    content, without = shown.see("a.png"), shown.see("b.png")
    shown.prepare(content)
    client = browser("viewer")

    first = client.get(f"{here}/thumbnails/{content}")
    again = client.get(f"{here}/thumbnails/{content}", headers={"If-None-Match": first.headers["etag"]})
    empty = client.get(f"{here}/thumbnails/{without}")

    assert first.headers["content-type"] == "image/jpeg"
    assert first.headers["cache-control"].startswith("private")
    assert "immutable" in first.headers["cache-control"]
    assert store.read(thumbnail_path(content)) == first.content
    assert (again.status_code, again.content) == (304, b"")
    assert (empty.status_code, empty.headers["content-type"]) == (200, "image/svg+xml")
    # a browser that says it has one of what was forgotten is not told to keep it
    gone = "f" * 64
    revalidated = client.get(f"{here}/thumbnails/{gone}", headers={"If-None-Match": f'"{gone}"'})
    assert revalidated.headers["content-type"] == "image/svg+xml"
    assert client.get(f"{here}/thumbnails/..%2Fsegments").status_code in {404, 422}
    assert client.get(f"{here}/thumbnails/{'g' * 64}").status_code == 422


def test_an_image_that_does_not_exist_is_told_with_similar_ones(
    browser: Browser, here: str, shown: ShownImages
) -> None:
    shown.see("shirt/1.png")

    answer = browser("viewer").get(f"{here}/images", params={"path": "shirt/l.png"})

    assert answer.status_code == 404
    assert "the most similar are shirt/1.png" in answer.text


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ("unsure", "press Classify new images"),
        ("novel", "press Classify new images"),
        ("misread", "No label has shown an answer to be wrong"),
    ],
)
def test_an_empty_gallery_says_what_fills_it(
    browser: Browser, here: str, warehouse: Warehouse, order: gallery.GalleryOrder, told: str
) -> None:
    answer = browser("viewer").get(f"{here}/gallery", params={"order": order})

    assert answer.status_code == 200
    assert told in answer.text


def test_filters_that_make_no_sense_are_refused_and_those_that_fit_nothing_lead_back(
    browser: Browser, here: str, shown: ShownImages
) -> None:
    shown.see("a.png")
    shown.answer(shown.promote(), "a.png")
    client = browser("viewer")

    assert client.get(f"{here}/gallery", params={"order": "by name"}).status_code == 422
    assert client.get(f"{here}/gallery", params={"page": 0}).status_code == 422
    assert client.get(f"{here}/gallery", params={"version": "one"}).status_code == 422
    assert "Show those of any class and version" in client.get(f"{here}/gallery", params={"class": "boot"}).text
    assert "a.png" in client.get(f"{here}/gallery", params={"page": 9}).text, "the first page instead"


def test_what_was_forgotten_or_is_in_quarantine_is_not_shown(
    browser: Browser, here: str, shown: ShownImages, query: Query
) -> None:
    # Given an image whose content another one keeps alive
    content = shown.see("a.png")
    shown.prepare(content)
    shown.answer(shown.promote(), "a.png")
    query("INSERT INTO QUARANTINE SELECT 'INCOMING_IMAGES', 'a.png', 'e', 'forgotten on request', 'r', SYSDATE()")
    client = browser("viewer")

    assert "a.png" not in client.get(f"{here}/gallery").text
    history = client.get(f"{here}/images", params={"path": "a.png"}).text
    assert "forgotten on request" in history
    assert links(history, "thumbnails") == []


def test_ten_thousand_classes_make_no_page_of_ten_thousand_choices(
    browser: Browser, here: str, shown: ShownImages, query: Query
) -> None:
    shown.see("a.png")
    shown.answer(shown.promote(), "a.png")
    query(
        "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, PRED_TIMESTAMP, "
        "RUN_ID, COMMIT_SEQ) SELECT 'INCOMING_IMAGES', 'a.png', 'e', 1 + N, 'class ' || N, 0.5, PARSE_JSON('[1]'), "
        "SYSDATE(), 'run', 1 + N FROM (SELECT ROW_NUMBER() OVER (ORDER BY NULL) AS N FROM "
        "TABLE(GENERATOR(ROWCOUNT => 10000)))"
    )

    answer = browser("viewer").get(f"{here}/gallery", params={"class": "class 9999"})

    assert answer.text.count("<option") <= 260
    assert len(answer.content) < 60_000


def test_a_warehouse_that_is_down_is_told(browser: Browser, here: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from include.errors import WarehouseUnavailableError

    def refuse(*_: Any, **__: Any) -> None:
        raise WarehouseUnavailableError("connection 'warehouse': refused")

    monkeypatch.setattr("driftgate.status.gallery.open_session", refuse)

    answer = browser("viewer").get(f"{here}/gallery", headers=HTMX)

    assert answer.status_code == 503
    assert "The warehouse does not answer" in answer.text
