"""The page with a line for each classifier."""

from collections.abc import Callable

from fastapi.testclient import TestClient

from include.config import PipelineConfig
from include.warehouse.session import Warehouse

Browser = Callable[[str | None], TestClient]


def test_a_new_pipeline_says_what_to_press(browser: Browser, config: PipelineConfig, warehouse: Warehouse) -> None:
    client = browser("viewer")

    page = client.get("/driftgate/")
    line = client.get(f"/driftgate/pipelines/{config.name}/line")

    assert page.status_code == 200
    assert config.name in page.text
    assert "press Train" in line.text.replace("Press", "press"), line.text
