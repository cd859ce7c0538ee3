"""A pipeline that nobody has disturbed: what is killed and what is disturbed is compared with the same one.

What these fixtures need takes seconds to import, which most tests here do without.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from include.warehouse.embedded.server import RunningServer, running_server

if TYPE_CHECKING:
    from tests.loop_pipelines import Pipeline


@pytest.fixture(scope="session")
def loop_stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stages' folders: shades of three colours, and in each a file that is no image."""
    from tests.loop_pipelines import put_shades

    folder = tmp_path_factory.mktemp("stages")
    put_shades(folder)
    return folder


@pytest.fixture(scope="session")
def loop_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """An embedded warehouse that soon rolls back what a client that is gone has left open."""
    from tests.loop_pipelines import CONNECTION, IDLE_TRANSACTION_S, PASSWORD, USER, connection_to

    root = tmp_path_factory.mktemp("impatient")
    options = {"user": USER, "password": PASSWORD, "idle_transaction_s": IDLE_TRANSACTION_S}
    with running_server(root, **options) as server, pytest.MonkeyPatch.context() as patched:
        patched.setenv(f"AIRFLOW_CONN_{CONNECTION.upper()}", connection_to(server.port))
        # The connector would look for a cloud around it for 0.2 s, in each of a hundred processes.
        patched.setenv("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
        yield server


@pytest.fixture(scope="session")
def undisturbed(loop_stages: Path, loop_server: RunningServer) -> Iterator["Pipeline"]:
    """A pipeline that has gone through both DAGs once."""
    from tests.child_processes import was_killed
    from tests.loop_pipelines import set_up
    from tests.tasks_in_processes import do_all_tasks

    with set_up("undisturbed", loop_stages) as pipeline:
        folder = loop_stages / "undisturbed"
        assert not was_killed(do_all_tasks, pipeline.config.to_json(), folder, errors=loop_stages / "errors")
        yield pipeline
