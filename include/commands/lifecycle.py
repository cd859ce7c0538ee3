"""The verbs `up` and `down`."""

import time
from pathlib import Path
from typing import Annotated

import typer

from include.commands.access import open_airflow
from include.commands.airflow_api import DAG_PATIENCE_S, AirflowApi
from include.commands.console import Output
from include.commands.local.instance import COMPONENTS, LocalInstance
from include.commands.local.state import ADMIN, LocalState, Settings
from include.commands.options import AirflowPort, AsJson, MailPort, OfDemo, WarehousePort
from include.config import BrokenPipeline, PipelineConfig, find_pipelines
from include.errors import CommandError

_POLL_S = 0.5
DAG_KINDS = ("training", "inference", "rollback", "reproduce", "alerts")
"""What the names of a pipeline's DAGs end with."""


def up(
    airflow_port: AirflowPort = None,
    warehouse_port: WarehousePort = None,
    mail_port: MailPort = None,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Start the embedded warehouse, a mail catcher and Airflow, and let the DAGs run.

    A second time, it says that they run. Everything is kept below .local (or
    DRIFTGATE_STATE); a generated password guards Airflow. `./driftgate down`
    ends what this started.
    """
    output = Output(as_json=as_json)
    state = LocalState.locate(demo=demo)
    settings = state.read_settings().with_choices(
        airflow_port=airflow_port, warehouse_port=warehouse_port, mail_port=mail_port
    )
    instance = LocalInstance(state, settings, output.say)
    if set(instance.running()) != set(COMPONENTS):
        output.say("starting the embedded warehouse, a mail catcher and Airflow")
    with output.progress("until everything is ready"):
        started = instance.up()
    if not started:
        output.say("everything runs already")
    with open_airflow(state) as api:
        release_dags(api, Path(settings.pipelines), output)
    show_addresses(state, settings, output)
    output.result(
        {
            "started": started,
            "running": instance.running(),
            "airflow": settings.airflow_url,
            "user": ADMIN,
            "password_file": str(state.secret_file("admin_password")),
            "warehouse": f"http://127.0.0.1:{settings.warehouse_port}",
            "mails": str(state.mails),
            "pipelines": [p.name for p in find_pipelines(Path(settings.pipelines)) if isinstance(p, PipelineConfig)],
            "state": str(state.root),
        }
    )


def down(
    everything: Annotated[bool, typer.Option("--all", help="The main instance and the demo's.")] = False,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """End what `up` or `demo` started, and nothing else."""
    output = Output(as_json=as_json)
    ended: list[str] = []
    states = [LocalState.locate(demo=False), LocalState.locate(demo=True)]
    for state in states if everything else [states[int(demo)]]:
        name = "the demo's instance" if state.is_demo else "the local instance"
        if not state.processes.exists():
            output.say(f"{name} was never started")
            continue
        stopped = LocalInstance(state, state.read_settings(), output.say).down()
        ended += stopped
        output.say(f"{name}: {', '.join(stopped)} ended" if stopped else f"{name} does not run")
    output.result({"ended": ended})


def release_dags(api: AirflowApi, pipelines: Path, output: Output) -> None:
    """Wait until Airflow has read the DAGs of all pipelines, and unpause them; tell of pipeline files that are wrong.

    Raises:
        CommandError: Airflow has not read them in time; the message has the import errors.
    """
    expected = set()
    for pipeline in find_pipelines(pipelines):
        if isinstance(pipeline, BrokenPipeline):
            output.say(f"a pipeline file is wrong: {pipeline.reason}", style="yellow")
        else:
            expected |= {f"{pipeline.name}_{kind}" for kind in DAG_KINDS}
    if not expected:
        output.say(f"there is no pipeline in {pipelines}", style="yellow")
    deadline = time.monotonic() + DAG_PATIENCE_S
    with output.progress("Airflow reads the DAGs") as step:
        while missing := expected - api.dag_ids():
            if time.monotonic() > deadline:
                reasons = "; ".join(api.import_errors()) or "its DAG processor tells no error"
                raise CommandError(f"Airflow has not read {', '.join(sorted(missing))}: {reasons}")
            step.show(len(expected) - len(missing), len(expected))
            time.sleep(_POLL_S)
    for dag_id in sorted(expected):
        api.unpause(dag_id)


def show_addresses(state: LocalState, settings: Settings, output: Output) -> None:
    """Say where everything is."""
    output.say(f"Airflow    {settings.airflow_url}")
    output.say(f"  login    {ADMIN} / {state.secret('admin_password')}")
    output.say(f"warehouse  127.0.0.1:{settings.warehouse_port}")
    output.say(f"mails      {state.mails} (what is sent to 127.0.0.1:{settings.mail_port})")
    output.say(f"pipelines  {settings.pipelines}")
    output.say(f"logs       {state.logs}")
