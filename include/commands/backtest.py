"""The verb `backtest`: what a policy would have done with the answers of the past. It asks the warehouse itself."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from include.commands.console import Output, Step
from include.commands.local.state import LocalState
from include.commands.options import AsJson, Name, OfDemo
from include.commands.warehouse_access import open_warehouse, pipeline_named
from include.config import PipelineConfig, load_policy

if TYPE_CHECKING:  # half a second to import
    from include.drift.backtest.backtest import Backtest, Detection, PolicyOutcome

_DAY_OR_MINUTE = ["%Y-%m-%d", "%Y-%m-%dT%H:%M"]
_SECONDS_BETWEEN_LINES = 5.0

TODAY, PROPOSED = "today", "proposed"
"""The names of the two policies."""


def backtest(  # noqa: PLR0917  typer calls it, by name
    name: Name,
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A YAML file with parts drift, promotion, retraining and images; what it leaves out is as today.",
        ),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=_DAY_OR_MINUTE, metavar="TIME", help="Leave out answers before this time (UTC)."),
    ] = None,
    onset: Annotated[
        datetime | None,
        typer.Option(
            formats=_DAY_OR_MINUTE,
            metavar="TIME",
            help="When the images changed (UTC), as 2026-03-01 or 2026-03-01T09:30; by default as labels show.",
        ),
    ] = None,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Replay the stored answers through today's policy and a proposed one.

    It shows side by side how often each would have alarmed, asked for
    retraining or labels and rolled back, and how soon after the images
    changed. Nothing is trained, sent or rolled back; the back-test is a
    row of RUNS.

    A policy file holds those parts of a pipeline file that are to change:

      drift: {window: 500, false_alarm_rate: 0.001}
      retraining: {cooldown_hours: 72}
    """
    output = Output(as_json=as_json)
    state = LocalState.locate(demo=demo)
    config = pipeline_named(name, state)
    policies = {TODAY: config}
    if policy is not None:
        policies[PROPOSED] = load_policy(policy, config)
    with open_warehouse(config, state) as warehouse:
        from include.drift.backtest.backtest import backtest as replay_policies
        from include.drift.backtest.runs import record_backtest

        with output.progress("windows") as step:
            done = replay_policies(
                warehouse, policies, since=_in_utc(since), onset=_in_utc(onset), tell=_Progress(output, step).tell
            )
        run_id = record_backtest(
            warehouse,
            policies.get(PROPOSED, config),
            outcome=done.sentence,
            reason=f"the policy of {policy.name}" if policy else "the policy of the pipeline file",
        )
    _show(done, config, output)
    output.say(f"the back-test in RUNS: {run_id}")
    output.result({"name": config.name, "run_id": run_id, **_as_json(done)})


class _Progress:
    """Says how far it is, if it takes long."""

    def __init__(self, output: Output, step: Step) -> None:
        self._output = output
        self._step = step
        self._told_at = time.monotonic()

    def tell(self, policy: str, n_done: int, n_windows: int) -> None:
        """Show it; where nobody watches, say it, unless that was said a moment ago."""
        self._step.show(n_done, n_windows)
        if self._output.is_watched:
            return
        if time.monotonic() - self._told_at >= _SECONDS_BETWEEN_LINES and n_done < n_windows:
            self._told_at = time.monotonic()
            self._output.say(f"policy of {policy}: {n_done:,} of {n_windows:,} windows measured")


def _in_utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at else None


def _show(done: "Backtest", config: PipelineConfig, output: Output) -> None:
    outcomes = list(done.policies.values())
    table = Table(config.name, box=None, pad_edge=False)
    for policy in done.policies:
        table.add_column(policy, justify="right")
    for title, cells in _rows(outcomes, done):
        table.add_row(title, *cells)
    output.table(table)
    for note in _notes(done, config):
        output.say(note)


