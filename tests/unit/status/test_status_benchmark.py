"""What the benchmark of the status page reads is what it says: every panel has something to show."""

from benchmarks.ledger_rows import fill_answers, fill_ledger
from benchmarks.status_rows import fill_past
from include.config import PipelineConfig
from include.status.accuracy import read_accuracy
from include.status.classes import read_classes
from include.status.confidence import read_confidence
from include.status.verdicts import read_verdicts
from include.status.volume import read_volume
from include.warehouse.session import Warehouse


def test_the_past_of_the_benchmark_is_like_a_real_one(warehouse: Warehouse, config: PipelineConfig) -> None:
    fill_ledger(warehouse, n_versions=10)
    fill_answers(warehouse, stage=config.stages.incoming.name, n_answers=20_000, n_versions=10)
    fill_past(warehouse, config, n_answers=20_000)

    confidence = read_confidence(warehouse, config)

    assert confidence.version == 9
    assert confidence.compared is not None
    assert confidence.compared.verdict == "STABLE"
    assert len(read_verdicts(warehouse).points) == 100
    assert any(window.has_enough_labels for window in read_accuracy(warehouse).windows)
    assert min(read_volume(warehouse, n_days=30).totals) > 0
    assert {line.n_answered for line in read_classes(warehouse).lines} == {200}
