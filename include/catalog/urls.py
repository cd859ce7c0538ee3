"""Short-lived URLs of staged files. They are secrets: in no table, no XCom, no log."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from threading import Lock
from typing import NamedTuple, Protocol

from include.warehouse.identifiers import quote_identifier
from include.warehouse.session import Warehouse

URL_SECONDS = 3600
"""How long a presigned URL is valid: the most that an AWS role allows."""


class StagedFile(Protocol):
    """What a URL is made for."""

    @property
    def stage(self) -> str: ...  # noqa: D102
    @property
    def relative_path(self) -> str: ...  # noqa: D102


class _Url(NamedTuple):
    url: str


def url_refresher(
    warehouse: Warehouse, files: Sequence[StagedFile], *, turn: AbstractContextManager[object] | None = None
) -> Callable[[int], str]:
    """Return a function that makes a new URL for one of the files, for when its old one has expired.

    It may be called by several threads.

    Args:
        warehouse: A session.
        files: The files, in the order of the numbers that the function takes.
        turn: A lock that whoever else uses the session meanwhile holds, too; by default, nobody else may.
    """
    lock = turn or Lock()

    def refresh(index: int) -> str:
        file = files[index]
        with lock:
            [row] = warehouse.fetch(
                "images/select_url",
                _Url,
                relative_path=file.relative_path,
                seconds=URL_SECONDS,
                identifiers={"stage": quote_identifier(file.stage)},
            )
        return row.url

    return refresh
