"""A session's token expires, and the connector asks for another one: what the session has open stays open."""

import pytest
from snowflake.connector.errors import ProgrammingError


def test_a_renewed_session_keeps_its_transaction_and_its_temporary_tables(connect):
    connection = connect()
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE T (A INT)")
    cursor.execute("CREATE TEMPORARY TABLE MINE AS SELECT 1 AS A")
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO T SELECT A FROM MINE")
    expired = connection.rest.token

    connection.rest._renew_session()

    assert connection.rest.token != expired
    assert cursor.execute("SELECT A FROM MINE").fetchall() == [(1,)]
    cursor.execute("COMMIT")
    assert connect().cursor().execute("SELECT A FROM T").fetchall() == [(1,)]


def test_the_token_that_was_replaced_opens_nothing(connect, warehouse_server):
    connection = connect()
    expired = connection.rest.token
    n_sessions = len(warehouse_server.warehouse.sessions)

    connection.rest._renew_session()

    assert len(warehouse_server.warehouse.sessions) == n_sessions
    connection.rest.update_tokens(expired, connection.rest.master_token)
    with pytest.raises(ProgrammingError, match="login again"):
        connection.cursor().execute("SELECT 1")


def test_whoever_has_no_session_cannot_renew_one(connect):
    connection = connect()
    connection.rest.update_tokens(connection.rest.token, "not a master token")

    with pytest.raises(Exception, match="Master token not found") as refused:
        connection.rest._renew_session()
    assert "390113" in str(refused.value)
