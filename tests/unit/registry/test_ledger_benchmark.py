"""What the benchmark reads is what it says: versions with approvals and rollbacks, and one image among many."""

from benchmarks.ledger_rows import N_ANSWERS_OF_IMAGE, fill_answers, fill_ledger
from include.config import PipelineConfig
from include.registry.explanation import explain_image
from include.registry.history import read_history
from include.warehouse.session import Warehouse


def test_the_ledger_of_the_benchmark_is_like_a_real_one(warehouse: Warehouse, config: PipelineConfig) -> None:
    stage = config.stages.incoming.name
    fill_ledger(warehouse, n_versions=20)
    path = fill_answers(warehouse, stage=stage, n_answers=2_000, n_versions=20)

    versions = {found.version: found for found in read_history(warehouse)}
    explanation = explain_image(warehouse, config, path)

    assert len(versions) == 20
    assert [approval.kind for approval in versions[19].approvals] == ["retraining", "promotion"]
    assert [versions[number].state for number in (19, 15, 13, 12)] == [
        "champion",
        "refused by the gate",
        "recalled",
        "superseded",
    ]
    assert len(versions[12].periods) == 2
    assert len(explanation.answers) == N_ANSWERS_OF_IMAGE
    assert len(explanation.current) == 1
    first = explanation.answers[-1]
    assert first.is_first
    assert first.verdict is not None
