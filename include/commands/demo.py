"""The verb `demo`: the whole way, from pictures to answers, on this machine and in a state of its own."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from rich.table import Table

from include.commands.access import open_airflow
from include.commands.console import Output
from include.commands.follow import FollowedRun
from include.commands.lifecycle import release_dags, show_addresses
from include.commands.local.contact_sheet import AnsweredImage, draw_contact_sheet
from include.commands.local.digits import WrittenDigits, write_digits
from include.commands.local.instance import LocalInstance
from include.commands.local.state import LocalState, Settings
from include.commands.options import AirflowPort, AsJson, Verbose, WarehousePort
from include.commands.pipelines import set_up
from include.commands.runs import described, run_dag
from include.commands.warehouse_access import open_warehouse
from include.config import PROJECT_ROOT, load_pipeline_named

PIPELINE = "digits"
_ANSWERS = "demo/select_answers"
_SHOWN_ROWS = 8


class Answer(NamedTuple):
    """A row of CURRENT_PREDICTIONS."""

    relative_path: str
    type: str
    confidence: float
    version: int
    pred_timestamp: datetime


@dataclass
class _Stopwatch:
    """Says and keeps how long each step took."""

    output: Output
    seconds: dict[str, float] = field(default_factory=dict)
    _begun: float = field(default_factory=time.monotonic)

    @property
    def total(self) -> float:
        """The seconds since the beginning."""
        return time.monotonic() - self._begun

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[None]:
        """Say that a step begins, and keep how long it took."""
        started = time.monotonic()
        self.output.say(f"\n[{self.total:5.1f} s] {title}", style="bold")
        yield
        self.seconds[name] = round(time.monotonic() - started, 2)


def demo(
    airflow_port: AirflowPort = None,
    warehouse_port: WarehousePort = None,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Train on scikit-learn's handwritten digits, classify new ones, and show the answers.

    It has an instance of its own in .local/demo, which it wipes first, and leaves everything running:
    `./driftgate status --demo` asks it, `make down` ends it.
    """
    output = Output(as_json=as_json)
    state = LocalState.locate(demo=True)
    stopwatch = _Stopwatch(output)

    with stopwatch.step("pictures", "Write 1,797 handwritten digits as PNG files into two stages"):
        settings = _fresh_settings(state, output, airflow_port=airflow_port, warehouse_port=warehouse_port)
        digits = _write_inputs(state, settings)
        output.say(f"{digits.n_training} to train on, {len(digits.truth)} to classify, in {state.root / 'images'}")
    with stopwatch.step("start", "Start the embedded warehouse and Airflow"):
        LocalInstance(state, settings, output.say).up()
    with stopwatch.step("setup", "Set the pipeline up in the warehouse"):
        config = set_up(PIPELINE, state)
        output.say(f"schema, stages, tables and views are in {config.warehouse.database}.{config.schema_name}")
        with open_airflow(state) as api:
            release_dags(api, Path(settings.pipelines), output)
    with stopwatch.step("train", "Train, evaluate and promote"):
        training = run_dag("training", PIPELINE, {"reason": "the demo"}, state=state, output=output, verbose=verbose)
    with stopwatch.step("infer", "Classify the new images and write the answers back"):
        inference = run_dag("inference", PIPELINE, {}, state=state, output=output, verbose=verbose)
    with stopwatch.step("answers", "Read the answers, as SQL"):
        answers, test_accuracy = _read_answers(state)
        _show_answers(answers, output)
        new_accuracy = _accuracy(answers, digits)
        sheet = _draw(answers, digits, state, accuracy=new_accuracy)
        output.say(f"contact sheet: {sheet}")

    summary = {
        "versions": sorted({answer.version for answer in answers}),
        "accuracies": {"test": test_accuracy, "new_images": new_accuracy},
        "predictions": len(answers),
        "outcome": training.outcome,
        "tasks": {kind: described(run)["tasks"] for kind, run in (("training", training), ("inference", inference))},
        "hop_seconds": {"training": _hop_seconds(training), "inference": _hop_seconds(inference)},
        "seconds": {**stopwatch.seconds, "total": round(stopwatch.total, 2)},
    }
    (state.root / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    _say_goodbye(summary, state, settings, output)
    output.result(summary)


def _fresh_settings(
    state: LocalState, output: Output, *, airflow_port: int | None, warehouse_port: int | None
) -> Settings:
    """End what runs of an earlier demo, remove what it left, and return this one's settings."""
    stopped = LocalInstance(state, state.read_settings(), output.say).down()
    if stopped:
        output.say(f"ended the demo that still ran ({', '.join(stopped)})")
    settings = state.read_settings().with_choices(airflow_port=airflow_port, warehouse_port=warehouse_port)
    LocalInstance(state, settings, output.say).refuse_taken_ports()
    with state.locked():
        state.wipe()
    return settings


def _write_inputs(state: LocalState, settings: Settings) -> WrittenDigits:
    """Write the pictures, and a pipeline file whose stages are their folders."""
    images = state.root / "images"
    digits = write_digits(images / "train", images / "new")
    (state.root / "truth.json").write_text(json.dumps(digits.truth, indent=2), encoding="utf-8")
    shipped = PROJECT_ROOT / "pipelines" / f"{PIPELINE}.yaml"
    pipeline = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    pipeline["stages"]["training"]["url"] = f"file://{images / 'train'}/"
    pipeline["stages"]["incoming"]["url"] = f"file://{images / 'new'}/"
    copy = Path(settings.pipelines) / shipped.name
    copy.parent.mkdir(parents=True, exist_ok=True)
    copy.write_text(
        f"# The demo's copy of {shipped}: its stages are folders of the demo.\n"
        + yaml.safe_dump(pipeline, sort_keys=False),
        encoding="utf-8",
    )
    return digits


def _hop_seconds(followed: FollowedRun) -> float:
    """Return how long it took from the end of a task to the beginning of the next one, on average over a run.

    The demo's runs have one task at a time, so it is the run's time that no task was running.
    """
    ran = [task.seconds for task in followed.tasks if task.seconds]
    return round(max(0.0, (followed.run.seconds or 0.0) - sum(ran)) / max(1, len(ran)), 3)


def _read_answers(state: LocalState) -> tuple[list[Answer], float]:
    """Return the answers, and the champion's accuracy on its test images."""
    from include.registry.ledger import read_champion

    config = load_pipeline_named(PIPELINE, Path(state.read_settings().pipelines))
    with open_warehouse(config, state) as warehouse:
        champion = read_champion(warehouse)
        answers = warehouse.fetch(_ANSWERS, Answer)
    return answers, float(champion.metrics["accuracy"]) if champion else 0.0


def _show_answers(answers: list[Answer], output: Output) -> None:
    output.say((PROJECT_ROOT / "include" / "sql" / f"{_ANSWERS}.sql").read_text(encoding="utf-8").strip())
    table = Table(*(name.upper() for name in Answer._fields))
    for answer in answers[:_SHOWN_ROWS]:
        table.add_row(
            answer.relative_path,
            answer.type,
            f"{answer.confidence:.4f}",
            str(answer.version),
            f"{answer.pred_timestamp:%Y-%m-%d %H:%M:%S}",
        )
    output.table(table)
    output.say(f"{len(answers)} rows, the first {min(len(answers), _SHOWN_ROWS)} are shown")


def _accuracy(answers: list[Answer], digits: WrittenDigits) -> float:
    """Return the share of the new images whose answer is right; one without an answer is not."""
    return sum(digits.truth[answer.relative_path] == answer.type for answer in answers) / len(digits.truth)


def _draw(answers: list[Answer], digits: WrittenDigits, state: LocalState, *, accuracy: float) -> Path:
    target = state.root / "contact_sheet.png"
    images = [
        AnsweredImage(
            path=state.root / "images" / "new" / answer.relative_path,
            answer=answer.type,
            confidence=answer.confidence,
            truth=digits.truth[answer.relative_path],
        )
        for answer in answers
    ]
    draw_contact_sheet(
        images, target, title=f"{len(images)} new digits, {accuracy:.1%} right; wrong ones and least confident first"
    )
    return target


def _say_goodbye(summary: dict[str, Any], state: LocalState, settings: Settings, output: Output) -> None:
    accuracies = summary["accuracies"]
    output.say(
        f"\n[{summary['seconds']['total']:5.1f} s] Done: test accuracy {accuracies['test']:.3f}, "
        f"{accuracies['new_images']:.3f} on {summary['predictions']} new images",
        style="bold green",
    )
    show_addresses(state, settings, output)
    output.say(f"summary    {state.root / 'summary.json'}")
    output.say("Everything stays running: ./driftgate status --demo asks it, make down ends it.")
