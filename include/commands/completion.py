"""What the shell completes: the names of the pipelines there are."""

import typer


def complete_pipeline_name(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of pipelines that begin as what was typed; nothing where they cannot be read.

    It reads no more than their files, as the shell waits for it.
    """
    from include.commands.local.state import LocalState
    from include.config import PipelineConfig, find_pipelines
    from include.errors import DriftgateError

    try:
        folder = LocalState.locate(demo=bool(ctx.params.get("demo"))).pipelines_folder
        pipelines = list(find_pipelines(folder))
    except (DriftgateError, OSError):
        return []
    return [p.name for p in pipelines if isinstance(p, PipelineConfig) and p.name.startswith(incomplete)]
