"""Versions, decisions, and the one pointer to the champion."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from include.config import PipelineConfig
from include.errors import ArtefactError, PromotionRefusedError, WarehouseError
from include.models.baseline import Baseline
from include.registry.baselines import read_baseline
from include.registry.ledger import (
    NO_CHAMPION_SEQ,
    champion_event_seq,
    promote,
    read_champion,
    read_events,
    read_version,
    record_gate,
    register,
)
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
Register = Callable[[str], int]

BASELINE = Baseline(edges=(0.0, 0.5, 1.0), counts_by_class={"a": (0, 3), "b": (1, 2)}, image_statistics={})


@pytest.fixture
def registered(warehouse: Warehouse, config: PipelineConfig) -> Register:
    def run(run_id: str) -> int:
        return register(
            warehouse,
            config=config,
            snapshot_id="snapshot",
            metrics={"accuracy": 0.9},
            n_training_images=7,
            artifact_path=f"{run_id}/",
            sha256=f"sha of {run_id}",
            temperature=1.25,
            baseline=BASELINE,
            run_id=run_id,
        )

    return run


def test_a_version_is_registered_once_in_a_run(registered: Register, query: Query) -> None:
    assert (registered("a"), registered("a"), registered("b")) == (1, 1, 2)

    assert query("SELECT VERSION, TEMPERATURE, METRICS:accuracy::FLOAT FROM MODEL_VERSIONS ORDER BY VERSION") == [
        (1, 1.25, 0.9),
        (2, 1.25, 0.9),
    ]
    assert query("SELECT EVENT, VERSION, RUN_ID FROM MODEL_EVENTS ORDER BY EVENT_SEQ") == [
        ("REGISTERED", 1, "a"),
        ("REGISTERED", 2, "b"),
    ]


def test_a_version_has_its_baseline_from_the_first_moment(
    warehouse: Warehouse, registered: Register, query: Query
) -> None:
    version = registered("a")
    registered("a")

    assert read_baseline(warehouse, version) == BASELINE
    assert query("SELECT VERSION, N_IMAGES FROM BASELINES") == [(version, 6)]


def test_without_its_baseline_a_version_is_not_registered_either(
    warehouse: Warehouse, registered: Register, query: Query
) -> None:
    query("DROP TABLE BASELINES")

    with pytest.raises(WarehouseError, match="insert_baseline"):
        registered("a")

    assert query("SELECT (SELECT COUNT(*) FROM MODEL_VERSIONS), (SELECT COUNT(*) FROM MODEL_EVENTS)") == [(0, 0)]


def test_an_unknown_version_is_an_error(warehouse: Warehouse) -> None:
    with pytest.raises(ArtefactError, match="no version 7"):
        read_version(warehouse, 7)


def test_the_first_promotion_makes_a_champion(
    warehouse: Warehouse, registered: Register, config: PipelineConfig
) -> None:
    version = registered("a")
    assert read_champion(warehouse) is None

    promote(warehouse, version=version, expected_event_seq=NO_CHAMPION_SEQ, reason="good", run_id="a")

    champion = read_champion(warehouse)
    assert champion is not None
    assert (champion.version, champion.config, champion.metrics["accuracy"]) == (1, config, 0.9)


def test_a_promotion_that_is_repeated_stands_even_when_there_is_a_later_one(
    warehouse: Warehouse, registered: Register, query: Query
) -> None:
    first, second = registered("a"), registered("b")
    seq = promote(warehouse, version=first, expected_event_seq=NO_CHAMPION_SEQ, reason="", run_id="a")
    promote(warehouse, version=second, expected_event_seq=seq, reason="", run_id="b")

    assert promote(warehouse, version=first, expected_event_seq=NO_CHAMPION_SEQ, reason="", run_id="a") == seq

    assert query("SELECT COUNT(*) FROM MODEL_EVENTS WHERE EVENT = 'PROMOTED'") == [(2,)]
    assert query("SELECT VERSION FROM CHAMPION") == [(second,)]


def test_a_challenger_that_was_measured_against_a_former_champion_is_refused(
    warehouse: Warehouse, registered: Register
) -> None:
    first, second = registered("a"), registered("b")
    promote(warehouse, version=first, expected_event_seq=NO_CHAMPION_SEQ, reason="", run_id="a")

    with pytest.raises(PromotionRefusedError, match=r"version 2 is not promoted.*the champion is version 1"):
        promote(warehouse, version=second, expected_event_seq=NO_CHAMPION_SEQ, reason="", run_id="b")


def test_after_a_rollback_the_same_version_is_another_champion(
    warehouse: Warehouse, registered: Register, query: Query
) -> None:
    first, second, third = registered("a"), registered("b"), registered("c")
    seq = promote(warehouse, version=first, expected_event_seq=NO_CHAMPION_SEQ, reason="", run_id="a")
    promote(warehouse, version=second, expected_event_seq=seq, reason="", run_id="b")
    query(
        "INSERT INTO MODEL_EVENTS "
        "SELECT MAX(EVENT_SEQ) + 1, 'ROLLED_BACK', 1, 2, 'me', '', 'r', SYSDATE(), NULL FROM MODEL_EVENTS"
    )
    assert query("SELECT VERSION FROM CHAMPION") == [(first,)]

    with pytest.raises(PromotionRefusedError):
        promote(warehouse, version=third, expected_event_seq=seq, reason="", run_id="c")


def test_of_two_promotions_at_once_one_wins_and_the_other_is_told(
    open_session: Callable[[], Warehouse], warehouse: Warehouse, registered: Register, query: Query
) -> None:
    versions = [registered(name) for name in "abcd"]
    start = threading.Barrier(len(versions))
    refused: list[int] = []

    def race(session: Warehouse, version: int) -> None:
        start.wait()
        try:
            promote(session, version=version, expected_event_seq=NO_CHAMPION_SEQ, reason="", run_id=f"run {version}")
        except PromotionRefusedError:
            refused.append(version)

    threads = [threading.Thread(target=race, args=(open_session(), version)) for version in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    promoted = [version for (version,) in query("SELECT VERSION FROM MODEL_EVENTS WHERE EVENT = 'PROMOTED'")]
    assert len(promoted) == 1
    assert sorted(refused + promoted) == versions
    assert champion_event_seq(warehouse) > NO_CHAMPION_SEQ


def test_what_the_gate_says_is_recorded_once_in_a_run(warehouse: Warehouse, registered: Register) -> None:
    version = registered("a")
    for _ in range(2):
        record_gate(warehouse, version=version, passed=False, reason="accuracy 0.2", run_id="a")

    assert [(e.event, e.reason) for e in read_events(warehouse, version)] == [
        ("REGISTERED", None),
        ("GATE_FAILED", "accuracy 0.2"),
    ]
