"""The pages: all classifiers, and one."""

from datetime import datetime
from typing import NamedTuple

from fastapi import Request
from fastapi.responses import HTMLResponse

from driftgate.status import panels
from driftgate.status.guards import AuthManager, Pipeline, Viewer, may_read, page_router, pipeline_router
from driftgate.status.pipeline_files import read_pipelines
from driftgate.status.problems import problem_of
from driftgate.status.rendering import render
from driftgate.status.sessions import find_shown, forget_watermark, show
from driftgate.status.viewer_api import ViewerApi
from include.config import BrokenPipeline, PipelineConfig
from include.errors import DriftgateError
from include.status.overview import Overview, read_overview

PANELS: tuple[tuple[str, str], ...] = (*panels.PANELS[:4], ("gallery", "Gallery"), *panels.PANELS[4:])
"""The panels of a pipeline's page: the route of each, and its heading."""


class NextRun(NamedTuple):
    """When new images are classified next, as Airflow has it."""

    at: datetime | None
    """None: when it is triggered."""
    is_paused: bool


router = page_router()
pipeline = pipeline_router()


@router.get("/", name="overview")
def overview(request: Request, manager: AuthManager, viewer: Viewer) -> HTMLResponse:
    """Show a line for each classifier that the viewer may see, as it was read last; the lines refresh themselves."""
    found = read_pipelines()
    valid = [config for config in found if isinstance(config, PipelineConfig) and may_read(manager, viewer, config)]
    for config in valid:
        forget_watermark(config)
    return render(
        request,
        "overview.html.j2",
        lines=[(config, find_shown(config, "overview", Overview)) for config in valid],
        broken=[config for config in found if isinstance(config, BrokenPipeline)],
        problem=None,
        next_run=None,
    )


@pipeline.get("", name="pipeline")
def one_pipeline(request: Request, config: Pipeline) -> HTMLResponse:
    """Show the head of a pipeline's page as it was read last; its panels are fetched when they come into view."""
    forget_watermark(config)
    kept = find_shown(config, "overview", Overview)
    return render(request, "pipeline.html.j2", config=config, shown=kept, panels=PANELS, problem=None, next_run=None)


@pipeline.get("/line", name="line")
def line(request: Request, config: Pipeline) -> HTMLResponse:
    """Show a classifier's line as it is now."""
    return _overview(request, config, "panels/line.html.j2")


@pipeline.get("/head", name="head")
def head(request: Request, config: Pipeline) -> HTMLResponse:
    """Show the head of a pipeline's page as it is now."""
    return _overview(request, config, "panels/head.html.j2")


def _overview(request: Request, config: PipelineConfig, template: str) -> HTMLResponse:
    """Show how a classifier is; what keeps us from it stands in its own place, among the others."""
    shown, problem = None, None
    try:
        shown = show(config, "overview", Overview, lambda warehouse: read_overview(warehouse, config))
    except DriftgateError as error:
        problem = problem_of(error, config.name)
    return render(request, template, config=config, shown=shown, problem=problem, next_run=_next_run(request, config))


def _next_run(request: Request, config: PipelineConfig) -> NextRun | None:
    """Return when the next run is due; None: Airflow has not read the pipeline's file yet."""
    dag = ViewerApi(request).dag(f"{config.name}_inference")
    if dag is None:
        return None
    at = dag.get("next_dagrun_run_after")
    return NextRun(at=datetime.fromisoformat(at) if at else None, is_paused=bool(dag["is_paused"]))
