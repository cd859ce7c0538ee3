"""The panels with charts and tables: each route reads its panel, or takes it as it was kept, and renders a fragment."""

from typing import Annotated, Literal

from fastapi import Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from driftgate.status.charts import challenger_chart, confidence_chart, matrix_chart
from driftgate.status.charts_over_time import accuracy_chart, verdicts_chart, volume_chart
from driftgate.status.guards import Pipeline, pipeline_router
from driftgate.status.rendering import render
from driftgate.status.sessions import show
from include.status.accuracy import AccuracyOverTime, read_accuracy
from include.status.challenger import Challenger, read_challenger
from include.status.classes import Classes, ClassPage, SortKey, class_page, read_classes
from include.status.confidence import Confidence, read_confidence
from include.status.cost import Cost, read_cost
from include.status.ledger import LedgerPage, read_ledger
from include.status.verdicts import Verdicts, read_verdicts
from include.status.volume import DAYS, Volume, read_volume

PANELS: tuple[tuple[str, str], ...] = (
    ("confidence", "Confidence of new images"),
    ("verdicts", "Verdicts"),
    ("accuracy", "Accuracy"),
    ("volume", "New images by class"),
    ("classes", "Classes"),
    ("challenger", "Challenger against champion"),
    ("ledger", "Ledger"),
    ("cost", "Cost"),
)
"""The route of each, and its heading, in the order of the page."""

router = pipeline_router()

Days = Annotated[Literal[7, 30, 90], BeforeValidator(int)]
"""An address holds texts."""


class AskedClasses(BaseModel):
    """Which page of the table of classes is asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sort: SortKey = "recall"
    direction: Literal["up", "down"] = "up"
    search: str = Field(default="", max_length=200)
    page: int = 1


FIRST_PAGE = AskedClasses()
"""The classes that are recognised least."""


@router.get("/confidence", name="confidence")
def confidence(request: Request, config: Pipeline) -> HTMLResponse:
    """Show how sure the champion is of new images, over its baseline."""
    shown = show(config, "confidence", Confidence, lambda warehouse: read_confidence(warehouse, config))
    compared = shown.panel.compared
    chart = confidence_chart(compared) if compared else None
    return render(request, "panels/confidence.html.j2", config=config, shown=shown, it=shown.panel, chart=chart)


@router.get("/verdicts", name="verdicts")
def verdicts(request: Request, config: Pipeline) -> HTMLResponse:
    """Show the verdicts over time."""
    shown = show(config, "verdicts", Verdicts, read_verdicts)
    chart = verdicts_chart(shown.panel) if shown.panel.points else None
    return render(request, "panels/verdicts.html.j2", config=config, shown=shown, it=shown.panel, chart=chart)


@router.get("/accuracy", name="accuracy")
def accuracy(request: Request, config: Pipeline) -> HTMLResponse:
    """Show the accuracy over time."""
    shown = show(config, "accuracy", AccuracyOverTime, read_accuracy)
    chart = accuracy_chart(shown.panel) if shown.panel.windows else None
    return render(request, "panels/accuracy.html.j2", config=config, shown=shown, it=shown.panel, chart=chart)


@router.get("/volume", name="volume")
def volume(request: Request, config: Pipeline, days: Days = 30) -> HTMLResponse:
    """Show the new images of each day by class."""
    shown = show(config, "volume", Volume, lambda warehouse: read_volume(warehouse, n_days=days), {"days": days})
    chart = volume_chart(shown.panel) if shown.panel.classes else None
    return render(
        request,
        "panels/volume.html.j2",
        config=config,
        shown=shown,
        it=shown.panel,
        chart=chart,
        days=days,
        choices=DAYS,
    )


@router.get("/classes", name="classes")
def classes(request: Request, config: Pipeline) -> HTMLResponse:
    """Show what is confused with what, and the first page of the table of classes."""
    shown = show(config, "classes", Classes, read_classes)
    matrix = shown.panel.matrix
    return render(
        request,
        "panels/classes.html.j2",
        config=config,
        shown=shown,
        it=shown.panel,
        chart=matrix_chart(matrix) if matrix else None,
        found=_found(shown.panel, FIRST_PAGE),
        asked=FIRST_PAGE,
    )


@router.get("/classes/table", name="class_table")
def class_table(request: Request, config: Pipeline, asked: Annotated[AskedClasses, Query()]) -> HTMLResponse:
    """Show a page of the table of classes."""
    shown = show(config, "classes", Classes, read_classes)
    found = _found(shown.panel, asked)
    return render(request, "panels/class_table.html.j2", config=config, found=found, asked=asked)


@router.get("/challenger", name="challenger")
def challenger(request: Request, config: Pipeline) -> HTMLResponse:
    """Show the latest version beside the champion of its time."""
    shown = show(config, "challenger", Challenger, read_challenger)
    latest = shown.panel.latest
    chart = challenger_chart(latest.duel) if latest and latest.duel and latest.duel.classes else None
    return render(request, "panels/challenger.html.j2", config=config, shown=shown, it=latest, chart=chart)


@router.get("/ledger", name="ledger")
def ledger(request: Request, config: Pipeline, before: Annotated[int | None, Query(ge=1)] = None) -> HTMLResponse:
    """Show a page of what was decided about versions."""
    shown = show(
        config,
        "ledger",
        LedgerPage,
        lambda warehouse: read_ledger(warehouse, before_event_seq=before),
        {"before": before},
    )
    return render(request, "panels/ledger.html.j2", config=config, shown=shown, it=shown.panel, before=before)


@router.get("/cost", name="cost")
def cost(request: Request, config: Pipeline) -> HTMLResponse:
    """Show what each task costs."""
    shown = show(config, "cost", Cost, lambda warehouse: read_cost(warehouse, config))
    return render(request, "panels/cost.html.j2", config=config, shown=shown, it=shown.panel)


def _found(panel: Classes, asked: AskedClasses) -> ClassPage:
    return class_page(
        panel.lines,
        sort=asked.sort,
        is_descending=asked.direction == "down",
        search=asked.search,
        page=asked.page,
    )
