"""Roles, grants, virtual warehouses, integrations and alerts, as the embedded warehouse remembers them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import snowflake.connector
from snowflake.connector.errors import ProgrammingError

from include.warehouse.embedded.account_parser import parse_account_statement
from include.warehouse.embedded.server import running_server

Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def sql(query: Sql, config: Any) -> Sql:
    """A function that runs SQL with `{}` standing for a name that no other test has."""
    return lambda text: query(text.replace("{}", f"OF_{config.schema_name}"))


def test_a_grant_is_shown_on_its_object_and_to_its_role_until_it_is_revoked(sql: Sql) -> None:
    sql("CREATE ROLE A_{}")
    sql("GRANT SELECT, INSERT ON TABLE RUNS TO ROLE A_{} WITH GRANT OPTION")
    sql("GRANT SELECT ON TABLE RUNS TO ROLE A_{}")

    shown = sql("SHOW GRANTS TO ROLE A_{}")
    assert [(row[1], row[2], row[3].rpartition(".")[2], row[6]) for row in shown] == [
        ("INSERT", "TABLE", "RUNS", "true"),
        ("SELECT", "TABLE", "RUNS", "true"),
    ]
    sql("REVOKE INSERT ON TABLE RUNS FROM ROLE A_{}")
    assert [row[1] for row in sql("SHOW GRANTS TO ROLE A_{}")] == ["SELECT"]
    sql("DROP ROLE A_{}")
    assert "SELECT" not in {row[1] for row in sql("SHOW GRANTS ON TABLE RUNS") if row[5].startswith("A_")}


def test_a_dropped_table_takes_its_grants_with_it_and_a_replaced_view_keeps_them(sql: Sql) -> None:
    sql("CREATE ROLE A_{}")
    sql("CREATE TABLE T (A NUMBER)")
    sql("CREATE VIEW V AS SELECT A FROM T")
    sql("GRANT SELECT ON TABLE T TO ROLE A_{}")
    sql("GRANT SELECT ON VIEW V TO ROLE A_{}")

    sql("CREATE OR REPLACE VIEW V COPY GRANTS AS SELECT A + 1 AS A FROM T")
    assert {row[2] for row in sql("SHOW GRANTS TO ROLE A_{}")} == {"TABLE", "VIEW"}
    sql("CREATE OR REPLACE VIEW V AS SELECT A FROM T")
    sql("DROP TABLE T")
    sql("CREATE TABLE T (A NUMBER)")
    assert sql("SHOW GRANTS TO ROLE A_{}") == []


def test_what_is_made_later_gets_what_was_granted_before(sql: Sql, config: Any) -> None:
    sql("CREATE ROLE A_{}")
    sql(f"GRANT SELECT ON FUTURE TABLES IN SCHEMA TESTS.{config.schema_name} TO ROLE A_{{}}")

    sql("CREATE TABLE T (A NUMBER)")

    assert [row[1:3] for row in sql("SHOW GRANTS TO ROLE A_{}")] == [("SELECT", "TABLE")]


@pytest.mark.parametrize(
    ("statement", "errno"),
    [
        ("GRANT SELECT ON TABLE RUNS TO ROLE NO_SUCH_ROLE", 2003),
        ("GRANT SELECT ON TABLE NO_SUCH_TABLE TO ROLE SYSADMIN", 2003),
        ("GRANT SELECT ON TABLE CHAMPION TO ROLE SYSADMIN", 2003),
        ("GRANT USAGE ON INTEGRATION NO_SUCH TO ROLE SYSADMIN", 2003),
        ("USE ROLE NO_SUCH_ROLE", 2043),
        ("USE WAREHOUSE NO_SUCH_WAREHOUSE", 2043),
        ("ALTER WAREHOUSE NO_SUCH_WAREHOUSE RESUME", 2003),
        ("DROP ROLE NO_SUCH_ROLE", 2003),
        ("CREATE STAGE S URL = 'file:///tmp/' STORAGE_INTEGRATION = NO_SUCH", 2003),
        ("CREATE ALERT A SCHEDULE = '1 MINUTE'", 1003),
        ("GRANT SELECT ON TABLE RUNS", 1003),
    ],
)
def test_what_stands_for_nothing_is_refused(sql: Sql, statement: str, errno: int) -> None:
    with pytest.raises(ProgrammingError) as refused:
        sql(statement)

    assert refused.value.errno == errno


def test_all_is_there_after_a_restart(tmp_path: Path) -> None:
    def run(*statements: str) -> list[Any]:
        with running_server(tmp_path, user="u", password="p") as server:
            place = {"host": server.host, "port": server.port, "protocol": "http", "account": "a"}
            with snowflake.connector.connect(user="u", password="p", database="D", schema="S", **place) as connection:
                cursor = connection.cursor()
                return [cursor.execute(statement).fetchall() for statement in statements][-1]

    run(
        "CREATE ROLE A",
        "CREATE WAREHOUSE W WAREHOUSE_SIZE = SMALL INITIALLY_SUSPENDED = TRUE",
        "CREATE NOTIFICATION INTEGRATION M TYPE = EMAIL ENABLED = TRUE ALLOWED_RECIPIENTS = ('a@b.c', 'd@e.f')",
        "CREATE ALERT L WAREHOUSE = W SCHEDULE = '5 MINUTE' IF (EXISTS (SELECT 1)) THEN SELECT 2",
        "GRANT USAGE ON WAREHOUSE W TO ROLE A",
        "GRANT ROLE A TO USER U",
    )

    assert [row[:4] for row in run("SHOW WAREHOUSES LIKE 'w'")] == [("W", "SUSPENDED", "STANDARD", "Small")]
    assert dict(row[:3:2] for row in run("DESCRIBE INTEGRATION M"))["ALLOWED_RECIPIENTS"] == "a@b.c,d@e.f"
    assert [(row[1], row[8], row[9], row[10]) for row in run("SHOW ALERTS")] == [
        ("L", "suspended", "SELECT 1", "SELECT 2")
    ]
    assert [row[1:4] for row in run("SHOW GRANTS TO ROLE A")] == [("USAGE", "WAREHOUSE", "W")]
    assert [row[2:4] for row in run("SHOW GRANTS OF ROLE A")] == [("USER", "U")]


@pytest.mark.parametrize(
    "text", ["SELECT 1", "CREATE TABLE ROLES (A NUMBER)", "SHOW TABLES", "ALTER SESSION SET A = 1"]
)
def test_other_statements_are_left_alone(text: str) -> None:
    assert parse_account_statement(text) is None
