"""The panels of a pipeline's page: charts and the same figures as tables, whatever a pipeline has to show."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient
from httpx import Response
from schema_template import SchemaTemplate
from status_story import HOSTILE, lived_pipeline

from include.config import PipelineConfig
from include.warehouse.session import Warehouse

Browser = Callable[[str | None], TestClient]
Read = Callable[..., str]

CHARTS = ("confidence", "verdicts", "accuracy", "volume", "classes", "challenger")
TABLES = ("ledger", "cost")


@pytest.fixture(scope="module")
def past_config(
    new_config: Callable[[Path], PipelineConfig], tmp_path_factory: pytest.TempPathFactory
) -> PipelineConfig:
    config = new_config(tmp_path_factory.mktemp("past"))
    return config.model_copy(update={"drift": config.drift.model_copy(update={"window": 120})})


@pytest.fixture(scope="module")
def past(schema_template: SchemaTemplate, past_config: PipelineConfig) -> Iterator[Warehouse]:
    """A session on a pipeline with a past, one of whose classes closes the script in which it stands."""
    with lived_pipeline(schema_template, past_config, now=datetime.now(UTC)) as warehouse:
        yield warehouse


@pytest.fixture
def ask(past: Warehouse, past_config: PipelineConfig, browser: Browser, pipeline_file: Path) -> Callable[..., Response]:
    """A function that asks for a panel of the pipeline with a past, as a viewer does."""
    file = pipeline_file.with_name(f"{past_config.name}.yaml")
    file.write_text(yaml.safe_dump(json.loads(past_config.to_json())))
    client = browser("viewer")
    return lambda panel, **asked: client.get(f"/driftgate/pipelines/{past_config.name}/{panel}", params=asked)


@pytest.fixture
def of_the_past(ask: Callable[..., Response]) -> Read:
    """A function that returns a panel of the pipeline with a past."""

    def read(panel: str, **asked: Any) -> str:
        answer = ask(panel, **asked)
        assert answer.status_code == 200, answer.text
        return answer.text

    return read


class _Elements(HTMLParser):
    """What a browser makes of a fragment: its elements, and the texts within scripts."""

    def __init__(self, fragment: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.scripts: list[str] = []
        self.feed(fragment)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        if tag == "script":
            assert dict(attrs) == {"type": "application/json"}, "a script that runs"
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.names and self.names[-1] == "script" and self.scripts[-1] == "":
            self.scripts[-1] = data


def _text(fragment: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", fragment)).split())


@pytest.mark.parametrize("panel", CHARTS)
def test_a_chart_stands_beside_the_same_figures_as_a_table(of_the_past: Read, panel: str) -> None:
    fragment = of_the_past(panel)

    found = _Elements(fragment)
    (chart,) = [json.loads(script) for script in found.scripts]
    assert chart["data"]
    assert all(trace.get("x") or trace.get("z") for trace in chart["data"])
    assert "figcaption" in found.names
    assert "table" in found.names


def test_a_class_that_closes_a_script_is_a_text(of_the_past: Read) -> None:
    for panel in ("volume", "classes", "challenger"):
        fragment = of_the_past(panel)

        assert HOSTILE not in fragment
        assert len(_Elements(fragment).scripts) == 1
        assert HOSTILE in unescape(fragment)
    assert "&lt;/script&gt;" in _Elements(of_the_past("volume")).scripts[0].encode().decode("unicode_escape")


def test_the_confidence_says_whether_the_band_is_left(of_the_past: Read) -> None:
    text = _text(of_the_past("confidence"))

    assert "The line of the new images stays within the band." in text
    assert "40 answers of 120 wait for the next check." in text


def test_promotions_and_rollbacks_are_marked_in_both_charts(of_the_past: Read) -> None:
    for panel in ("verdicts", "accuracy"):
        chart = json.loads(_Elements(of_the_past(panel)).scripts[0])

        assert [mark["text"] for mark in chart["layout"]["annotations"]] == ["▲ v2", "↩ v1", "↩ v2"]


def test_as_many_days_are_shown_as_are_asked_for(of_the_past: Read) -> None:
    week, quarter = (json.loads(_Elements(of_the_past("volume", days=days)).scripts[0]) for days in (7, 90))

    assert (len(week["data"][0]["x"]), len(quarter["data"][0]["x"])) == (7, 90)


def test_the_table_of_classes_can_be_sorted_and_searched(of_the_past: Read) -> None:
    fragment = of_the_past("classes/table", sort="label", direction="down")
    assert fragment.index("trousers") < fragment.index("ankle boot")
    assert 'aria-sort="descending"' in fragment

    found = of_the_past("classes/table", search="BOOT")
    assert "ankle boot" in found
    assert '<th scope="row">sandal' not in found

    assert "No class has “<b>” in its name." in _text(of_the_past("classes/table", search="<b>"))


@pytest.mark.parametrize(
    ("panel", "asked"),
    [
        ("volume", {"days": 8}),
        ("classes/table", {"sort": "DROP TABLE"}),
        ("classes/table", {"page": "x"}),
        ("ledger", {"before": 0}),
    ],
)
def test_what_makes_no_sense_is_refused(ask: Callable[..., Response], panel: str, asked: dict[str, Any]) -> None:
    assert ask(panel, **asked).status_code == 422


def test_the_ledger_says_who_has_decided_what_and_links_the_run(of_the_past: Read) -> None:
    fragment = of_the_past("ledger")

    assert "restored by a rollback in place of version 1" in _text(fragment)
    assert "dora" in fragment
    assert "/dags/digits_training/runs/3" in fragment
    assert "Nothing was decided" in _text(of_the_past("ledger", before=1))


def test_the_cost_names_tasks(of_the_past: Read) -> None:
    text = _text(of_the_past("cost"))

    assert "Credits" in text
    assert "status page" in text


@pytest.mark.parametrize("panel", [*CHARTS, *TABLES])
def test_a_pipeline_without_a_past_says_what_to_press(
    browser: Browser, config: PipelineConfig, warehouse: Warehouse, panel: str
) -> None:
    answer = browser("viewer").get(f"/driftgate/pipelines/{config.name}/{panel}")

    assert answer.status_code == 200
    assert _Elements(answer.text).scripts == []
    if panel != "cost":
        assert re.search(r"[Pp]ress|yet", _text(answer.text)), answer.text


def test_ten_thousand_classes_make_a_page_and_a_small_matrix(
    browser: Browser, config: PipelineConfig, warehouse: Warehouse, add_version: Callable[..., None]
) -> None:
    add_version(1)
    confusion = {f"class {number}": {f"class {number}": 9, f"class {number // 2}": 1} for number in range(1, 10_001)}
    warehouse.run(
        "registry/insert_baseline",
        version=1,
        edges="[0.0, 1.0]",
        counts="[1]",
        counts_by_class="{}",
        image_statistics="{}",
        held_out=json.dumps({"confusion": confusion}),
        features=None,
        n_images=1,
    )
    fragment = browser("viewer").get(f"/driftgate/pipelines/{config.name}/classes").text

    (chart,) = [json.loads(script) for script in _Elements(fragment).scripts]
    assert len(chart["data"][0]["z"]) <= 20
    assert "page 1 of 200, 10,000 classes" in _text(fragment)
    assert len(fragment) < 200_000
