"""Panels of a pipeline that nothing has happened to yet, and of one whose champion has nothing to compare with."""

from collections.abc import Callable
from datetime import timedelta

from include.config import PipelineConfig
from include.status.accuracy import read_accuracy
from include.status.challenger import read_challenger
from include.status.classes import read_classes
from include.status.confidence import read_confidence
from include.status.cost import read_cost
from include.status.ledger import read_ledger
from include.status.verdicts import read_verdicts
from include.status.volume import read_volume
from include.warehouse.session import Warehouse


def test_a_pipeline_without_a_past_has_panels(warehouse: Warehouse, config: PipelineConfig) -> None:
    confidence = read_confidence(warehouse, config)

    assert (confidence.version, confidence.compared) == (None, None)
    assert read_verdicts(warehouse).points == ()
    assert read_accuracy(warehouse).windows == ()
    assert read_volume(warehouse, n_days=7).classes == ()
    assert read_volume(warehouse, n_days=7).totals == ()
    assert read_classes(warehouse).lines == ()
    assert read_challenger(warehouse).latest is None
    assert read_ledger(warehouse).lines == ()
    assert read_cost(warehouse, config).until > read_cost(warehouse, config).since


def test_a_champion_without_baseline_evidence_and_answers_has_panels(
    warehouse: Warehouse, config: PipelineConfig, add_version: Callable[..., None]
) -> None:
    add_version(1)

    confidence, classes, challenger = (
        read_confidence(warehouse, config),
        read_classes(warehouse),
        read_challenger(warehouse).latest,
    )

    assert (confidence.version, confidence.n_waiting, confidence.compared) == (1, 0, None)
    assert (classes.version, classes.n_held_out, classes.matrix) == (1, 0, None)
    assert challenger is not None
    assert (challenger.state, challenger.duel, challenger.cures) == ("champion", None, None)


def test_the_last_week_is_what_the_query_history_has(warehouse: Warehouse, config: PipelineConfig) -> None:
    read_ledger(warehouse)

    cost = read_cost(warehouse, config)

    assert timedelta(days=6) < cost.until - cost.since < timedelta(days=7)
    assert cost.credits > 0
    assert sum(task.n_statements for task in cost.tasks) > 0
