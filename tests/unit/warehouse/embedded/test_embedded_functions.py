"""Functions: those in Python run in a process beside the server, those in SQL stand for their expressions."""

import json
import os
import time
import urllib.error
import urllib.request

import pytest
from snowflake.connector.errors import ProgrammingError

from include.warehouse.embedded.function_processes import Batch, FunctionProcesses
from include.warehouse.embedded.functions import Function, FunctionKey
from include.warehouse.embedded.server import running_server
from include.warehouse.embedded.urls import StagedFile
from tests.unit.warehouse.embedded.conftest import PASSWORD, USER, open_connection, runner

HANDLER = """
import os
import time

import helping

from snowflake.snowpark.files import SnowflakeFile


def answer(text, times=1):
    if text == "die":
        os._exit(3)
    if text == "hang":
        time.sleep(60)
    if text == "raise":
        raise ValueError("it raises")
    print("said to nobody")
    return None if text is None else {"text": helping.shout(text) * int(times), "process": os.getpid()}


def read(url):
    with SnowflakeFile.open(url, "rb") as file:
        return file.read().decode()
"""
CREATE = """
CREATE OR REPLACE FUNCTION {name}({arguments})
RETURNS {returns}
LANGUAGE PYTHON
RUNTIME_VERSION = '3.11'
PACKAGES = ('numpy')
IMPORTS = ('@CODE/v1/handler.py', '@CODE/v1/helping.py')
HANDLER = 'handler.{handler}'
"""


@pytest.fixture
def functions(run, tmp_path):
    """ANSWER and READ from staged files, and a stage with one file."""
    (tmp_path / "handler.py").write_text(HANDLER)
    (tmp_path / "helping.py").write_text("def shout(text):\n    return text.upper()\n")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a b.txt").write_text("hello")
    run("CREATE STAGE CODE")
    run(f"CREATE STAGE FILES URL='file://{tmp_path}/files/' DIRECTORY = (ENABLE = TRUE)")
    run("ALTER STAGE FILES REFRESH")
    run(f"PUT 'file://{tmp_path}/h*.py' @CODE/v1/ AUTO_COMPRESS = FALSE")
    create(run, "ANSWER", "TEXT VARCHAR, TIMES NUMBER DEFAULT 2", "OBJECT", "answer")
    create(run, "READ", "URL VARCHAR", "VARCHAR", "read")


def is_running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def create(run, name, arguments, returns, handler):
    run(CREATE.format(name=name, arguments=arguments, returns=returns, handler=handler))


def test_a_python_function_answers_from_a_process_of_its_own(run, functions, schema):
    [(answer,)] = run("SELECT ANSWER('ab')")
    assert json.loads(answer)["text"] == "ABAB"
    assert json.loads(answer)["process"] != os.getpid()

    # with a path into the object, by its full name, and for null
    assert run(f"SELECT TESTS.{schema}.ANSWER('c', 3):text::VARCHAR, ANSWER(NULL)") == [("CCC", None)]


def test_many_rows_go_in_batches_also_into_a_table(run, functions):
    run("CREATE TABLE WORDS AS SELECT COLUMN1 AS WORD FROM VALUES ('a'), ('b'), ('c')")

    run(
        "CREATE TABLE ANSWERS AS SELECT ANSWER(A.WORD || B.WORD || C.WORD, 1):text::VARCHAR AS A "
        "FROM WORDS A, WORDS B, WORDS C"
    )
    run("INSERT INTO ANSWERS SELECT ANSWER(WORD):text::VARCHAR FROM WORDS WHERE WORD < 'c'")

    assert run("SELECT COUNT(DISTINCT A), MIN(A), MAX(A) FROM ANSWERS") == [(29, "AA", "CCC")]


