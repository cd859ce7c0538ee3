"""The pipeline files, read again when one of them changes: a page asks for them with each of its panels."""

from functools import lru_cache

from include.config import BrokenPipeline, PipelineConfig, find_pipelines, pipelines_folder

_Signature = tuple[tuple[str, int, int], ...]


def read_pipelines() -> tuple[PipelineConfig | BrokenPipeline, ...]:
    """Return all pipelines, those with a wrong file too, sorted by file name."""
    folder = pipelines_folder()
    files = sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"}) if folder.is_dir() else []
    found = ((str(path), path.stat()) for path in files)
    return _read(tuple((path, status.st_mtime_ns, status.st_size) for path, status in found))


def find_pipeline(name: str) -> PipelineConfig | None:
    """Return the pipeline with this name, if there is one and its file is right."""
    valid = (pipeline for pipeline in read_pipelines() if isinstance(pipeline, PipelineConfig))
    return next((pipeline for pipeline in valid if pipeline.name == name), None)


@lru_cache(maxsize=2)
def _read(signature: _Signature) -> tuple[PipelineConfig | BrokenPipeline, ...]:  # noqa: ARG001  the key
    return tuple(find_pipelines())
