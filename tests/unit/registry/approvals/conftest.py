"""A challenger that has passed the gate, as far as tables and files tell: nothing was trained."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from include.catalog.manifest import manifest_digest
from include.config import PipelineConfig
from include.config_parts import ApproversConfig, PromotionConfig
from include.models.baseline import Baseline
from include.models.evidence import NewClass, PairedEvidence, SharedClass
from include.registry.challenger import Challenger
from include.registry.ledger import NO_CHAMPION_SEQ, champion_event_seq, promote, register
from include.registry.model_files import CARD_FILE, WEIGHTS_FILE
from include.warehouse.identifiers import MODELS_STAGE, stage_location
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
Image = tuple[str, str]


@pytest.fixture
def approvers() -> ApproversConfig:
    """Who may answer: anybody."""
    return ApproversConfig()


@pytest.fixture
def config(config: PipelineConfig, approvers: ApproversConfig) -> PipelineConfig:
    """A pipeline whose promotions have to be approved."""
    return config.model_copy(update={"promotion": PromotionConfig(approval=True), "approvers": approvers})


@pytest.fixture
def put_file(warehouse: Warehouse, tmp_path: Path) -> Callable[[str, str, bytes], str]:
    """A function that puts a file of a version into the stage MODELS, in place of what is there; its digest."""

    def put(path: str, name: str, content: bytes) -> str:
        file = tmp_path / name
        file.write_bytes(content)
        location = {"location": stage_location(MODELS_STAGE, path)}
        warehouse.run("stages/put_file", file_url=f"file://{file}", identifiers=location)
        return hashlib.sha256(content).hexdigest()

    return put


@pytest.fixture
def freeze(query: Query) -> Callable[[Sequence[Image]], str]:
    """A function that stores a snapshot of contents with their labels, and returns its id."""

    def store(images: Sequence[Image]) -> str:
        rows = [
            ("TRAINING_IMAGES", f"{label}/{content}.png", "e", label, "path", "train", content)
            for content, label in images
        ]
        snapshot_id = manifest_digest(rows)
        for _, path, _, label, _, _, content in rows:
            query(
                "INSERT INTO SNAPSHOT_IMAGES SELECT %(id)s, 'TRAINING_IMAGES', %(path)s, 'e', %(label)s, 'path', "
                "'train', %(content)s",
                id=snapshot_id,
                path=path,
                label=label,
                content=content,
            )
        return snapshot_id

    return store


@pytest.fixture
def register_version(
    warehouse: Warehouse, config: PipelineConfig, put_file: Callable[[str, str, bytes], str]
) -> Callable[..., int]:
    """A function that registers a version with its files in the stage."""

    def add(run_id: str, snapshot_id: str, compared: PairedEvidence) -> int:
        put_file(f"{run_id}/", WEIGHTS_FILE, f"the weights of {run_id}".encode())
        return register(
            warehouse,
            config=config,
            snapshot_id=snapshot_id,
            metrics={
                "gate": compared.to_json(),
                "accuracy": compared.accuracy,
                "per_class": [{"label": "hat", "n_images": 200, "precision": 1.0, "recall": 0.9}],
            },
            n_training_images=3,
            artifact_path=f"{run_id}/",
            sha256=put_file(f"{run_id}/", CARD_FILE, f"the card of {run_id}".encode()),
            temperature=1.0,
            baseline=Baseline(edges=(0.0, 1.0), counts_by_class={"a": (1,)}, image_statistics={}),
            run_id=run_id,
        )

    return add


def compared(event_seq: int, *, n_right: int = 180) -> PairedEvidence:
    """What a challenger answers to 200 images, by default better than the champion of an event."""
    champion = 1 if event_seq != NO_CHAMPION_SEQ else None
    hats = SharedClass(
        label="hat", n_images=180, n_only_champion_right=2, n_only_challenger_right=20, n_challenger_right=n_right - 18
    )
    return PairedEvidence(
        champion_version=champion,
        champion_event_seq=event_seq,
        champion_is_obsolete=False,
        n_images=200,
        n_right=n_right,
        n_left_out=0,
        n_not_prepared=0,
        shared_classes=(hats,) if champion else (),
        new_classes=(NewClass(label="scarf", n_images=20, n_right=18),) if champion else (),
        vanished_classes=(),
    )


@pytest.fixture
def champion(warehouse: Warehouse, register_version: Callable[..., int], freeze: Callable[..., str]) -> int:
    """The number of the event that made version 1 champion."""
    snapshot_id = freeze([("c1", "hat"), ("c2", "hat"), ("c3", "coat")])
    version = register_version("first", snapshot_id, compared(NO_CHAMPION_SEQ))
    promote(warehouse, version=version, expected_event_seq=NO_CHAMPION_SEQ, reason="good", run_id="first")
    return champion_event_seq(warehouse)


@pytest.fixture
def challenger(champion: int, register_version: Callable[..., int], freeze: Callable[..., str]) -> Challenger:
    """Version 2, trained on other images than version 1: better than it."""
    snapshot_id = freeze([("c2", "hat"), ("c3", "scarf"), ("c4", "hat"), ("c5", "scarf")])
    version = register_version("second", snapshot_id, compared(champion))
    return Challenger(version=version, champion_event_seq=champion)
