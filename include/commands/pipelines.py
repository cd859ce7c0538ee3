"""The verb `status`."""

from collections.abc import Sequence
from typing import Any

from include.commands.console import Output
from include.commands.local.instance import LocalInstance
from include.commands.local.state import LocalState
from include.commands.options import AsJson, MaybeName, OfDemo
from include.commands.warehouse_access import open_warehouse
from include.config import BrokenPipeline, PipelineConfig, find_pipelines, load_pipeline_named
from include.errors import CommandError, WarehouseError

_N_SHOWN_ALERTS = 5


def status(
    name: MaybeName = None,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Show what runs, and for each pipeline its champion, what waits, the last drift verdict, and its latest runs."""
    output = Output(as_json=as_json)
    state = LocalState.locate(demo=demo)
    folder = state.pipelines_folder
    pipelines = [load_pipeline_named(name, folder)] if name else list(find_pipelines(folder))
    running: tuple[str, ...] = ()
    if state.exists:
        settings = state.read_settings()
        running = LocalInstance(state, settings, output.say).running()
        output.say(f"running: {', '.join(running) or 'nothing'} ({state.root})")
        output.say(f"Airflow: {settings.airflow_url}")
        output.say(f"mails: {state.mails}")
    described = [_describe(pipeline, state) for pipeline in pipelines]
    for pipeline in described:
        _show(pipeline, output)
    output.result({"running": running, "pipelines": described})


def _describe(pipeline: PipelineConfig | BrokenPipeline, state: LocalState) -> dict[str, Any]:
    if isinstance(pipeline, BrokenPipeline):
        return {"name": pipeline.path.stem, "problem": pipeline.reason}
    from include.drift.checks import latest_check
    from include.registry.status import read_status

    try:
        with open_warehouse(pipeline, state) as warehouse:
            status = read_status(warehouse, pipeline)
            check = latest_check(warehouse)
    except (CommandError, WarehouseError) as error:
        return {"name": pipeline.name, "problem": str(error)}
    champion = status.champion
    return {
        "name": status.name,
        "champion": None
        if champion is None
        else {
            "version": champion.version,
            "since": champion.since,
            "metrics": dict(champion.metrics),
        },
        "published": status.published and status.published.to_json(),
        **status.counts._asdict(),
        "n_pending": status.n_pending,
        "last_check": None
        if check is None
        else {
            "check_id": check.check_id,
            "version": check.version,
            "n_images": check.n_images,
            "verdict": check.verdict,
            "action": check.action,
            "reasons": list(check.reasons),
            "report_path": check.report_path,
            "checked_at": check.checked_at,
        },
        "latest_runs": [run._asdict() for run in status.latest_runs],
        "late_alerts": [alert._asdict() for alert in status.late_alerts],
    }


def _show(pipeline: dict[str, Any], output: Output) -> None:
    output.say("")
    output.say(pipeline["name"], style="bold")
    if "problem" in pipeline:
        output.say(f"  {pipeline['problem']}", style="yellow")
        return
    champion = pipeline["champion"]
    if champion:
        output.say(
            f"  champion   version {champion['version']} since {champion['since']:%Y-%m-%d %H:%M} UTC, "
            f"test accuracy {champion['metrics']['accuracy']:.3f}"
        )
    else:
        output.say(f"  champion   none yet: ./driftgate train {pipeline['name']}")
    if published := pipeline["published"]:
        behind = champion and champion["version"] != published["version"]
        mend = ", not as the champion: the task publish will, clear it if it has failed" if behind else ""
        output.say(f"  SQL        {published['function']} answers as version {published['version']}{mend}")
    output.say(
        f"  images     {pipeline['n_training_images']} for training, {pipeline['n_incoming_images']} incoming, "
        f"{pipeline['n_quarantined']} in quarantine"
    )
    output.say(f"  answers    {pipeline['n_answered']} images answered, {pipeline['n_pending']} pending")
    check = pipeline["last_check"]
    if check:
        output.say(
            f"  drift      {check['verdict']} of version {check['version']}, action {check['action']} "
            f"({check['checked_at']:%Y-%m-%d %H:%M} UTC)"
        )
    for run in pipeline["latest_runs"]:
        output.say(
            f"  {run['kind'].lower():<10} {run['outcome'] or 'has not ended'} ({run['started_at']:%Y-%m-%d %H:%M} UTC)"
        )
    _show_late(pipeline["late_alerts"], output)


def _show_late(alerts: Sequence[dict[str, Any]], output: Output) -> None:
    """Show what people should have been told: the oldest ones, and how many more there are."""
    for alert in alerts[:_N_SHOWN_ALERTS]:
        tried = f"{alert['n_tries']} tries: {alert['error']}" if alert["error"] else "not tried yet"
        output.say(
            f"  not told   {alert['kind']} of {alert['run_id']}, due {alert['due_at']:%Y-%m-%d %H:%M} UTC, {tried}",
            style="yellow",
        )
    if len(alerts) > _N_SHOWN_ALERTS:
        output.say(f"             and {len(alerts) - _N_SHOWN_ALERTS} more in ALERTS", style="yellow")
