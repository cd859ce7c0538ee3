"""What a task process imports, besides what its work needs: each of these costs seconds, in every task."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PLUGINS = ROOT / "plugins"

HEAVY = {"torch", "torchvision", "evidently", "sklearn", "matplotlib", "PIL"}
NEEDED = {
    "train": {"torch"},
    "train_again": {"torch"},
    "evaluate": {"torch", "matplotlib", "PIL"},
    "predict": {"torch", "PIL"},
    "compare": {"torch", "PIL"},
    "preprocess": {"PIL"},
    "freeze_snapshot": {"PIL"},
    "request_labels": {"PIL"},
}
"""Nothing needs torchvision, Evidently or scikit-learn with the default architecture."""

ELSEWHERE = {"include.registry.publishing.registry_call"}
"""What a task lets another python import."""

NO_TASKS = {"__init__", "pipeline"}
TASKS = sorted(path.stem for path in (PLUGINS / "driftgate" / "operators").glob("*.py") if path.stem not in NO_TASKS)
ALIKE: dict[frozenset[str], list[str]] = {}
"""The tasks by what they need: those that need the same are imported in one process."""
for task in TASKS:
    ALIKE.setdefault(frozenset(NEEDED.get(task, ())), []).append(task)


def imported_by(module: str) -> set[str]:
    """Return the modules of the domain that a plugin's file imports, and the plugins that it imports."""
    tree = ast.parse((PLUGINS / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    ours = {name for name in found if name.startswith("driftgate.")}
    return {name for name in found - ELSEWHERE if name.startswith("include.")}.union(*map(imported_by, ours))


@pytest.mark.parametrize("needed", ALIKE, ids=lambda needed: "+".join(sorted(needed)) or "nothing")
def test_a_task_imports_only_what_it_uses(needed: frozenset[str]) -> None:
    modules = {task: sorted(imported_by(f"driftgate.operators.{task}")) for task in ALIKE[needed]}
    script = (
        "import importlib, sys\n"
        f"for task, modules in {modules}.items():\n"
        "    for module in modules:\n"
        "        importlib.import_module(module)\n"
        f"    print(task, sorted({set(HEAVY - needed)} & set(sys.modules)))\n"
    )

    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    # A task that imports too much is the first that has something in its list.
    assert done.stdout.splitlines() == [f"{task} []" for task in modules]
