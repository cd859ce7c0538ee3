"""Python functions, asked batch by batch."""

import json
from pathlib import Path

import pyarrow as pa

from include.warehouse.embedded.errors import SnowflakeError
from include.warehouse.embedded.files import checked_path
from include.warehouse.embedded.function_processes import MAX_ROWS, Batch, FunctionProcesses
from include.warehouse.embedded.functions import FunctionKey, Functions
from include.warehouse.embedded.scoped_urls import ScopedUrls
from include.warehouse.embedded.stage_sql import parse_location
from include.warehouse.embedded.stages import StageKey, Stages


class FunctionCalls:
    """Asks Python functions."""

    def __init__(self, functions: Functions, stages: Stages, urls: ScopedUrls, processes: FunctionProcesses) -> None:
        self._functions = functions
        self._stages = stages
        self._urls = urls
        self._processes = processes

    def run(self, function: pa.ChunkedArray, arguments: pa.ChunkedArray) -> pa.Array:
        """Return the value of each row as JSON.

        Args:
            function: The function's full name, as a JSON list; the same in all rows.
            arguments: The arguments of each row, as a JSON list.
        """
        [name] = function.unique().to_pylist()
        key = FunctionKey(*json.loads(name))
        found = self._functions.find(key)
        if found is None:  # dropped since the statement was compiled
            raise SnowflakeError(f"Unknown function {key}.", errno=2141, sqlstate="42601")
        imports = [imported_file(self._stages, location) for location in found.imports]
        rows = [json.loads(row) for row in arguments.to_pylist()]
        values: list[str | None] = []
        for start in range(0, len(rows), MAX_ROWS):
            batch = rows[start : start + MAX_ROWS]
            values += self._processes.call(found, imports, Batch(batch, self._urls.opened(batch)))
        return pa.array(values, pa.string())


def imported_file(stages: Stages, location: str) -> Path:
    """Return where a file lies that a function imports.

    Raises:
        SnowflakeError: There is no such stage (002003), or no such file (091016).
    """
    parsed = parse_location(location)
    key = StageKey(str(parsed.stage.database), str(parsed.stage.schema), parsed.stage.name)
    path = stages.folder(stages.get(key)) / checked_path(parsed.path)
    if not path.is_file():
        raise SnowflakeError(f"Remote file '{location}' was not found.", errno=91016, sqlstate="22000")
    return path
