"""What a task process imports, besides what its work needs: each of these costs seconds, in every task."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OPERATORS = ROOT / "plugins" / "driftgate" / "operators"

HEAVY = {"torch", "torchvision", "evidently", "sklearn", "matplotlib", "PIL"}
NEEDED = {
    "train": {"torch"},
    "evaluate": {"torch", "matplotlib", "PIL"},
    "predict": {"torch", "PIL"},
    "preprocess": {"PIL"},
    "freeze_snapshot": {"PIL"},
}
"""Nothing needs torchvision, Evidently or scikit-learn with the default architecture."""

TASKS = sorted(path.stem for path in OPERATORS.glob("*.py") if path.stem not in {"__init__", "pipeline"})


def imported_by(task: str) -> set[str]:
    """Return the modules of the domain that an operator's file imports, wherever in it."""
    tree = ast.parse((OPERATORS / f"{task}.py").read_text(encoding="utf-8"))
    found = (node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module)
    return {module for module in found if module.startswith("include.")} | {"include.warehouse.session"}


@pytest.mark.parametrize("task", TASKS)
def test_a_task_imports_only_what_it_uses(task: str) -> None:
    banned = HEAVY - NEEDED.get(task, set())
    script = f"import sys, {', '.join(sorted(imported_by(task)))}; print(sorted({banned} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
