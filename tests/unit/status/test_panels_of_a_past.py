"""What the panels show of a pipeline with a past: verdicts, accuracy, classes, the ledger."""

from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter
from status_story import CLASSES, HOSTILE, N_HELD_OUT

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

LAST_DAY = date(2026, 3, 20)


def test_the_window_of_the_champion_lies_beside_its_baseline(past: Warehouse, past_config: PipelineConfig) -> None:
    panel = read_confidence(past, past_config)

    assert (panel.version, panel.window_size, panel.n_waiting) == (2, 120, 40)
    compared = panel.compared
    assert compared is not None
    assert (compared.n_baseline, compared.n_window, compared.verdict) == (N_HELD_OUT, 120, "STABLE")
    assert len(compared.edges) == len(compared.window) == len(compared.baseline) == len(compared.low)
    assert compared.window[-1] == compared.baseline[-1] == 1
    assert all(
        low <= share <= high for low, share, high in zip(compared.low, compared.window, compared.high, strict=True)
    )
    assert [signal.name for signal in compared.signals] == ["Confidences", "Predicted classes"]
    assert all(signal.times < 1 for signal in compared.signals)


def test_verdicts_come_in_order_with_what_became_of_the_champion(past: Warehouse) -> None:
    panel = read_verdicts(past)

    assert [point.version for point in panel.points] == [1, 1, 2, 2, 2, 2, 2]
    assert [point.checked_at for point in panel.points] == sorted(point.checked_at for point in panel.points)
    drifted = [point for point in panel.points if point.tone == "act"]
    assert drifted
    assert all(point.times is not None and point.times > 1 for point in drifted)
    assert all(point.reason and point.title for point in panel.points)
    assert [(change.event, change.version, change.from_version) for change in panel.changes] == [
        ("PROMOTED", 1, None),
        ("PROMOTED", 2, 1),
        ("ROLLED_BACK", 1, 2),
        ("ROLLED_BACK", 2, 1),
    ]


def test_what_labels_show_stands_beside_what_was_estimated(past: Warehouse) -> None:
    panel = read_accuracy(past)

    labelled = [window for window in panel.windows if window.measured is not None]
    assert len(panel.windows) == 7
    assert len(labelled) == 4, "the windows before people labelled"
    for window in panel.windows:
        assert window.estimated is not None
        assert window.estimated.low <= window.estimated.value <= window.estimated.high
        assert window.accepted is not None
    for window in labelled:
        assert window.measured is not None
        assert window.has_enough_labels
        assert window.measured.value > 0.7
    assert panel.windows[4].estimated is not None
    assert panel.windows[3].estimated is not None
    assert panel.windows[4].estimated.value < panel.windows[3].estimated.value, "then the images had drifted"


def test_days_without_answers_are_there_and_old_ones_are_not(past: Warehouse) -> None:
    panel = read_volume(past, n_days=7)

    assert panel.days == tuple(LAST_DAY - timedelta(days=6 - place) for place in range(7))
    assert sum(panel.totals) == 120 + 40
    assert panel.totals[0] == 0
    assert panel.n_classes == len(CLASSES)


def test_classes_beyond_the_most_frequent_ones_are_one(past: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.status.volume.N_CLASSES", 3)

    panel = read_volume(past, n_days=30)

    assert [one.label is None for one in panel.classes] == [False, False, False, True]
    assert sum(panel.totals) == 7 * 120 + 40


def test_each_class_has_its_figures_of_held_out_and_of_labelled_images(past: Warehouse) -> None:
    panel = read_classes(past)

    assert panel.version == 2
    assert panel.n_held_out == N_HELD_OUT
    assert [line.label for line in panel.lines] == sorted(CLASSES)
    shirt = next(line for line in panel.lines if line.label == "shirt")
    assert shirt.mistaken_for == "coat"
    assert shirt.recall is not None
    assert shirt.recall < 0.9
    assert shirt.n_labelled > 0
    assert shirt.measured is not None
    assert (panel.confused[0].truth, panel.confused[0].given) == ("shirt", "coat")
    assert panel.matrix is not None
    assert panel.matrix.is_whole
    assert sum(map(sum, panel.matrix.counts)) == N_HELD_OUT
    assert HOSTILE in panel.matrix.labels


def test_the_latest_version_is_held_against_the_champion_of_its_time(past: Warehouse) -> None:
    panel = read_challenger(past).latest

    assert panel is not None
    assert (panel.version, panel.state, panel.is_gate_passed) == (3, "refused by the gate", False)
    duel = panel.duel
    assert duel is not None
    assert (duel.champion, duel.n_images, duel.n_left_out, duel.n_classes) == (2, N_HELD_OUT, 3, len(CLASSES))
    lost = (duel.n_only_challenger - duel.n_only_champion) / duel.n_images
    assert duel.difference == pytest.approx(lost)
    changes = [abs(one.difference) for one in duel.classes]
    assert changes == sorted(changes, reverse=True)


def test_the_ledger_comes_in_pages(past: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.status.ledger.PAGE_SIZE", 5)

    first = read_ledger(past)
    second = read_ledger(past, before_event_seq=first.older_than)

    assert [line.event for line in first.lines][:3] == ["ROLLED_BACK", "ROLLED_BACK", "GATE_FAILED"]
    assert first.lines[0].actor == "dora"
    assert len(first.lines) == 5
    assert [line.event_seq for line in (*first.lines, *second.lines)] == list(range(10, 0, -1))
    assert second.older_than is None


def test_what_was_read_survives_as_json(past: Warehouse, past_config: PipelineConfig) -> None:
    panels: list[Any] = [
        read_confidence(past, past_config),
        read_verdicts(past),
        read_accuracy(past),
        read_volume(past, n_days=7),
        read_classes(past),
        read_challenger(past),
        read_ledger(past),
        read_cost(past, past_config),
    ]

    for panel in panels:
        adapter = TypeAdapter(type(panel))
        assert adapter.validate_json(adapter.dump_json(panel)) == panel
