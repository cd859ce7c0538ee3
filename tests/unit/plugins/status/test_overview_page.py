"""The page with a line for each classifier."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from driftgate.status import sessions
from include.config import PipelineConfig
from include.warehouse.session import Warehouse

Browser = Callable[[str | None], TestClient]


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """What the process remembers for seconds is no other test's."""
    yield
    sessions._watermarks.clear()
    sessions._down.clear()


def line(client: TestClient, config: PipelineConfig) -> str:
    return client.get(f"/driftgate/pipelines/{config.name}/line").text


def test_a_pipeline_without_a_champion_says_what_to_press(
    browser: Browser, config: PipelineConfig, warehouse: Warehouse
) -> None:
    client = browser("viewer")

    page = client.get("/driftgate/")
    shown = line(client, config)

    assert page.status_code == 200
    assert config.name in page.text
    assert "No champion yet." in shown
    assert "Press Train" in shown


def test_a_champion_is_shown_as_soon_as_there_is_one(
    browser: Browser, config: PipelineConfig, warehouse: Warehouse, add_version: Callable[..., None]
) -> None:
    client = browser("viewer")
    before = line(client, config)

    add_version(1)
    sessions.forget_watermark(config)
    after = line(client, config)

    assert "version 1" not in before
    assert "version 1" in after
    assert "90.0 %" in after


def test_a_page_that_is_left_open_does_not_wake_the_warehouse_and_one_that_is_opened_does(
    browser: Browser,
    config: PipelineConfig,
    warehouse: Warehouse,
    add_version: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a page on which the line was read, and a change that no task has made
    monkeypatch.setattr(sessions, "WATERMARK_S", 0.0)
    client = browser("viewer")
    line(client, config)
    add_version(1)

    # When the line is read again by itself, it is as it was; when the page is opened, it is as it is now
    assert "version 1" not in line(client, config)
    client.get("/driftgate/")
    assert "version 1" in line(client, config)


def test_what_a_task_does_is_seen_without_opening_the_page_again(
    browser: Browser,
    config: PipelineConfig,
    warehouse: Warehouse,
    add_version: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "WATERMARK_S", 0.0)
    client = browser("viewer")
    line(client, config)

    add_version(1)
    monkeypatch.setattr(sessions, "is_quiet_since", lambda *_: False)

    assert "version 1" in line(client, config)


def test_where_the_warehouse_is_down_the_last_known_state_is_shown(
    browser: Browser,
    config: PipelineConfig,
    warehouse: Warehouse,
    add_version: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a line that was shown once
    client = browser("viewer")
    add_version(1)
    line(client, config)

    # When the warehouse no longer answers
    sessions.forget_watermark(config)
    sessions._down[config.name] = "connection 'warehouse': refused"
    shown = line(client, config)

    # Then the champion is still shown, with how old that is; a page that waits for nothing shows it, too
    assert "The warehouse does not answer." in shown
    assert "version 1" in shown
    assert "<time" in shown
    assert "version 1" in client.get("/driftgate/").text


def test_a_warehouse_that_is_down_before_anything_was_shown_is_told_in_the_line(
    browser: Browser, config: PipelineConfig
) -> None:
    sessions._down[config.name] = "connection 'warehouse': refused"

    shown = line(browser("viewer"), config)

    assert "does not answer, and nothing was kept" in shown


def test_a_pipeline_that_is_not_set_up_says_how_it_is(
    browser: Browser, config: PipelineConfig, embedded_warehouse: str
) -> None:
    shown = line(browser("viewer"), config)

    assert "Not set up yet." in shown
    assert f"./driftgate setup {config.name}" in shown


def test_a_broken_file_is_told_beside_the_others_as_text(
    browser: Browser, config: PipelineConfig, pipeline_file: Path
) -> None:
    (pipeline_file.parent / "wrong.yaml").write_text("name: <script>alert(1)</script>")

    page = browser("viewer").get("/driftgate/").text

    assert "wrong.yaml cannot be used" in page
    assert "<script>alert" not in page
    assert config.name in page


def test_without_a_pipeline_the_page_says_how_to_make_one(browser: Browser, pipeline_file: Path) -> None:
    pipeline_file.unlink()

    assert "./driftgate new" in browser("viewer").get("/driftgate/").text


def test_nothing_comes_from_elsewhere_and_no_script_stands_in_a_page(
    browser: Browser, config: PipelineConfig, warehouse: Warehouse
) -> None:
    client = browser("viewer")

    answer = client.get(f"/driftgate/pipelines/{config.name}")

    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "http://" not in answer.text
    assert "https://" not in answer.text


def test_a_static_file_is_kept_for_a_year_and_sent_gzipped(browser: Browser) -> None:
    from driftgate.status.static_files import static_path

    answer = browser("viewer").get(f"/driftgate{static_path('plotly.min.js')}")

    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    assert len(answer.content) > 1_000_000
