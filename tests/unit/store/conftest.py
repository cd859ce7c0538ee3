"""What tests of the store share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filled_store import FilledStore

from include.config import PipelineConfig
from include.images import preprocess
from include.images.decode import DecodedImage, decode
from include.store.files import FileStore
from include.warehouse.session import Warehouse


class _DecodersHere:
    """Decodes in this process. That others do it has tests of its own, and takes each of these half a second."""

    def __enter__(self) -> "_DecodersHere":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def decode(self, content: bytes, *, size: int) -> DecodedImage:
        return decode(content, size=size)


@pytest.fixture
def filled(
    monkeypatch: pytest.MonkeyPatch,
    warehouse: Warehouse,
    store: FileStore,
    config: PipelineConfig,
    query: Callable[..., list[tuple[Any, ...]]],
    put_image: Callable[..., Path],
) -> FilledStore:
    """The pipeline of the test, and what its runs do."""
    monkeypatch.setattr(preprocess, "Decoders", _DecodersHere)
    return FilledStore(
        warehouse=warehouse, store=store, config=config, root=Path(config.store_url), query=query, put_image=put_image
    )
