"""Taking a pipeline out of the warehouse."""

from collections.abc import Callable
from typing import Any

import pytest

from include.config import PipelineConfig
from include.errors import SetupRefusedError
from include.registry.status import read_status
from include.warehouse.names import roles_of
from include.warehouse.session import Warehouse
from include.warehouse.setup import run_setup
from include.warehouse.teardown import tear_down

Query = Callable[..., list[tuple[Any, ...]]]


def test_answers_and_ledger_stay_and_a_set_up_goes_on_from_them(
    warehouse: Warehouse, config: PipelineConfig, query: Query, add_version: Callable[..., None]
) -> None:
    add_version(1)

    done = tear_down(warehouse, config, with_answers=False)

    assert {f"role {role}" for role in roles_of(config)} <= set(done.removed)
    assert "table PIXELS" in done.removed
    assert any("predictions, the ledger" in left for left in done.left)
    assert any("DROP WAREHOUSE DRIFTGATE" in left for left in done.left)
    assert [name for (_, name, *_) in query("SHOW ROLES") if config.schema_name in name] == []
    assert query("SELECT VERSION FROM CHAMPION") == [(1,)]
    run_setup(warehouse, config)
    champion = read_status(warehouse, config).champion
    assert champion is not None
    assert champion.version == 1


def test_with_the_flag_nothing_is_left_in_the_schema(
    warehouse: Warehouse, config: PipelineConfig, query: Query
) -> None:
    done = tear_down(warehouse, config, with_answers=True)

    assert done.removed[0] == f"schema TESTS.{config.schema_name} with all that was in it"
    sql = "SELECT COUNT(*) FROM TESTS.INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = %(schema)s"
    assert query(sql, schema=config.schema_name) == [(0,)]


def test_a_second_time_says_that_nothing_was_there(warehouse: Warehouse, config: PipelineConfig) -> None:
    tear_down(warehouse, config, with_answers=True)

    done = tear_down(warehouse, config, with_answers=True)

    assert not [what for what in done.removed if what.startswith("role")]


def test_who_may_not_is_told(warehouse: Warehouse, config: PipelineConfig, query: Query) -> None:
    fields = config.model_dump(mode="json", by_alias=True) | {"account": {"admin_role": "PLATFORM_ADMIN"}}

    with pytest.raises(SetupRefusedError, match="a teardown needs the role PLATFORM_ADMIN"):
        tear_down(warehouse, PipelineConfig.model_validate(fields), with_answers=True)
    assert query("SELECT COUNT(*) FROM PIPELINE_LOCK") == [(1,)]
