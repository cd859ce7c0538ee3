import ast
from collections.abc import Iterator

import pytest

from include.config import PROJECT_ROOT

PICKLING_MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
PICKLING_CALLS = {
    *("torch.load", "torch.save", "torch.jit.load", "torch.hub.load", "torch.hub.load_state_dict_from_url"),
    *("np.load", "numpy.load", "pandas.read_pickle"),
}


def pickling(source: str) -> Iterator[str]:
    """Yield what in a source file imports or calls something that unpickles."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] in PICKLING_MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from names & PICKLING_CALLS
            if node.module.split(".")[0] in PICKLING_MODULES:
                yield node.module
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in PICKLING_CALLS:
            yield ast.unparse(node)


@pytest.mark.parametrize(
    "source",
    ["import pickle", "from joblib import load", "import torch\ntorch.load('m.pt')", "from torch import load"],
)
def test_a_way_to_unpickle_is_recognised(source: str) -> None:
    assert list(pickling(source))


def test_nothing_in_the_project_unpickles() -> None:
    files = [
        path for folder in ("include", "plugins", "dags") for path in sorted((PROJECT_ROOT / folder).rglob("*.py"))
    ]

    found = {str(path.relative_to(PROJECT_ROOT)): list(pickling(path.read_text())) for path in files}

    assert len(files) > 20
    assert {path: names for path, names in found.items() if names} == {}
