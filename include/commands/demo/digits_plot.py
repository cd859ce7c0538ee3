"""The demo's own story, on scikit-learn's handwritten digits: train, drift, labels, retrain, refuse, roll back."""

from pathlib import Path

import yaml

from include.commands.console import Output
from include.commands.demo.plot import RECIPIENT, Plot, images_folder, stage_url
from include.commands.demo.story import Story, percent
from include.commands.local.digits import N_DIGITS, N_NEW, N_TRAINING, write_batch, write_digits
from include.commands.local.state import LocalState, Settings
from include.config import PROJECT_ROOT

_LAST_BATCH = 200
_TURNED = range(N_TRAINING + N_NEW, N_DIGITS - _LAST_BATCH)
_BOTH_CAMERAS = range(N_DIGITS - _LAST_BATCH, N_DIGITS)


class DigitsPlot(Plot):
    """How a champion comes, drifts, is replaced, is challenged and comes back."""

    opening = "Write handwritten digits as PNG files into two stages"

    @property
    def pipeline(self) -> str:  # noqa: D102
        return "digits"

    def write_inputs(self, state: LocalState, settings: Settings, output: Output) -> dict[str, str]:
        """Write the first pictures, and a pipeline file whose stages are their folders; return the new ones' truth."""
        images = images_folder(state)
        truth = write_digits(images / "train", images / "new").truth
        shipped = PROJECT_ROOT / "pipelines" / f"{self.pipeline}.yaml"
        pipeline = yaml.safe_load(shipped.read_text(encoding="utf-8"))
        pipeline["stages"]["training"]["url"] = stage_url(images / "train")
        pipeline["stages"]["incoming"]["url"] = stage_url(images / "new")
        pipeline["retraining"] = {"mode": "automatic"}
        pipeline["inference"] = {"rescore_on_promotion": "window"}
        pipeline["notify"] = {"emails": [RECIPIENT]}
        pipeline["schedule"] = None
        copy = Path(settings.pipelines) / shipped.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(
            f"# The demo's copy of {shipped}: its stages are folders of the demo, its runs those that it starts.\n"
            + yaml.safe_dump(pipeline, sort_keys=False),
            encoding="utf-8",
        )
        output.say(f"{N_TRAINING} to train on, {len(truth)} to classify, in {images}")
        return truth

    def tell(self, story: Story) -> None:  # noqa: D102
        new = images_folder(story.state) / "new"
        story.train("train", "Train on the labelled images: the first champion", reason="the demo's first model")
        story.infer("infer", f"Classify {N_NEW} new images, which look like those of the training")

        story.deliver(
            "drift",
            f"One of the two cameras is turned by 90°: {len(_TURNED)} of its images arrive",
            lambda: write_batch(new, _TURNED, is_turned=lambda _: True),
        )
        story.label("labels", "People label those images (rows of LABELS): the next check asks for a retraining")
        story.follow_retraining("retrain", "The training that the check has started: the better champion")
        story.deliver(
            "cured",
            f"The next {_LAST_BATCH} images of both cameras arrive; the new champion answers the drifted ones, too",
            lambda: write_batch(new, _BOTH_CAMERAS, is_turned=lambda position: position % 2 == 1),
        )
        story.train(
            "refused",
            "Through the trigger form: a challenger trained on 2 % of the images",
            downsample_to=0.02,
            reason="would a fiftieth of the images do?",
        )
        story.roll_back(
            "rollback", "Roll back to the former champion: its answers show again", reason="to show how it is"
        )
        story.follow_rescoring(
            "rescored", "The run that the rollback has started answers the images that are left", rollback="rollback"
        )

    def draw(self, story: Story, target: Path) -> None:
        """Draw the answers of the version that was best at them, before the rollback took them back."""
        from include.commands.local.contact_sheet import AnsweredImage, draw_contact_sheet

        images = [
            AnsweredImage(
                path=images_folder(story.state) / "new" / answer.relative_path,
                answer=answer.type,
                confidence=answer.confidence,
                truth=story.truth[answer.relative_path],
            )
            for answer in story.delivered_answers
        ]
        share = sum(not image.is_wrong for image in images) / max(1, len(images))
        title = (
            f"{len(images)} new digits after the retraining, {share:.1%} right; wrong ones and least confident first"
        )
        draw_contact_sheet(images, target, title=title)

    def moral(self, story: Story) -> str:  # noqa: D102
        before, after = (percent(story.chapter(step).turned_accuracy) for step in ("drift", "cured"))
        return f"of the turned camera's images {before} were right before the retraining, {after} after it"
