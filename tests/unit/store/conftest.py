"""What tests of the store share."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from decoders_here import DecodersHere
from filled_store import FilledStore
from schema_template import SchemaTemplate
from stage_pictures import put_picture
from trained_pipeline import TrainedPipeline

from include.config import PipelineConfig
from include.images import preprocess
from include.store.files import FileStore
from include.warehouse.embedded.server import RunningServer
from include.warehouse.session import Warehouse


@pytest.fixture(scope="session")
def trained_pipeline(
    embedded_server: RunningServer,
    schema_template: SchemaTemplate,
    new_config: Callable[[Path], PipelineConfig],
    tmp_path_factory: pytest.TempPathFactory,
) -> TrainedPipeline:
    """A pipeline with a champion of the least images that can be trained on, which nothing changes any more."""
    from driftgate.hooks import WarehouseHook

    folder = tmp_path_factory.mktemp("trained")
    config = new_config(folder)
    schema_template.copy_to(config)
    with WarehouseHook.for_pipeline(config).session() as warehouse, pytest.MonkeyPatch.context() as patched:
        patched.setattr(preprocess, "Decoders", DecodersHere)
        filled = FilledStore(
            warehouse=warehouse,
            store=FileStore(config.store_url),
            config=config,
            put_image=partial(put_picture, folder),
        )
        filled.put_classes()
        filled.promote(filled.train())
    return TrainedPipeline(embedded_server, config, folder)


@pytest.fixture
def filled(
    monkeypatch: pytest.MonkeyPatch,
    trained_pipeline: TrainedPipeline,
    tmp_path: Path,
    warehouse: Warehouse,
    store: FileStore,
    config: PipelineConfig,
    put_image: Callable[..., Path],
) -> FilledStore:
    """The pipeline of the test, and what its runs do."""
    monkeypatch.setattr(preprocess, "Decoders", DecodersHere)
    return FilledStore(
        warehouse=warehouse,
        store=store,
        config=config,
        put_image=put_image,
        copy_champion=lambda: trained_pipeline.copy_to(config, tmp_path),
    )
