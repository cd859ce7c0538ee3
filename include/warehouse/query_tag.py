"""What each statement carries, so that Snowflake's query history can tell whose it was: the session's QUERY_TAG."""

import json
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class QueryTag:
    """Whose statements a session runs."""

    pipeline: str
    """The pipeline's name."""
    run: str | None = None
    """The run's id in RUNS; none for the command."""
    task: str | None = None
    """The task in that run, with its map index in square brackets if it is mapped."""

    def to_json(self) -> str:
        """Return the tag as compact JSON; Snowflake takes 2,000 characters, Airflow's ids have at most 250 each."""
        named = {"driftgate": self.pipeline, "run": self.run, "task": self.task}
        present = {name: value for name, value in named.items() if value is not None}
        return json.dumps(present, separators=(",", ":"), ensure_ascii=False)
