"""A file with another policy: which parts it may have, and what becomes of a wrong one."""

from pathlib import Path

import pytest

from include.config import PipelineConfig, load_policy
from include.errors import ConfigError


@pytest.fixture
def write(tmp_path: Path):
    def to_file(text: str) -> Path:
        path = tmp_path / "calmer.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def test_what_the_file_does_not_name_stays_as_it_is(config: PipelineConfig, write) -> None:
    today = config.model_copy(update={"drift": config.drift.model_copy(update={"min_distance": 0.3})})

    policy = load_policy(write("drift: {window: 500}\nretraining: {cooldown_hours: 72}\nimages: {}"), today)

    assert policy.drift == today.drift.model_copy(update={"window": 500})
    assert policy.retraining == today.retraining.model_copy(update={"cooldown_hours": 72})
    assert policy.model_copy(update={"drift": today.drift, "retraining": today.retraining}) == today


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("drift: {window: 3}", "drift.window: Input should be greater than or equal to 20, got 3"),
        ("drift: {windows: 300}", "drift.windows: there is no such field"),
        ("drift: {alarms: 4}", "alarms is 4 of the last 3 windows: of_windows must be at least that"),
        ("gate: {min_accuracy: 0}", "gate: is no part of a policy, which has drift, promotion, retraining, images"),
        ("drift: 500", "drift: should hold fields, holds int"),
        ("- drift", "should hold fields like 'drift: {window: 500}', holds list"),
        ("drift: [", "is not YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name_and_the_reason(
    config: PipelineConfig, write, text: str, message: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        load_policy(write(text), config)

    assert str(refused.value).startswith(str(write(text)))
    assert message in str(refused.value)


def test_a_file_that_is_not_there_is_refused(config: PipelineConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read"):
        load_policy(tmp_path / "nowhere.yaml", config)
