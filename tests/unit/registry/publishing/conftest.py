"""A pipeline whose versions have models that answer, though nobody has trained them."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from include.catalog.plan import pending_images
from include.config import PipelineConfig
from include.images.preprocessing import preprocessing_digest
from include.models.architectures import build
from include.models.artefact import save
from include.registry.answering import answer_batch
from include.registry.artefacts import upload_model
from include.registry.ledger import append_event
from include.store.batches import write_batches
from include.store.files import FileStore
from include.warehouse.session import Warehouse
from include.warehouse.write_back import commit_predictions

CLASSES = ("coat", "dress", "shirt")


@pytest.fixture
def add_champion(warehouse: Warehouse, config: PipelineConfig, tmp_path: Path) -> Callable[[int], None]:
    """A function that registers a version with a model of its own, and promotes it."""

    def append(version: int, path: str, sha256: str) -> None:
        warehouse.run(
            "registry/insert_version",
            snapshot_id="snapshot",
            config=config.to_json(),
            metrics='{"accuracy": 0.9}',
            n_training_images=7,
            artifact_path=path,
            sha256=sha256,
            temperature=0.5,
            run_id=f"training {version}",
        )
        append_event(warehouse, "PROMOTED", version=version, run_id=f"training {version}", reason=None)

    def add(version: int) -> None:
        torch.manual_seed(version)
        model = build("small_cnn", n_classes=len(CLASSES))
        saved = save(
            tmp_path / f"model {version}",
            model,
            architecture="small_cnn",
            classes=CLASSES,
            preprocessing=config.preprocessing,
            preprocessing_digest=preprocessing_digest(config.preprocessing),
            temperature=0.5,
            snapshot_id="snapshot",
        )
        path = upload_model(warehouse, saved.folder, sha256=saved.card_sha256)
        warehouse.alone(lambda: append(version, path, saved.card_sha256))

    return add


@pytest.fixture
def answer_new_images(warehouse: Warehouse, store: FileStore, config: PipelineConfig) -> Callable[[int], None]:
    """A function that answers the incoming images as the tasks do."""

    def answer(version: int) -> None:
        [batch] = write_batches(
            store, [pending_images(warehouse, config)], preprocessing=config.preprocessing, version=version
        )
        answers = answer_batch(warehouse, store, batch, stages=config.stages, run_id="inference/1", work_path="work")
        commit_predictions(warehouse, [store.local_path(str(answers.path))], run_id="inference/1", work_path="work")

    return answer
