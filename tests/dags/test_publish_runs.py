"""What becomes of the function that SQL calls, in whole runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dag_runs import Mailbox, kinds, states

from include.config import PipelineConfig
from include.config_parts import RegistryConfig
from include.errors import UnofferedPackageError
from include.registry.publishing import publishing
from include.registry.publishing.publishing import published_version
from include.warehouse.session import Warehouse

pytestmark = pytest.mark.slow

Query = Callable[..., list[tuple[Any, ...]]]
Run = Callable[..., Any]

OUTCOMES = "SELECT OUTCOME FROM RUNS ORDER BY STARTED_AT"


@pytest.fixture
def config(new_config: Callable[[Path], PipelineConfig], tmp_path: Path) -> PipelineConfig:
    """A pipeline that publishes its champion."""
    return new_config(tmp_path).model_copy(update={"registry": RegistryConfig(function="CLASSIFY")})


@pytest.fixture
def without_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions of versions that need no model."""

    def create(warehouse: Warehouse, _: object, name: str, *, comment: str) -> None:
        identifiers = {"function": name, "version_function": "PARSE_JSON", "comment": comment}
        warehouse.run("publish/create_function", identifiers=identifiers)

    monkeypatch.setattr(publishing, "_create_version_function", create)


@pytest.fixture
def lacking_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account without PyTorch."""

    def refuse(*_: object, **__: object) -> None:
        raise UnofferedPackageError("pytorch 2.1 or newer is needed, it has none")

    monkeypatch.setattr(publishing, "choose_packages", refuse)


def test_a_rollback_switches_the_function_back(
    run: Run, warehouse: Warehouse, without_models: None, add_champions: Callable[[int], None]
) -> None:
    add_champions(2)

    rollback = run("rollback", reason="2 is bad")

    assert states(rollback) == {
        "roll_back": "success",
        "rescore": "skipped",
        "publish": "success",
        "deliver_alerts": "success",
    }
    assert published_version(warehouse, function="CLASSIFY") == 1


def test_a_rollback_stands_when_the_function_cannot_be_switched(
    run: Run, query: Query, mailbox: Mailbox, lacking_packages: None, add_champions: Callable[[int], None]
) -> None:
    add_champions(2)

    rollback = run("rollback", reason="2 is bad")

    assert rollback.state == "failed"
    assert query("SELECT VERSION FROM CHAMPION") == [(1,)]
    [(outcome,)] = query(OUTCOMES)
    assert "version 1 is champion again" in outcome
    assert "publish failed: pytorch 2.1 or newer is needed, it has none" in outcome
    assert sorted(kinds(mailbox)) == ["failed", "rolled_back"]


def test_a_promotion_stands_when_it_cannot_be_published(
    run: Run,
    query: Query,
    pictures: None,
    mailbox: Mailbox,
    lacking_packages: None,
    capfd: pytest.CaptureFixture[str],
) -> None:
    training = run("training")

    assert training.state == "failed"
    assert states(training)["promote"] == "success"
    assert states(training)["publish"] == states(training)["announce"] == "failed"
    assert query("SELECT VERSION FROM CHAMPION") == [(1,)]
    [(outcome,)] = query(OUTCOMES)
    assert outcome.startswith("version 1 is champion: ")
    assert outcome.endswith("; failed: publish")
    assert "The promotion stands; the log of each failed task says why" in capfd.readouterr().out
    assert sorted(kinds(mailbox)) == ["failed", "promoted"]
