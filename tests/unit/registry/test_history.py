"""The view MODEL_HISTORY and what is read from it: who let a version in, and when it was champion."""

from collections.abc import Callable
from datetime import UTC
from typing import Any

import pytest
from ledger_story import SEEN_BEFORE_PROMOTION, SEEN_BEFORE_TRAINING, LedgerStory

from include.config import PipelineConfig
from include.errors import UnknownVersionError
from include.registry.history import ClassMetrics, read_history, read_version_history, read_versions_history
from include.registry.ledger import read_events
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def story(warehouse: Warehouse, config: PipelineConfig, query: Query) -> LedgerStory:
    query("INSERT INTO SNAPSHOTS SELECT '5a', 1234, 10, 'digits_training/1', SYSDATE()")
    query(
        "INSERT INTO RUNS (RUN_ID, DAG_ID, KIND, CONFIG, CONFIG_DIGEST, REASON, CHECK_ID, STARTED_AT) SELECT "
        "'digits_training/3', 'digits_training', 'training', PARSE_JSON('{}'), 'd', 'new hats', 'c1', SYSDATE()"
    )
    return LedgerStory(warehouse, config)


def test_the_view_tells_of_each_version_what_became_of_it(story: LedgerStory, query: Query) -> None:
    story.live()

    rows = query(
        "SELECT VERSION, N_SNAPSHOT_IMAGES, RUN_REASON, CHECK_ID, ACCURACY, SHA256, IS_GATE_PASSED, PROMOTED_OVER, "
        "VALID_FROM IS NULL, VALID_TO IS NULL, IS_CHAMPION, IS_RECALLED FROM MODEL_HISTORY ORDER BY VERSION"
    )

    assert rows == [
        (1, 1234, None, None, 0.91, "sha of 1", True, None, False, False, False, False),
        (2, 1234, None, None, 0.91, "sha of 2", False, None, True, True, False, False),
        (3, 1234, "new hats", "c1", 0.91, "sha of 3", True, 1, False, True, True, False),
        (4, 1234, None, None, 0.91, "sha of 4", True, None, True, True, False, False),
    ]


def test_newest_first_with_a_state_each(story: LedgerStory, warehouse: Warehouse) -> None:
    assert read_history(warehouse) == []
    story.live()

    assert [(found.version, found.state) for found in read_history(warehouse)] == [
        (4, "not promoted"),
        (3, "champion"),
        (2, "refused by the gate"),
        (1, "superseded"),
    ]
    assert [found.version for found in read_history(warehouse, limit=2)] == [4, 3]


def test_both_approvals_are_those_of_the_version_that_was_let_in(story: LedgerStory, warehouse: Warehouse) -> None:
    story.live()

    found = read_versions_history(warehouse, [1, 3, 4, 99])

    assert sorted(found) == [1, 3, 4]
    assert found[1].approvals == (), "the approval that names version 1 is of the run that trained version 3"
    assert [(a.kind, a.answer, a.actor, a.request_id, a.evidence) for a in found[3].approvals] == [
        ("retraining", "APPROVED", "ann", "q1", SEEN_BEFORE_TRAINING),
        ("promotion", "APPROVED", "bob", "q2", SEEN_BEFORE_PROMOTION),
    ]
    assert [(a.kind, a.answer, a.actor) for a in found[4].approvals] == [("promotion", "REJECTED", "nobody")]


def test_an_approval_of_before_there_were_requests_is_one_of_a_retraining(
    story: LedgerStory, warehouse: Warehouse
) -> None:
    story.train(1)
    story.answer("APPROVED", "ann", version=1, run=2, request_id=None)
    story.train(2)

    found = read_versions_history(warehouse, [1, 2])

    assert found[1].approvals == ()
    (approval,) = found[2].approvals
    assert (approval.kind, approval.actor, approval.evidence, approval.requested_at) == (
        "retraining",
        "ann",
        None,
        None,
    )


def test_a_version_that_came_back_was_champion_twice(story: LedgerStory, warehouse: Warehouse) -> None:
    story.live()
    found = read_versions_history(warehouse, [1, 3])
    champions = {e.event_seq: e for v in (1, 3) for e in read_events(warehouse, v)}
    promoted_1, promoted_3, back_to_1, back_to_3 = [
        event.at.replace(tzinfo=UTC)
        for _, event in sorted(champions.items())
        if event.event in {"PROMOTED", "ROLLED_BACK"}
    ]

    assert found[1].periods == ((promoted_1, promoted_3), (back_to_1, back_to_3))
    assert (found[1].valid_from, found[1].valid_to) == (promoted_1, back_to_3)
    assert found[3].periods == ((promoted_3, back_to_1), (back_to_3, None))
    assert (found[3].valid_from, found[3].valid_to) == (promoted_3, None)
    assert [(r.effect, r.version, r.from_version, r.actor, r.reason) for r in found[3].rollbacks] == [
        ("RECALLED", 1, 3, "dora", "takes every hat for a shirt"),
        ("RESTORED", 3, 1, "dora", "the labels were wrong, not the version"),
    ]
    assert [(r.effect, r.version) for r in found[1].rollbacks] == [("RESTORED", 1)]


def test_a_version_is_recalled_once_however_often_others_are_rolled_back(
    story: LedgerStory, warehouse: Warehouse
) -> None:
    for version in (1, 2, 3):
        story.train(version)
        story.pass_gate(version)
    story.go_back_to(2, "three is bad")
    story.go_back_to(1, "two is bad, too")

    found = read_versions_history(warehouse, [2, 3])

    assert [(r.effect, r.version, r.reason) for r in found[3].rollbacks] == [("RECALLED", 2, "three is bad")]
    assert [(r.effect, r.reason) for r in found[2].rollbacks] == [
        ("RESTORED", "three is bad"),
        ("RECALLED", "two is bad, too"),
    ]
    assert (found[2].state, found[3].state) == ("recalled", "recalled")


def test_the_figures_are_those_of_the_test_images(story: LedgerStory, warehouse: Warehouse) -> None:
    story.train(1)

    (found,) = read_history(warehouse)

    assert (found.accuracy, found.n_test_images, found.calibration_error, found.log_loss) == (0.91, 180, 0.031, 0.25)
    assert found.classes == (ClassMetrics("[bold]hat", 90, None, 0.9),)
    assert (found.gate, found.promotion, found.state) == (None, None, "not promoted")


def test_an_unknown_version_is_told_with_what_there_is(
    story: LedgerStory, warehouse: Warehouse, config: PipelineConfig
) -> None:
    with pytest.raises(UnknownVersionError, match=f"{config.name} has no version 7: ./driftgate train {config.name}"):
        read_version_history(warehouse, config, 7)
    story.train(1)
    with pytest.raises(UnknownVersionError, match="has no version 7: the latest is version 1"):
        read_version_history(warehouse, config, 7)