def _rows(outcomes: list["PolicyOutcome"], done: "Backtest") -> list[tuple[str, list[str]]]:
    verdicts = sorted({verdict for outcome in outcomes for verdict in outcome.alarms_by_verdict})
    rows = [
        ("answers in a window", [f"{outcome.window_size:,}" for outcome in outcomes]),
        ("windows", [f"{outcome.n_windows:,}" for outcome in outcomes]),
        ("alarms", [f"{len(outcome.alarms):,}" for outcome in outcomes]),
        *((f"  {verdict}", [f"{of.alarms_by_verdict.get(verdict, 0):,}" for of in outcomes]) for verdict in verdicts),
        ("not confirmed by another window", [f"{outcome.n_unconfirmed:,}" for outcome in outcomes]),
        ("retrainings asked for", [f"{outcome.count('REQUEST_RETRAINING'):,}" for outcome in outcomes]),
        ("rollbacks", [f"{outcome.count('ROLL_BACK'):,}" for outcome in outcomes]),
        ("label requests", [f"{outcome.count('REQUEST_LABELS'):,}" for outcome in outcomes]),
        ("runs stopped by undecodable images", [f"{outcome.n_stopped_runs:,}" for outcome in outcomes]),
    ]
    if done.onset is not None:
        rows.append(("detection delay", [_delay(outcome.detection) for outcome in outcomes]))
        after = [outcome.detection.n_windows if outcome.detection else "none" for outcome in outcomes]
        rows.append(
            ("  windows", [f"{n} of {of.n_windows_after_onset}" for n, of in zip(after, outcomes, strict=True)])
        )
        rows.append(
            ("  answers", [f"{outcome.detection.n_answers:,}" if outcome.detection else "-" for outcome in outcomes])
        )
    return rows


def _notes(done: "Backtest", config: PipelineConfig) -> list[str]:
    """Say what the figures rest on, and what the past cannot tell."""
    notes = []
    outcomes = done.policies.values()
    started = [outcome.started_at for outcome in outcomes if outcome.started_at]
    ended = [outcome.ended_at for outcome in outcomes if outcome.ended_at]
    if not started:
        return [f"no window is full: the past of {config.name} holds too few answers of a champion"]
    notes.append(
        f"replayed: {min(started):%Y-%m-%d %H:%M} to {max(ended):%Y-%m-%d %H:%M} UTC, "
        f"{done.n_champions} {'promotion or rollback' if done.n_champions == 1 else 'promotions and rollbacks'}"
    )
    notes.append(done.onset.known_by if done.onset else "no known onset: no labels show one, and --onset was not given")
    for policy, outcome in done.policies.items():
        if outcome.n_left_out:
            notes.append(f"policy of {policy}: {outcome.n_left_out:,} earlier windows were left out")
        if outcome.n_unasked:
            notes.append(
                f"policy of {policy}: in {outcome.n_unasked} windows of DATA_DRIFT there is nobody to ask, as no "
                "answers of the version before are stored: some may be MODEL_REGRESSION, and roll back"
            )
    notes.append(
        "where a policy would have trained or rolled back, the replay goes on with the champion that there was"
    )
    return notes


def _delay(detection: "Detection | None") -> str:
    return "not detected" if detection is None else _duration(detection.after)


def _duration(time_: timedelta) -> str:
    hours = time_ / timedelta(hours=1)
    if hours >= 48:
        return f"{hours / 24:.1f} days"
    return f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.0f} minutes"


def _as_json(done: "Backtest") -> Mapping[str, Any]:
    policies = {}
    for policy, outcome in done.policies.items():
        detection = outcome.detection
        policies[policy] = asdict(outcome) | {
            "n_alarms": len(outcome.alarms),
            "alarms": [alarm._asdict() for alarm in outcome.alarms],
            "alarms_by_verdict": dict(outcome.alarms_by_verdict),
            "n_retrainings": outcome.count("REQUEST_RETRAINING"),
            "n_rollbacks": outcome.count("ROLL_BACK"),
            "n_label_requests": outcome.count("REQUEST_LABELS"),
            "detection": None
            if detection is None
            else {
                "hours": detection.after / timedelta(hours=1),
                "n_windows": detection.n_windows,
                "n_answers": detection.n_answers,
                "verdict": detection.verdict,
            },
        }
    onset = None if done.onset is None else {"at": done.onset.at.isoformat(), "known_by": done.onset.known_by}
    return {"onset": onset, "n_champions": done.n_champions, "policies": policies}
