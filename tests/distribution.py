"""How the tests are shared out among workers (`pytest -n 2`); each has an Airflow home and a warehouse of its own.

Tests that start Airflow mostly wait for its processes, and two Airflows at once would wait for each other: one worker
takes all of those, at once, while the other ones take the rest file by file.
"""

import pytest
from xdist.scheduler import LoadScopeScheduling

WITH_AIRFLOW = "tests/end_to_end/"
"""They come first, as they take longest: who would begin them last would be waited for."""
WITH_DAGS = "tests/dags/"
WITH_UNDISTURBED = frozenset({"tests/unit/test_killed_tasks.py", "tests/unit/test_disturbed_tasks.py"})
"""They compare with one and the same pipeline, which whoever takes them makes once."""
SHARED_INSTANCE = "instance"
"""The fixture that starts an Airflow which runs until the session ends."""


class ByFile(LoadScopeScheduling):
    """A file's tests stay together, and so do all that start Airflow, and those that share a pipeline."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file.startswith(WITH_AIRFLOW):
            return WITH_AIRFLOW
        return "undisturbed" if file in WITH_UNDISTURBED else file


def place_in_order(item: pytest.Item) -> int:
    """Return where a test comes; tests in the same place keep their order."""
    if item.nodeid.startswith(WITH_AIRFLOW):
        # those with an Airflow of their own first: later the shared one runs beside them
        return 1 if SHARED_INSTANCE in getattr(item, "fixturenames", ()) else 0
    if item.nodeid.startswith(WITH_DAGS):
        return 2
    return 3 if item.get_closest_marker("slow") else 4
