"""The story on a user's images: train, classify the new ones, and see what the check says when a camera is turned."""

import random
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from include.commands.console import Output, printable
from include.commands.demo.findings import Answer, Findings
from include.commands.demo.folder import ImageFolder, read_image_folder
from include.commands.demo.plot import RECIPIENT, Plot, images_folder, stage_url
from include.commands.demo.stages import place_images, place_turned
from include.commands.demo.story import Story, percent
from include.commands.demo.written_file import pipeline_text
from include.commands.local.digits import TURNED_FOLDER
from include.commands.local.state import LocalState, Settings
from include.commands.new.machine import this_machine
from include.commands.new.names import pipeline_name
from include.config import PROJECT_ROOT, pipelines_folder
from include.errors import CommandError

_MAX_TURNED = 400
"""Enough for a verdict."""
_SEED = 0
_DETAIL = 3
"""How many times larger than the model's input a turned copy is, so that the copying costs no detail."""


@dataclass(frozen=True)
class OwnImagesPlot(Plot):
    """How a champion comes, answers, and is found to be lost when a camera is turned.

    Args:
        folder: The user's folder.
        kept: Where the pipeline files of the main instance are, for which the one of the demo may be kept.
    """

    opening = "Read the images, make them files of two stages, and write a pipeline file that fits them"

    folder: ImageFolder
    kept: Path

    @classmethod
    def read(cls, root: Path, *, state: LocalState) -> "OwnImagesPlot":
        """Read a user's folder.

        Raises:
            CommandError: It cannot be used.
        """
        try:
            root = root.expanduser().resolve()  # a shell leaves the tilde of DATASET=~/pictures
            if root.is_relative_to(state.root.resolve()):
                raise CommandError(f"{root} lies in {state.root}, which the demo empties first: copy it elsewhere")
            return cls(read_image_folder(root), kept=pipelines_folder())
        except (OSError, RuntimeError) as error:  # no right to read it; links in a circle, the home of nobody
            raise CommandError(f"{printable(str(root))} cannot be read: {printable(str(error))}") from error

    @property
    def pipeline(self) -> str:  # noqa: D102
        return pipeline_name(self.folder.root)

    def write_inputs(self, state: LocalState, settings: Settings, output: Output) -> dict[str, str]:
        """Place the images in the stages' folders, and write the pipeline file; return the new ones' truth."""
        folder, images = self.folder, images_folder(state)
        n_copied = place_images(folder.training, images / "train") + place_images(folder.new, images / "new")
        file = self.pipeline_file(settings)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            pipeline_text(
                folder,
                training_url=stage_url(images / "train"),
                incoming_url=stage_url(images / "new"),
                recipient=RECIPIENT,
                machine=this_machine(),
            ),
            encoding="utf-8",
        )
        held_back = ", a fifth of each class that is held back" if folder.is_held_back else ""
        output.say(
            f"{len(folder.training):,} images of {len(folder.n_by_class)} classes to train on, "
            f"{len(folder.new):,} to classify{held_back}"
        )
        if folder.n_left_out:
            output.say(f"left out: {folder.n_left_out:,} (no images, in no class, or not to be opened)")
        placed = f"{n_copied:,} of them copied" if n_copied else "hard links, which take no room"
        output.say(f"in {images} ({placed}); {printable(str(folder.root))} stays as it is")
        output.say(f"pipeline file: {file}")
        return folder.truth

    def pipeline_file(self, settings: Settings) -> Path:
        """Return where the pipeline file is."""
        return Path(settings.pipelines) / f"{self.pipeline}.yaml"

    def tell(self, story: Story) -> None:
        """Train, classify, and let turned copies arrive.

        Raises:
            CommandError: The gate has refused the first model.
        """
        n_training, n_new = len(self.folder.training), len(self.folder.new)
        story.train(
            "train",
            f"Train on the {n_training:,} labelled images: the first champion",
            reason=f"the first model of {self.pipeline}",
        )
        trained = story.chapter("train")
        if trained.champion is None:
            raise CommandError(
                f"the first model has learnt too little from these images ({trained.outcome}): add images, or lower "
                f"gate.min_accuracy in {self.pipeline_file(story.state.read_settings())} and run "
                f"./driftgate train {self.pipeline} --demo"
            )
        story.infer("infer", f"Classify the {n_new:,} new images")
        self._say_accuracy(story)
        n_turned = min(n_new, _MAX_TURNED)
        story.deliver(
            "drift",
            f"The camera is turned by 90°: {n_turned:,} of the new images arrive once more, turned",
            lambda: self._deliver_turned(story),
        )

    def _say_accuracy(self, story: Story) -> None:
        share = story.chapter("infer").upright_accuracy
        if share is None:
            story.output.say("→ how many are right is not known: no new image lies in a folder with a class's name")
        else:
            story.output.say(f"→ {percent(share)} of the {len(story.truth):,} whose folder names their class are right")

    def _deliver_turned(self, story: Story) -> dict[str, str]:
        """Write turned copies of new images into the incoming stage; return their truth."""
        images = random.Random(_SEED).sample(self.folder.new, min(len(self.folder.new), _MAX_TURNED))  # noqa: S311
        turned = place_turned(
            images,
            images_folder(story.state) / "new",
            name=lambda position: f"{TURNED_FOLDER}/{position:04d}.jpg",
            longest_side=_DETAIL * story.config.preprocessing.size,
        )
        truth = self.folder.truth
        return {path: truth[original] for path, original in turned.items() if original in truth}

    def draw(self, story: Story, target: Path) -> None:
        """Draw new images and turned ones; of the new ones those first that are wrong or that are least certain."""
        from include.commands.local.contact_sheet import PHOTOS, Band, draw_bands, evenly, worst_first

        answers = story.delivered_answers
        new = [self._answered(story, answer) for answer in answers if not answer.is_of_turned_camera]
        turned = [self._answered(story, answer) for answer in answers if answer.is_of_turned_camera]
        worst = worst_first(new)[: PHOTOS.n_in_section]
        rest = [image for image in new if image not in worst]
        right, still_right = (
            "" if share is None else f", {percent(share)} right"
            for share in (story.chapter("drift").upright_accuracy, story.chapter("drift").turned_accuracy)
        )
        bands = (
            Band("wrong, and least certain" if story.truth else "least certain", worst),
            Band("others", evenly(rest, PHOTOS.n_in_section)),
            Band(f"turned by 90°{still_right}", evenly(turned, PHOTOS.n_in_section)),
        )
        draw_bands(bands, target, title=f"{self.pipeline}: {len(new):,} new images{right}", layout=PHOTOS)

    def _answered(self, story: Story, answer: Answer) -> Any:
        from include.commands.local.contact_sheet import AnsweredImage

        return AnsweredImage(
            path=images_folder(story.state) / "new" / answer.relative_path,
            answer=printable(answer.type),
            confidence=answer.confidence,
            truth=printable(story.truth[answer.relative_path]) if answer.relative_path in story.truth else None,
        )

    def moral(self, story: Story) -> str:  # noqa: D102
        new, turned = story.chapter("infer"), story.chapter("drift")
        right, still_right = (
            "" if share is None else f" ({percent(share)} right)"
            for share in (new.upright_accuracy, turned.turned_accuracy)
        )
        return (
            f"the check says {new.verdict} of the new images{right}, {turned.verdict} of the turned ones{still_right}"
        )

    def facts(self, story: Story, findings: Findings) -> Mapping[str, Any]:  # noqa: D102
        runs = story.runs
        return {
            "name": self.pipeline,
            "n_classes": len(self.folder.n_by_class),
            "n_train": len(self.folder.training),
            "n_new": len(self.folder.new),
            "is_held_back": self.folder.is_held_back,
            "n_left_out": self.folder.n_left_out,
            "n_quarantined": len(findings.quarantine),
            "test_accuracy": findings.versions[0].accuracy,
            "new_accuracy": story.chapter("infer").upright_accuracy,
            "train_seconds": sum(task.seconds or 0 for task in runs["train"].tasks if task.task_id == "train"),
            "inference_seconds": runs["infer"].run.seconds,
        }

    def next_steps(self, settings: Settings) -> Sequence[str]:  # noqa: D102
        file, kept = self.pipeline_file(settings), self.kept / f"{self.pipeline}.yaml"
        shown = kept.relative_to(PROJECT_ROOT) if kept.is_relative_to(PROJECT_ROOT) else kept
        there = "  # there is one already: give this one another name, in the file, too" if kept.exists() else ""
        return (
            "",
            "To keep this classifier as your own:",
            f"  cp {shlex.quote(str(file))} {shlex.quote(str(shown))}{there}",
            "  change the lines marked with <-- in it: where your images are, who is told, when it runs",
            f"  ./driftgate up && ./driftgate setup {self.pipeline} && ./driftgate train {self.pipeline}",
        )
