"""Set-up in two parts, as a script, and by those who may not."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlglot

from include.config import PipelineConfig
from include.errors import SetupRefusedError, WarehouseError
from include.warehouse.identifiers import pipeline_identifiers
from include.warehouse.names import roles_of
from include.warehouse.session import Warehouse
from include.warehouse.setup import run_setup, setup_script

Query = Callable[..., list[tuple[Any, ...]]]


def with_bucket(config: PipelineConfig, url: str, **account: Any) -> PipelineConfig:
    """Return the pipeline with its incoming images in a bucket, by an integration."""
    fields = config.model_dump(mode="json", by_alias=True)
    fields["stages"]["incoming"] |= {"url": url, "integration": f"BUCKET_OF_{config.schema_name}"}
    return PipelineConfig.model_validate(fields | {"account": account})


def test_the_script_makes_what_a_set_up_makes(open_session: Callable[[], Warehouse], config: PipelineConfig) -> None:
    """Pasted into a worksheet, statement by statement, it sets the pipeline up."""
    session = open_session()
    statements = [text for text in setup_script(config).split(";\n") if text.strip()]

    cursor = session._connection.cursor()
    for statement in statements:
        cursor.execute(statement)

    assert statements[0].splitlines()[-1] == "USE ROLE ACCOUNTADMIN"
    assert cursor.execute("SELECT COUNT(*) FROM PIPELINE_LOCK").fetchall() == [(1,)]
    assert cursor.execute("SELECT COUNT(*) FROM CURRENT_PREDICTIONS").fetchall() == [(0,)]
    assert len(cursor.execute(f"SHOW GRANTS TO ROLE {roles_of(config).pipeline}").fetchall()) > 40


def test_each_part_of_the_script_takes_its_own_role(config: PipelineConfig) -> None:
    account, schema = setup_script(config, "account"), setup_script(config, "schema")

    assert "USE ROLE ACCOUNTADMIN;" in account
    assert "CREATE TABLE" not in account
    assert schema.splitlines()[1] == f"USE ROLE {roles_of(config).owner};"
    assert "CREATE ROLE" not in schema
    assert "ACCOUNTADMIN" not in schema
    assert setup_script(config).count(";\n") == account.count(";\n") + schema.count(";\n")


@pytest.mark.parametrize(
    ("url", "account", "told"),
    [
        ("s3://b/new/", {"aws_role": "arn:aws:iam::123456789012:role/d"}, "STORAGE_AWS_ROLE_ARN = 'arn:aws:iam::"),
        ("s3gov://b/new/", {"aws_role": "arn:aws-us-gov:iam::123456789012:role/d"}, "STORAGE_PROVIDER = 'S3GOV'"),
        ("azure://a.blob.core.windows.net/b/", {"azure_tenant": "0" * 8 + "-0000" * 3 + "-" + "0" * 12}, "'AZURE'"),
        ("gcs://b/new/", {}, "STORAGE_ALLOWED_LOCATIONS = ('gcs://b/new/')"),
    ],
)
def test_an_integration_is_made_for_its_cloud(
    config: PipelineConfig, url: str, account: dict[str, str], told: str
) -> None:
    script = setup_script(with_bucket(config, url, **account))

    assert told in script
    assert f"STORAGE_INTEGRATION = BUCKET_OF_{config.schema_name}" in script
    for statement in script.split(";\n"):
        if statement.strip():
            sqlglot.parse_one(statement, dialect="snowflake")


def test_an_integration_that_is_given_is_not_made(config: PipelineConfig) -> None:
    script = setup_script(with_bucket(config, "s3://b/new/", integrations="given"))

    assert "CREATE STORAGE INTEGRATION" not in script
    assert f"GRANT USAGE ON INTEGRATION BUCKET_OF_{config.schema_name}" in script


def test_an_integration_follows_the_pipeline_file(warehouse: Warehouse, config: PipelineConfig, query: Query) -> None:
    moved = with_bucket(config, "s3://b/new/", aws_role="arn:aws:iam::123456789012:role/d")
    run_setup(warehouse, moved, "account")
    elsewhere = with_bucket(config, "s3://b/elsewhere/", aws_role="arn:aws:iam::123456789012:role/d")
    run_setup(warehouse, elsewhere, "account")

    assert ("USAGE", roles_of(config).owner) in {
        (row[1], row[5]) for row in query(f"SHOW GRANTS ON INTEGRATION BUCKET_OF_{config.schema_name}")
    }
    described = {row[0]: row[2] for row in query(f"DESCRIBE INTEGRATION BUCKET_OF_{config.schema_name}")}
    assert described["STORAGE_ALLOWED_LOCATIONS"] == "s3://b/elsewhere/"


def test_a_missing_integration_is_told_with_what_mends_it(warehouse: Warehouse, config: PipelineConfig) -> None:
    given = with_bucket(config, "s3://b/new/", integrations="given")

    with pytest.raises(WarehouseError, match=r"'BUCKET_OF_.*does not exist.*SHOW INTEGRATIONS.*--part account"):
        run_setup(warehouse, given, "schema")


def test_a_role_that_may_not_make_account_objects_is_told_who_may(warehouse: Warehouse, config: PipelineConfig) -> None:
    fields = config.model_dump(mode="json", by_alias=True) | {"account": {"admin_role": "PLATFORM_ADMIN"}}

    told = r"needs the role PLATFORM_ADMIN: have an administrator run .*--print --part account .*--part schema"
    with pytest.raises(SetupRefusedError, match=told):
        run_setup(warehouse, PipelineConfig.model_validate(fields))


def test_the_schema_before_the_account_is_told(open_session: Callable[[], Warehouse], config: PipelineConfig) -> None:
    with pytest.raises(SetupRefusedError, match=rf"GRANT ROLE {roles_of(config).owner} TO USER"):
        run_setup(open_session(), config, "schema")


def test_two_pipelines_share_the_virtual_warehouse_and_no_role(config: PipelineConfig) -> None:
    other = config.model_copy(update={"name": "other"})

    assert not set(roles_of(config)) & set(roles_of(other))
    assert pipeline_identifiers(config)["compute"] == pipeline_identifiers(other)["compute"] == "DRIFTGATE"
