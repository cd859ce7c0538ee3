"""What was shown last, kept beside the pipeline's other files.

A panel is computed once for each watermark. What is kept survives a restart, and where the warehouse is down it is what
can still be shown. It is never the only copy of anything.
"""

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter, ValidationError

from include.errors import StoreError
from include.store.files import FileStore
from include.store.shown import SHOWN

log = logging.getLogger(__name__)

MAX_FILES = 400
"""Of a pipeline, about. A gallery has many pages; those that were written first go first."""
_WRITES_PER_LISTING = 50

PanelT = TypeVar("PanelT")


@dataclass(frozen=True, kw_only=True)
class Kept(Generic[PanelT]):
    """A panel as it was read once."""

    watermark: str
    """The digest of the watermark up to which it was read."""
    read_at: datetime
    """UTC."""
    panel: PanelT


@dataclass(frozen=True)
class Cache:
    """The panels that are kept of one pipeline.

    Args:
        store: The pipeline's files.
    """

    store: FileStore
    _writes: Iterator[int] = field(default_factory=count, repr=False, compare=False)

    def find(
        self, name: str, panel_type: type[PanelT], arguments: Mapping[str, Any] | None = None
    ) -> Kept[PanelT] | None:
        """Return a panel as it was kept last; None: it was not, or was by another release that read something else.

        Args:
            name: The panel.
            panel_type: What it is read as.
            arguments: What it was asked for, ready for JSON.
        """
        place = _place(name, arguments)
        try:
            if not self.store.exists(place):
                return None
            return _form(panel_type).validate_json(self.store.read(place))
        except (StoreError, ValidationError) as error:
            log.info("panel %s is read anew: %s", name, type(error).__name__)
            return None

    def keep(
        self,
        name: str,
        panel_type: type[PanelT],
        panel: PanelT,
        *,
        watermark: str,
        arguments: Mapping[str, Any] | None = None,
    ) -> Kept[PanelT]:
        """Keep a panel, in the place of what was kept for the same arguments.

        A store that cannot be written to makes pages slower, not wrong: it is logged.

        Args:
            name: The panel.
            panel_type: What it is read as.
            panel: The panel.
            watermark: The digest of the watermark up to which it was read.
            arguments: What it was asked for, ready for JSON.
        """
        kept = Kept(watermark=watermark, read_at=datetime.now(UTC), panel=panel)
        try:
            self.store.write(_place(name, arguments), _form(panel_type).dump_json(kept))
            self._make_room()
        except StoreError as error:
            log.warning("panel %s is not kept: %s", name, error)
        return kept

    def _make_room(self) -> None:
        """Now and then, as listing a remote store takes a while, delete what was written first."""
        if next(self._writes) % _WRITES_PER_LISTING:
            return
        files = sorted(self.store.list_files(SHOWN), key=lambda file: file.modified_at)
        for file in files[: max(0, len(files) - MAX_FILES)]:
            self.store.delete(file.name)


def _form(panel_type: type[PanelT]) -> TypeAdapter[Kept[PanelT]]:
    return TypeAdapter(Kept[panel_type])  # type: ignore[valid-type]


def _place(name: str, arguments: Mapping[str, Any] | None) -> str:
    text = json.dumps(dict(arguments or {}), sort_keys=True, allow_nan=False)
    return f"{SHOWN}/{name}-{hashlib.sha256(text.encode()).hexdigest()[:24]}.json"
