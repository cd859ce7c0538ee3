"""What the roles of a pipeline may do: as much as the statements need that they run, and no more."""

from collections.abc import Callable
from typing import Any

import pytest
from needed_privileges import IMAGE_STAGES, needed_privileges

from include.config import PipelineConfig
from include.config_parts import RegistryConfig
from include.warehouse.grants import READER_VIEWS, image_stage_privileges
from include.warehouse.identifiers import stream_of
from include.warehouse.names import roles_of
from include.warehouse.session import Warehouse
from include.warehouse.setup import run_setup

Query = Callable[..., list[tuple[Any, ...]]]


def granted_to(query: Query, role: str) -> set[tuple[str, str, str]]:
    """Return the kind, the name without its schema, and the privilege of each grant."""
    rows = query(f"SHOW GRANTS TO ROLE {role}")
    return {(kind, name.rpartition(".")[2], privilege) for _, privilege, kind, name, *_ in rows}


def test_the_pipeline_may_do_what_its_statements_do_and_nothing_else(
    warehouse: Warehouse, config: PipelineConfig, query: Query
) -> None:
    config = config.model_copy(update={"registry": RegistryConfig()})
    run_setup(warehouse, config)
    needed = needed_privileges(without=("setup/", "teardown/"))
    views = {name for (name,) in query("SELECT TABLE_NAME FROM INFORMATION_SCHEMA.VIEWS")}
    expected = {("WAREHOUSE", "DRIFTGATE", "USAGE"), ("DATABASE", "TESTS", "USAGE")}
    expected |= {("SCHEMA", config.schema_name, "USAGE")}
    for need in needed:
        if need.kind == "table":
            expected.add(("VIEW" if need.name in views else "TABLE", need.name, need.privilege))
        elif need.name == IMAGE_STAGES:
            for stage in (config.stages.training, config.stages.incoming):
                expected |= {("STAGE", stage.name, privilege) for privilege in image_stage_privileges(stage)}
        elif need.kind == "stream":
            for stage in (config.stages.training, config.stages.incoming):
                expected.add(("STREAM", stream_of(stage.name), need.privilege))
        elif need.kind == "schema":
            expected.add(("SCHEMA", config.schema_name, need.privilege))
        else:
            expected.add((need.kind.upper(), need.name, need.privilege))

    assert granted_to(query, roles_of(config).pipeline) == expected


def test_a_pipeline_that_publishes_nothing_may_not_make_functions(config: PipelineConfig, query: Query) -> None:
    assert ("SCHEMA", config.schema_name, "CREATE FUNCTION") not in granted_to(query, roles_of(config).pipeline)


def test_a_pipeline_that_uses_the_model_registry_may_make_models(
    warehouse: Warehouse, config: PipelineConfig, query: Query
) -> None:
    run_setup(warehouse, config.model_copy(update={"registry": RegistryConfig(publish="snowflake")}))

    assert ("SCHEMA", config.schema_name, "CREATE MODEL") in granted_to(query, roles_of(config).pipeline)


def test_the_ledger_is_append_only_for_the_pipeline(warehouse: Warehouse, config: PipelineConfig, query: Query) -> None:
    granted = granted_to(query, roles_of(config).pipeline)

    ledger = {"MODEL_EVENTS", "MODEL_VERSIONS", "BASELINES", "DRIFT_CHECKS", "SNAPSHOTS", "SNAPSHOT_IMAGES"}
    assert {privilege for kind, name, privilege in granted if name in ledger} == {"SELECT", "INSERT"}


def test_a_reader_reads_views_and_calls_functions_and_nothing_else(
    warehouse: Warehouse, config: PipelineConfig, query: Query
) -> None:
    role = roles_of(config).reader

    assert granted_to(query, role) == {
        ("WAREHOUSE", "DRIFTGATE", "USAGE"),
        ("DATABASE", "TESTS", "USAGE"),
        ("SCHEMA", config.schema_name, "USAGE"),
        *(("VIEW", view, "SELECT") for view in READER_VIEWS),
    }
    future = query(f"SHOW FUTURE GRANTS IN SCHEMA TESTS.{config.schema_name}")
    assert [(row[1], row[2], row[5]) for row in future] == [("USAGE", "FUNCTION", role)]


def test_who_has_which_role(warehouse: Warehouse, config: PipelineConfig, query: Query) -> None:
    owner, pipeline, reader = roles_of(config)

    assert {row[3] for row in query(f"SHOW GRANTS OF ROLE {pipeline}")} == {owner}
    assert {row[3] for row in query(f"SHOW GRANTS OF ROLE {reader}")} == {owner}
    assert {row[3] for row in query(f"SHOW GRANTS OF ROLE {owner}")} == {"SYSADMIN"}


def test_what_was_made_by_somebody_else_belongs_to_the_owner(
    warehouse: Warehouse, config: PipelineConfig, query: Query
) -> None:
    """A schema of an earlier release was made by whatever role the connection had."""
    query("USE ROLE SYSADMIN")
    query("CREATE OR REPLACE TABLE RUNS (RUN_ID VARCHAR)")
    assert "SYSADMIN" in {row[5] for row in query("SHOW GRANTS ON TABLE RUNS")}
    query("DROP TABLE RUNS")
    query("CREATE OR REPLACE TABLE OLD_TABLE (A NUMBER)")

    run_setup(warehouse, config)

    rows = query("SHOW GRANTS ON TABLE OLD_TABLE")
    assert [(row[1], row[5]) for row in rows] == [("OWNERSHIP", roles_of(config).owner)]


@pytest.mark.parametrize("stage", ["training", "incoming"])
def test_an_internal_stage_takes_more_than_an_external_one(config: PipelineConfig, stage: str) -> None:
    external = getattr(config.stages, stage)

    assert image_stage_privileges(external) == ("USAGE",)
    assert image_stage_privileges(external.model_copy(update={"url": None})) == ("READ", "WRITE")
