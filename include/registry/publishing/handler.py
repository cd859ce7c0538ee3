"""The code of the function that SQL calls: its module with all of this project that it imports, as one zip."""

import ast
import io
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from include.config_types import PROJECT_ROOT
from include.store.files import sha256_of_bytes

HANDLER_MODULE = "include.models.sql_function"
"""The module that `publish/create_version_function.sql` names."""

_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the zip: the same code makes the same bytes."""


class Archive(NamedTuple):
    """A zip, named by what is in it: Snowflake keeps what it has imported under a name."""

    name: str
    content: bytes

    @property
    def digest(self) -> str:
        """What tells it from the zip of another release."""
        return Path(self.name).stem.rpartition("_")[2]


@cache
def handler_archive() -> Archive:
    """Return the zip of the handler and what it imports."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(_files()):
            entry = zipfile.ZipInfo(path.relative_to(PROJECT_ROOT).as_posix(), date_time=_LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    content = buffer.getvalue()
    return Archive(f"driftgate_{sha256_of_bytes(content)[:16]}.zip", content)


def _files() -> set[Path]:
    """Return the files of the handler, of what it imports, and of the packages that these are in."""
    found: set[Path] = set()
    todo = [HANDLER_MODULE]
    while todo:
        for path in _files_of(todo.pop()):
            if path not in found:
                found.add(path)
                todo += _imported_by(path)
    return found


def _files_of(module: str) -> Iterator[Path]:
    """Return the file of a module and the packages around it; none for a name that is no module, as of a function."""
    parts = module.split(".")
    for n_parts in range(1, len(parts) + 1):
        place = PROJECT_ROOT.joinpath(*parts[:n_parts])
        for path in (place / "__init__.py", place.with_suffix(".py")):
            if path.is_file():
                yield path


def _imported_by(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("include."):
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("include."))
