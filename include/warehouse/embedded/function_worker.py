"""A process that runs one Python function of the embedded warehouse: nothing of it is ever loaded by the server.

It is started as a file, isolated, and imports nothing of this project: what a handler imports comes from the files that
the function was made with, or from installed packages, as on Snowflake. Requests and answers are JSON, each behind its
length; a batch of rows comes at a time. It ends when its standard input is closed.
"""

import importlib
import io
import json
import os
import struct
import sys
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

LENGTH = struct.Struct("<Q")
"""What stands before each message."""

_IMPORTS = "snowflake_import_directory"


class SnowflakeFile:
    """The part of Snowflake's class that reads staged files; what a scoped URL opens was told beforehand."""

    opened_by: dict[str, dict[str, str]] = {}  # noqa: RUF012 - Snowflake has one for a process, too
    """The file behind each scoped URL of the batch: `path`, or `refusal`."""

    @classmethod
    def open(
        cls,
        file_location: str,
        mode: str = "r",
        is_owner_file: bool = False,  # noqa: FBT001, FBT002 - as Snowflake has it
        *,
        require_scoped_url: bool = True,
    ) -> io.IOBase:
        """Open a staged file for reading.

        Raises:
            ValueError: The location is no scoped URL among the arguments.
            OSError: It opens nothing: it has expired, or there is no such file.
        """
        if is_owner_file or not require_scoped_url:
            raise ValueError("the embedded warehouse opens scoped URLs only, from BUILD_SCOPED_FILE_URL")
        if mode not in {"r", "rb"}:
            raise ValueError(f"mode {mode!r}: a staged file is opened for reading, as r or rb")
        found = cls.opened_by.get(file_location)
        if found is None:
            raise ValueError("not a scoped URL: make one by BUILD_SCOPED_FILE_URL(@stage, path)")
        if "path" not in found:
            raise OSError(found["refusal"])
        try:
            return io.open(found["path"], mode)  # type: ignore[return-value] # noqa: UP020
        except FileNotFoundError:
            # not where the server keeps it: that is no business of who calls a function
            raise FileNotFoundError("the file does not exist in the stage") from None


def _offer_snowflake() -> None:
    """Let handlers import `snowflake.snowpark.files`, without the package of this name, which needs a session."""
    names = ("snowflake", "snowflake.snowpark", "snowflake.snowpark.files")
    modules = {name: types.ModuleType(name) for name in names}
    vars(modules[names[2]])["SnowflakeFile"] = SnowflakeFile
    for name in names[:2]:
        modules[name].__path__ = []
    sys.modules |= modules


def _handler(name: str, folder: Path) -> Callable[..., Any]:
    """Import a handler, `module.function`, as Snowflake does: from the zips that were imported, or a plain module."""
    sys.path[:0] = [str(folder), *sorted(map(str, folder.glob("*.zip")))]
    module, _, function = name.rpartition(".")
    handler: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return handler


def _answers(handler: Callable[..., Any], rows: list[list[Any]]) -> list[Any]:
    """Call a handler for a batch: once for each row, or for many rows if it takes a DataFrame."""
    if getattr(handler, "_sf_vectorized_input", None) is None:
        return [handler(*row) for row in rows]
    import pandas as pd  # only what takes a DataFrame has it among its packages

    at_once = getattr(handler, "_sf_max_batch_size", None) or len(rows)
    answers: list[Any] = []
    for start in range(0, len(rows), at_once):
        batch = pd.DataFrame(rows[start : start + at_once])
        answered = list(handler(batch))
        if len(answered) != len(batch):
            raise ValueError(f"the handler was given {len(batch)} rows and has returned {len(answered)}")
        answers += answered
    return answers


def _received(requests: BinaryIO) -> dict[str, Any] | None:
    header = requests.read(LENGTH.size)
    if len(header) < LENGTH.size:
        return None
    request: dict[str, Any] = json.loads(requests.read(*LENGTH.unpack(header)))
    return request


def _send(answers: BinaryIO, answer: dict[str, Any]) -> None:
    content = json.dumps(answer).encode()
    answers.write(LENGTH.pack(len(content)) + content)
    answers.flush()


def main() -> None:
    """Answer requests; the argument is the handler's name."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a handler prints must not come between the answers
    _offer_snowflake()
    handler: Callable[..., Any] | None = None
    while (request := _received(sys.stdin.buffer)) is not None:
        try:
            handler = handler or _handler(sys.argv[1], Path(str(sys._xoptions[_IMPORTS])))
            SnowflakeFile.opened_by = request["files"]
            answered = _answers(handler, request["rows"])
            answer: dict[str, Any] = {"values": [None if value is None else json.dumps(value) for value in answered]}
        except Exception as error:  # noqa: BLE001 - the client is told, whatever it is
            last = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(last.filename).name}, line {last.lineno}"
            answer = {"error": f"{type(error).__name__}: {error} (in {where})"}
        _send(answers, answer)


if __name__ == "__main__":
    main()