def test_a_scoped_url_opens_a_file_to_functions_alone(run, functions, warehouse_server, schema):
    [(url,)] = run("SELECT BUILD_SCOPED_FILE_URL(@FILES, 'a b.txt')")

    assert run("SELECT READ(BUILD_SCOPED_FILE_URL(@FILES, RELATIVE_PATH)) FROM DIRECTORY(@FILES)") == [("hello",)]
    assert run("SELECT READ(%s)", [url]) == [("hello",)]
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(url)  # noqa: S310
    # what is no scoped URL, has expired, was changed, or leads nowhere
    file = StagedFile("TESTS", schema, "FILES", "a b.txt")
    expired = warehouse_server.warehouse.signer.url("http://x", file, method="SCOPED", seconds=-5)
    [(presigned,)] = run("SELECT GET_PRESIGNED_URL(@FILES, 'a b.txt')")
    for wrong, told in (
        (expired, "has expired"),
        (url.replace("a%20b", "b"), "signature does not match"),
        (presigned, "not a scoped URL"),
        ("a b.txt", "not a scoped URL: make one by BUILD_SCOPED_FILE_URL"),
    ):
        with pytest.raises(ProgrammingError, match=told):
            run("SELECT READ(%s)", [wrong])
    with pytest.raises(ProgrammingError, match=r"none\.txt does not exist in stage FILES"):
        run("SELECT READ(BUILD_SCOPED_FILE_URL(@FILES, 'none.txt'))")


def test_a_function_that_raises_dies_or_hangs_is_an_error_and_the_next_call_is_answered(
    run, functions, warehouse_server, monkeypatch
):
    monkeypatch.setattr(warehouse_server.warehouse.function_processes, "_batch_s", 2.0)

    for text, told in (
        ("raise", r"ValueError: it raises \(in handler.py, line 16\)"),
        ("die", r"its process has ended \(exit code 3\)"),
        ("hang", "took more than 2 s for a batch and was ended"),
    ):
        with pytest.raises(ProgrammingError, match=told) as failed:
            run("SELECT ANSWER(%s)", [text])
        assert (failed.value.errno, failed.value.sqlstate) == (100357, "P0000")
    assert run("SELECT ANSWER('ab'):text::VARCHAR") == [("ABAB",)]


def test_a_handler_that_is_not_there_is_told_when_it_is_called(run, functions):
    create(run, "LOST", "TEXT VARCHAR", "OBJECT", "no_such_function")

    with pytest.raises(ProgrammingError, match="has no attribute 'no_such_function'"):
        run("SELECT LOST('a')")


@pytest.mark.parametrize(
    ("change", "errno", "told"),
    [
        (("'numpy'", "'numpy==0.1', 'no-such-package'"), 391546, "Packages not found: numpy==0.1, no-such-package"),
        (("v1/helping.py", "v2/helping.py"), 91016, "v2/helping.py' was not found"),
        (("@CODE/v1/helping.py", "@NOWHERE/a.py"), 2003, "NOWHERE' does not exist"),
        (("HANDLER = 'handler.answer'", ""), 2139, "HANDLER"),
        (("LANGUAGE PYTHON", "LANGUAGE JAVASCRIPT"), 2, "a function in JAVASCRIPT"),
    ],
)
def test_a_function_that_cannot_be_made_leaves_the_one_before(run, functions, change, errno, told):
    wrong = CREATE.format(name="ANSWER", arguments="TEXT VARCHAR", returns="OBJECT", handler="answer").replace(*change)

    with pytest.raises(ProgrammingError, match=told) as refused:
        run(wrong)

    assert refused.value.errno == errno
    assert run("SELECT ANSWER('ab'):text::VARCHAR") == [("ABAB",)]


