"""What the catalog has instead of a path that it does not have."""

from collections.abc import Sequence
from typing import NamedTuple

from include.printable import printable
from include.warehouse.session import Warehouse


class _SimilarPath(NamedTuple):
    stage: str
    relative_path: str
    n_edits: int


def name_similar_paths(warehouse: Warehouse, relative_path: str, *, stage_names: Sequence[str]) -> str:
    """Return the paths in these stages that are spelt most like this one, as the end of a sentence."""
    similar = warehouse.fetch(
        "retention/select_similar_paths", _SimilarPath, relative_path=relative_path, stage_names=[*stage_names]
    )
    listed = ", ".join(f"{printable(row.relative_path)} (stage {row.stage})" for row in similar)
    return f"the most similar are {listed}" if listed else "it is empty"
