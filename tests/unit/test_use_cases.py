"""The pipeline files that docs/use-cases shows are right."""

import re
from pathlib import Path

import pytest

from include.config import load_pipeline

USE_CASES = sorted((Path(__file__).parents[2] / "docs" / "use-cases").glob("*.md"))


@pytest.mark.parametrize("page", USE_CASES, ids=lambda page: page.stem)
def test_the_pipeline_file_of_a_use_case_loads(page: Path, tmp_path: Path) -> None:
    [block] = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path / "pipeline.yaml"
    file.write_text(block, encoding="utf-8")

    config = load_pipeline(file)

    assert config.name == page.stem.replace("-", "_")
    assert config.registry.function is not None
