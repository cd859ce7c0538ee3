"""From a pipeline to what is shown of it: by what was kept, else by a session on the warehouse."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar

from cachetools import TTLCache

from driftgate.hooks import WarehouseHook
from driftgate.status.activity import is_quiet_since
from include.config import PipelineConfig
from include.errors import WarehouseUnavailableError
from include.status.cache import Cache
from include.status.watermark import read_watermark
from include.store.files import FileStore
from include.warehouse.query_tag import QueryTag
from include.warehouse.session import Warehouse

WATERMARK_S = 3.0
"""For so long a watermark counts, whatever happens: the panels of one page ask for it once."""
QUIET_S = 600.0
"""For so long it counts while no task works: then only somebody at a terminal can have changed something."""
DOWN_S = 10.0
"""For so long a warehouse that did not answer is not asked again: the panels of one page wait for it once."""

PanelT = TypeVar("PanelT")

_watermarks: TTLCache[str, "_KnownWatermark"] = TTLCache(maxsize=1024, ttl=QUIET_S)
_down: TTLCache[str, str] = TTLCache(maxsize=1024, ttl=DOWN_S)
_locks: dict[str, threading.Lock] = {}
_locks_lock = threading.Lock()


class _KnownWatermark(NamedTuple):
    digest: str
    read_at: datetime
    """UTC."""


@dataclass(frozen=True, kw_only=True)
class Shown(Generic[PanelT]):
    """What a panel shows."""

    panel: PanelT
    read_at: datetime
    """UTC."""
    problem: str | None = None
    """Why it is not what it would be now: the warehouse is down."""


@contextmanager
def open_session(config: PipelineConfig) -> Iterator[Warehouse]:
    """Open a session on a pipeline's schema.

    Raises:
        WarehouseUnavailableError: The warehouse cannot be reached, or could not a moment ago.
        WarehouseError: It refuses the login.
        ConfigError: Airflow has no such connection.
    """
    if problem := _down.get(config.name):
        raise WarehouseUnavailableError(problem)
    try:
        with WarehouseHook(config=config, tag=QueryTag(pipeline=config.name, task="status page")).session() as session:
            yield session
    except WarehouseUnavailableError as error:
        _down[config.name] = str(error)
        raise


def show(
    config: PipelineConfig,
    name: str,
    panel_type: type[PanelT],
    read: Callable[[Warehouse], PanelT],
    arguments: Mapping[str, Any] | None = None,
) -> Shown[PanelT]:
    """Return a panel: as it was kept if nothing has changed since, else as it is read now.

    Several who ask at once wait for one reading.

    Args:
        config: The pipeline.
        name: The panel, in letters, digits, - and _.
        panel_type: A frozen dataclass that pydantic can take to JSON and back.
        read: Reads it.
        arguments: What it depends on besides the tables, ready for JSON.

    Raises:
        WarehouseUnavailableError: The warehouse cannot be reached, and nothing was kept.
        WarehouseError: The warehouse refuses a statement.
    """
    cache = pipeline_cache(config.store_url)
    with _lock_of(f"{config.name}/{name}"):
        kept = cache.find(name, panel_type, arguments)
        if kept and kept.watermark == _known_watermark(config):
            return Shown(panel=kept.panel, read_at=kept.read_at)
        try:
            with open_session(config) as warehouse:
                # Read before the panel: what changes meanwhile makes it be read again.
                watermark = _read_watermark(config, warehouse)
                if kept is None or kept.watermark != watermark:
                    panel = read(warehouse)
                    kept = cache.keep(name, panel_type, panel, watermark=watermark, arguments=arguments)
        except WarehouseUnavailableError as error:
            if kept is None:
                raise
            return Shown(panel=kept.panel, read_at=kept.read_at, problem=str(error))
    return Shown(panel=kept.panel, read_at=kept.read_at)


def find_shown(
    config: PipelineConfig, name: str, panel_type: type[PanelT], arguments: Mapping[str, Any] | None = None
) -> Shown[PanelT] | None:
    """Return a panel as it was kept last, however old, without asking the warehouse; None: it was not."""
    kept = pipeline_cache(config.store_url).find(name, panel_type, arguments)
    return Shown(panel=kept.panel, read_at=kept.read_at) if kept else None


def forget_watermark(config: PipelineConfig) -> None:
    """Let the next panel look at the tables again: something was just started, or somebody has opened the page."""
    _watermarks.pop(config.name, None)


@lru_cache(maxsize=1024)
def pipeline_cache(store_url: str) -> Cache:
    """Return what is kept of a pipeline."""
    return Cache(FileStore(store_url))


def _read_watermark(config: PipelineConfig, warehouse: Warehouse) -> str:
    digest = _known_watermark(config)
    if digest is None:
        read_at = datetime.now(UTC)
        digest = read_watermark(warehouse).digest
        _watermarks[config.name] = _KnownWatermark(digest, read_at)
    return digest


def _known_watermark(config: PipelineConfig) -> str | None:
    """Return the watermark that was read last, if it still counts."""
    known = _watermarks.get(config.name)
    if known is None:
        return None
    is_young = (datetime.now(UTC) - known.read_at).total_seconds() < WATERMARK_S
    return known.digest if is_young or is_quiet_since(config, known.read_at) else None


def _lock_of(key: str) -> threading.Lock:
    with _locks_lock:
        return _locks.setdefault(key, threading.Lock())
