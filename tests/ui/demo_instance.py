"""The instance of the demo, as tests see it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from running_instance import RunningInstance

from include.commands.local.state import LocalState


@dataclass(frozen=True)
class DemoInstance(RunningInstance):
    """The demo's instance, once its story is told."""

    told: str = ""
    """What the command has said of it; empty for a demo that ran before."""

    @property
    def state(self) -> LocalState:
        return LocalState(self.root / "demo", is_demo=True)

    @property
    def pipelines(self) -> Path:
        return self.state.root / "pipelines"

    @property
    def url(self) -> str:
        return self.state.read_settings().airflow_url

    def json(self, *arguments: str) -> Any:
        return super().json(*arguments, "--demo")
