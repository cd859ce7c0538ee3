"""The verbs `setup` and `teardown`, as a person and a program call them."""

import json

import pytest

from include.commands.app import main


@pytest.fixture(autouse=True)
def here(place_pipeline):
    """The pipeline's file, its warehouse in the environment, and no local instance."""
    place_pipeline()


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([*arguments])
    return ended.value.code or 0, capsys.readouterr()


def test_print_needs_no_warehouse_and_writes_the_script_alone(capsys, config, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_WAREHOUSE")

    code, told = run(capsys, "setup", config.name, "--print", "--part", "account")

    assert code == 0
    assert told.out.startswith("-- What the pipeline ")
    assert told.out.rstrip().endswith(";")
    assert f"CREATE ROLE IF NOT EXISTS TESTS_{config.schema_name}_PIPELINE" in told.out
    _, told = run(capsys, "setup", config.name, "--print", "--json")
    assert "USE ROLE ACCOUNTADMIN;" in json.loads(told.out)["script"]


def test_two_parts_then_a_teardown_that_says_what_it_did(capsys, config):
    code, told = run(capsys, "setup", config.name, "--part", "account")
    assert (code, f"next: ./driftgate setup {config.name} --part schema" in told.out) == (0, True)
    code, told = run(capsys, "setup", config.name, "--part", "schema")
    assert (code, f"is set up in TESTS.{config.schema_name}" in told.out) == (0, True)

    code, told = run(capsys, "teardown", config.name, "--confirm", config.name)

    assert code == 0
    assert f"removed  role TESTS_{config.schema_name}_OWNER" in told.out
    assert "left     schema" in told.out
    code, told = run(
        capsys, "teardown", config.name, "--with-predictions-and-ledger", "--confirm", config.name, "--json"
    )
    assert code == 0
    assert json.loads(told.out)["removed"][0].startswith(f"schema TESTS.{config.schema_name}")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [([], "there is nobody to ask: say --confirm "), (["--confirm", "other"], "not 'other': nothing was removed")],
)
def test_without_the_name_nothing_is_removed(capsys, config, arguments, told):
    code, shown = run(capsys, "teardown", config.name, *arguments)

    assert code == 2
    assert told in shown.err
