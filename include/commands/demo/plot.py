"""What one demo has of its own: its images, its pipeline, and what happens to them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from include.commands.console import Output
from include.commands.demo.findings import Findings
from include.commands.demo.story import Story
from include.commands.local.state import LocalState, Settings
from include.config_types import STAGE_URL
from include.errors import CommandError

RECIPIENT = "ml-oncall@example.com"


class Plot(ABC):
    """What one demo has of its own."""

    opening: ClassVar[str]
    """What is done with the images before anything starts."""

    @property
    @abstractmethod
    def pipeline(self) -> str:
        """The pipeline's name."""

    @abstractmethod
    def write_inputs(self, state: LocalState, settings: Settings, output: Output) -> dict[str, str]:
        """Write the images of the two stages, and the pipeline file.

        Returns:
            The true class of each new image as far as it is known, by its path.
        """

    @abstractmethod
    def tell(self, story: Story) -> None:
        """Start the runs, one after the other."""

    @abstractmethod
    def draw(self, story: Story, target: Path) -> None:
        """Draw the contact sheet."""

    @abstractmethod
    def moral(self, story: Story) -> str:
        """Return what it came to, in a sentence."""

    def facts(self, story: Story, findings: Findings) -> Mapping[str, Any] | None:
        """Return what the summary says of the data set; None: nothing."""
        del story, findings
        return None

    def next_steps(self, settings: Settings) -> Sequence[str]:
        """Return what one can do now, a line each."""
        del settings
        return ()


def images_folder(state: LocalState) -> Path:
    """Return the folder of the demo's stages: `train` and `new`."""
    return state.root / "images"


def stage_url(folder: Path) -> str:
    """Return the URL of a stage whose files lie in a folder of the demo.

    Raises:
        CommandError: No stage can have it.
    """
    url = f"file://{folder}/"
    if STAGE_URL.fullmatch(url) is None:
        raise CommandError(
            f"{folder} cannot be the folder of a stage, whose path has no spaces, quotes, braces and %: set "
            "DRIFTGATE_STATE to a folder without them"
        )
    return url
