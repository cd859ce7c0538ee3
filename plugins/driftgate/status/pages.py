"""The pages: all classifiers, and one."""

from fastapi import Request
from fastapi.responses import HTMLResponse

from driftgate.status import panels
from driftgate.status.guards import AuthManager, Pipeline, Viewer, may_read, page_router, pipeline_router
from driftgate.status.pipeline_files import read_pipelines
from driftgate.status.rendering import render
from driftgate.status.sessions import find_shown, show
from include.config import BrokenPipeline, PipelineConfig
from include.status.overview import Overview, read_overview

PANELS = panels.PANELS
"""The panels of a pipeline's page: the route of each, and its heading."""

router = page_router()
pipeline = pipeline_router()


@router.get("/", name="overview")
def overview(request: Request, manager: AuthManager, viewer: Viewer) -> HTMLResponse:
    """Show a line for each classifier that the viewer may see, as it was read last; the lines refresh themselves."""
    found = read_pipelines()
    valid = [config for config in found if isinstance(config, PipelineConfig) and may_read(manager, viewer, config)]
    return render(
        request,
        "overview.html.j2",
        lines=[(config, find_shown(config, "overview", Overview)) for config in valid],
        broken=[config for config in found if isinstance(config, BrokenPipeline)],
    )


@pipeline.get("", name="pipeline")
def one_pipeline(request: Request, config: Pipeline) -> HTMLResponse:
    """Show the head of a pipeline's page as it was read last; its panels are fetched when they come into view."""
    return render(
        request, "pipeline.html.j2", config=config, shown=find_shown(config, "overview", Overview), panels=PANELS
    )


@pipeline.get("/line", name="line")
def line(request: Request, config: Pipeline) -> HTMLResponse:
    """Show a classifier's line as it is now."""
    return render(request, "panels/line.html.j2", config=config, shown=_overview(config))


@pipeline.get("/head", name="head")
def head(request: Request, config: Pipeline) -> HTMLResponse:
    """Show the head of a pipeline's page as it is now."""
    return render(request, "panels/head.html.j2", config=config, shown=_overview(config))


def _overview(config: PipelineConfig):
    return show(config, "overview", Overview, lambda warehouse: read_overview(warehouse, config))
