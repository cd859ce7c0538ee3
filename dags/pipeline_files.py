"""Tell of pipeline files that are wrong, as an import error of this file; the other pipelines load all the same.

Airflow reads it because it speaks of Airflow and of DAGs, though it makes none.
"""

from include.config import BrokenPipeline, find_pipelines
from include.errors import ConfigError

broken = [pipeline.reason for pipeline in find_pipelines() if isinstance(pipeline, BrokenPipeline)]
if broken:
    raise ConfigError("\n".join(broken))