def test_a_sql_function_stands_for_its_expression(run, schema):
    run("CREATE TABLE NUMBERS AS SELECT COLUMN1 AS N FROM VALUES (1), (2)")
    run("CREATE FUNCTION TWICE(N NUMBER) RETURNS NUMBER AS 'N + N'")
    run("CREATE FUNCTION FOUR_TIMES(N NUMBER) RETURNS NUMBER COMMENT = 'of four' AS 'TWICE(N) * 2'")

    assert run("SELECT FOUR_TIMES(N + 1) FROM NUMBERS WHERE TWICE(N) > 2") == [(12,)]
    # names in it are looked up where it is
    run("CREATE SCHEMA ELSEWHERE_OF_FUNCTIONS")
    assert run(f"SELECT TESTS.{schema}.FOUR_TIMES(1)") == [(4,)]
    run(f"USE SCHEMA {schema}")
    # replaced at once, described by itself, and dropped
    run("CREATE OR REPLACE FUNCTION TWICE(N NUMBER) COPY GRANTS RETURNS NUMBER AS 'N * 20'")
    assert run("SELECT FOUR_TIMES(1)") == [(40,)]
    described = (
        "SELECT FUNCTION_NAME, ARGUMENT_SIGNATURE, FUNCTION_LANGUAGE, FUNCTION_DEFINITION, COMMENT "
        "FROM INFORMATION_SCHEMA.FUNCTIONS WHERE FUNCTION_SCHEMA = CURRENT_SCHEMA() AND COMMENT IS NOT NULL"
    )
    assert run(described) == [("FOUR_TIMES", "(N DECIMAL(38, 0))", "SQL", "TWICE(N) * 2", "of four")]
    run("DROP FUNCTION FOUR_TIMES(NUMBER)")
    run("DROP FUNCTION IF EXISTS FOUR_TIMES(NUMBER)")
    for statement, errno in (
        ("SELECT FOUR_TIMES(1)", 2140),
        ("DROP FUNCTION FOUR_TIMES(NUMBER)", 2003),
        ("DROP FUNCTION TWICE(NUMBER, NUMBER)", 2003),
        ("SELECT TWICE()", 1044),
        ("CREATE FUNCTION TWICE(N NUMBER) RETURNS NUMBER AS 'N'", 2002),
        ("CREATE FUNCTION OTHER(N NUMBER) RETURNS NUMBER AS 'SELECT N'", 2),
        ("CREATE FUNCTION OTHER(N NUMBER) RETURNS NUMBER AS 'N +'", 1003),
    ):
        with pytest.raises(ProgrammingError) as refused:
            run(statement)
        assert refused.value.errno == errno, statement


def test_functions_that_call_each_other_are_an_error(run):
    run("CREATE FUNCTION PING(N NUMBER) RETURNS NUMBER AS 'N'")
    run("CREATE FUNCTION PONG(N NUMBER) RETURNS NUMBER AS 'PING(N)'")
    run("CREATE OR REPLACE FUNCTION PING(N NUMBER) RETURNS NUMBER AS 'PONG(N)'")

    with pytest.raises(ProgrammingError, match="call each other without end"):
        run("SELECT PING(1)")


def test_what_python_functions_can_name_is_what_is_installed(run):
    import numpy as np

    rows = run("SELECT PACKAGE_NAME, VERSION FROM INFORMATION_SCHEMA.PACKAGES WHERE LANGUAGE = 'python'")

    offered = dict(rows)
    assert offered["numpy"] == np.__version__
    assert {"pytorch", "snowflake-snowpark-python"} <= offered.keys()


def test_functions_survive_a_restart_and_their_processes_do_not(tmp_path):
    root = tmp_path / "root"
    (tmp_path / "handler.py").write_text("import os\n\n\ndef answer(n):\n    return os.getpid()\n")
    (tmp_path / "helping.py").write_text("")
    with (
        running_server(root, user=USER, password=PASSWORD) as server,
        open_connection(server, database="TESTS", schema="KEPT") as connection,
    ):
        run = runner(connection)
        run("CREATE STAGE CODE")
        run(f"PUT 'file://{tmp_path}/h*.py' @CODE/v1/ AUTO_COMPRESS = FALSE")
        create(run, "PROCESS", "N NUMBER", "NUMBER", "answer")
        run("CREATE FUNCTION SAME(N NUMBER) RETURNS NUMBER AS 'PROCESS(N)'")
        [(first,)] = run("SELECT SAME(1)")
    assert not is_running(first)

    with (
        running_server(root, user=USER, password=PASSWORD) as server,
        open_connection(server, database="TESTS", schema="KEPT") as connection,
    ):
        run = runner(connection)
        [(second,)] = run("SELECT SAME(1)")
        assert second != first
        # and they are gone with their schema
        run("DROP SCHEMA KEPT")
        run("CREATE SCHEMA KEPT")
        with pytest.raises(ProgrammingError, match="Unknown function"):
            run("SELECT SAME(1)")


def test_a_process_ends_when_nobody_asks_it(tmp_path):
    file = tmp_path / "handler.py"
    file.write_text("import os\n\n\ndef answer(n):\n    return os.getpid()\n")
    key = FunctionKey("A", "B", "PROCESS")
    function = Function(key=key, arguments=(), returns="NUMBER", language="PYTHON", handler="handler.answer")
    processes = FunctionProcesses(idle_s=0.05)
    [process] = processes.call(function, [file], Batch([[1]], {}))

    # it is waited for, however long that takes here
    while is_running(int(process)):
        time.sleep(0.01)
    assert processes.call(function, [file], Batch([[1]], {})) != [process]
    processes.close()
