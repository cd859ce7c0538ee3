"""The verb `demo`: how a champion comes, drifts, is replaced, is challenged and comes back, in one run."""

from pathlib import Path

import yaml

from include.commands.access import open_airflow
from include.commands.console import Output
from include.commands.demo.findings import show_answers, show_ledger
from include.commands.demo.stopwatch import Stopwatch
from include.commands.demo.story import Story, percent
from include.commands.demo.summary import summarise
from include.commands.lifecycle import release_dags, show_addresses
from include.commands.local.contact_sheet import AnsweredImage, draw_contact_sheet
from include.commands.local.digits import N_DIGITS, N_NEW, N_TRAINING, write_batch, write_digits
from include.commands.local.instance import LocalInstance
from include.commands.local.mails import read_mails
from include.commands.local.state import LocalState, Settings
from include.commands.options import AirflowPort, AsJson, MailPort, Verbose, WarehousePort
from include.commands.pipelines import set_up
from include.config import PROJECT_ROOT

PIPELINE = "digits"
_LAST_BATCH = 200
_TURNED = range(N_TRAINING + N_NEW, N_DIGITS - _LAST_BATCH)
_BOTH_CAMERAS = range(N_DIGITS - _LAST_BATCH, N_DIGITS)
_RECIPIENT = "ml-oncall@example.com"


def demo(
    airflow_port: AirflowPort = None,
    warehouse_port: WarehousePort = None,
    mail_port: MailPort = None,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Tell the whole story on scikit-learn's handwritten digits: train, classify, drift, retrain, refuse, roll back.

    It has an instance of its own in .local/demo, which it wipes first, and leaves everything running:
    `./driftgate status --demo` asks it, `make down` ends it.
    """
    output = Output(as_json=as_json)
    state = LocalState.locate(demo=True)
    stopwatch = Stopwatch(output)

    with stopwatch.step("pictures", "Write handwritten digits as PNG files into two stages"):
        settings = _fresh_settings(
            state, output, airflow_port=airflow_port, warehouse_port=warehouse_port, mail_port=mail_port
        )
        truth = _write_inputs(state, settings)
        output.say(f"{N_TRAINING} to train on, {len(truth)} to classify, in {_images(state)}")
    with stopwatch.step("start", "Start the embedded warehouse, a mail catcher and Airflow"):
        LocalInstance(state, settings, output.say).up()
    with stopwatch.step("setup", "Set the pipeline up in the warehouse"):
        config = set_up(PIPELINE, state)
        output.say(f"schema, stages, tables and views are in {config.warehouse.database}.{config.schema_name}")
        with open_airflow(state) as api:
            release_dags(api, Path(settings.pipelines), output)

    story = Story(state=state, config=config, output=output, stopwatch=stopwatch, truth=truth, verbose=verbose)
    _tell(story)
    with stopwatch.step("answers", "Read the answers, as SQL"):
        findings = story.findings()
        show_answers(findings.answers, output)
        sheet = _draw(story)
        output.say(f"contact sheet: {sheet}")
    show_ledger(findings.ledger, output)
    story.show_chapters()
    summary = summarise(story, findings, mails=read_mails(state.mails))
    summary.write(state.root / "summary.json")
    summary.show_mails(output)
    _say_goodbye(story, state, settings)
    output.result(summary.as_json())


def _tell(story: Story) -> None:
    new = _images(story.state) / "new"
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
        f"The next {_LAST_BATCH} images of both cameras arrive; the new champion also answers the drifted ones anew",
        lambda: write_batch(new, _BOTH_CAMERAS, is_turned=lambda position: position % 2 == 1),
    )
    story.train(
        "refused",
        "Through the trigger form: a challenger trained on 2 % of the images",
        downsample_to=0.02,
        reason="would a fiftieth of the images do?",
    )
    story.roll_back("rollback", "Roll back to the former champion: its answers show again", reason="to show how it is")


def _fresh_settings(
    state: LocalState,
    output: Output,
    *,
    airflow_port: int | None,
    warehouse_port: int | None,
    mail_port: int | None,
) -> Settings:
    """End what runs of an earlier demo, remove what it left, and return this one's settings."""
    stopped = LocalInstance(state, state.read_settings(), output.say).down()
    if stopped:
        output.say(f"ended the demo that still ran ({', '.join(stopped)})")
    settings = state.read_settings().with_choices(
        airflow_port=airflow_port, warehouse_port=warehouse_port, mail_port=mail_port
    )
    LocalInstance(state, settings, output.say).refuse_taken_ports()
    with state.locked():
        state.wipe()
    return settings


def _images(state: LocalState) -> Path:
    return state.root / "images"


def _write_inputs(state: LocalState, settings: Settings) -> dict[str, str]:
    """Write the first pictures, and a pipeline file whose stages are their folders; return the new ones' truth."""
    images = _images(state)
    digits = write_digits(images / "train", images / "new")
    shipped = PROJECT_ROOT / "pipelines" / f"{PIPELINE}.yaml"
    pipeline = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    pipeline["stages"]["training"]["url"] = f"file://{images / 'train'}/"
    pipeline["stages"]["incoming"]["url"] = f"file://{images / 'new'}/"
    pipeline["retraining"] = {"mode": "automatic"}
    pipeline["inference"] = {"rescore_on_promotion": "window"}
    pipeline["notify"] = {"emails": [_RECIPIENT]}
    pipeline["schedule"] = None
    copy = Path(settings.pipelines) / shipped.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(
        f"# The demo's copy of {shipped}: its stages are folders of the demo, its runs those that the demo starts.\n"
        + yaml.safe_dump(pipeline, sort_keys=False),
        encoding="utf-8",
    )
    return digits.truth


def _draw(story: Story) -> Path:
    """Draw the answers of the version that was best at them, before the rollback took them back."""
    target = story.state.root / "contact_sheet.png"
    images = [
        AnsweredImage(
            path=_images(story.state) / "new" / answer.relative_path,
            answer=answer.type,
            confidence=answer.confidence,
            truth=story.truth[answer.relative_path],
        )
        for answer in story.cured_answers
    ]
    share = sum(not image.is_wrong for image in images) / max(1, len(images))
    title = f"{len(images)} new digits after the retraining, {share:.1%} right; wrong ones and least confident first"
    draw_contact_sheet(images, target, title=title)
    return target


def _say_goodbye(story: Story, state: LocalState, settings: Settings) -> None:
    output = story.output
    before, after = (percent(story.chapter(step).turned_accuracy) for step in ("drift", "cured"))
    output.say(
        f"\n[{story.stopwatch.total:5.1f} s] Done: of the turned camera's images {before} were right before the "
        f"retraining, {after} after it",
        style="bold green",
    )
    show_addresses(state, settings, output)
    output.say(f"reports    {state.store / PIPELINE / 'reports'}")
    output.say(f"summary    {state.root / 'summary.json'}")
    output.say("Everything stays running: ./driftgate status --demo asks it, make down ends it.")
