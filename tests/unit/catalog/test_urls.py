"""Short-lived URLs, and new ones for those that have expired."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx

from include.catalog.keys import ImageKey
from include.catalog.sync import sync_stage
from include.catalog.urls import url_refresher
from include.config import PipelineConfig
from include.images.preprocess import preprocess
from include.warehouse.session import Warehouse


def test_an_expired_url_is_replaced_once_and_the_image_is_read(
    warehouse: Warehouse, config: PipelineConfig, put_image: Callable[..., Path], query: Callable[..., list[tuple[str]]]
) -> None:
    name = "it's 100 %.png"
    put_image(name, colour=(9, 8, 7), stage="new")
    sync_stage(warehouse, config.stages.incoming, labels=None, accept_removals=False)
    [(expired,)] = query("SELECT GET_PRESIGNED_URL(@INCOMING_IMAGES, %(name)s, 1)", name=name)
    while httpx.get(expired).status_code == 200:
        time.sleep(0.2)
    assert httpx.get(expired).status_code == 403

    refresh = url_refresher(warehouse, [ImageKey(config.stages.incoming.name, name, "etag")])
    batch = preprocess([expired], size=16, refresh=refresh)

    assert batch.pixels[0, 8, 8].tolist() == [9, 8, 7]
    assert not batch.failed
