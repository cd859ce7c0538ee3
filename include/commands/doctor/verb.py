"""The verb `doctor`: it looks at all that a pipeline needs, and says of what is missing how to mend it."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial

import typer

from include.commands.access import open_airflow
from include.commands.console import Output
from include.commands.doctor.findings import Check, Finding, Found, Patient, State, examine
from include.commands.local.state import LocalState
from include.commands.options import AsJson, Name, OfDemo
from include.commands.warehouse_access import import_hooks_quietly, open_warehouse, pipeline_named
from include.config import PipelineConfig
from include.errors import DriftgateError

_COLOURS: dict[State, str] = {"ok": "green", "missing": "red", "skipped": "yellow"}


def doctor(name: Name, demo: OfDemo = False, as_json: AsJson = False) -> None:
    """Look at all that a pipeline needs: each line is ok, or what is missing and what mends it.

    The connection and its role, every privilege, the schema, its stages and
    their streams, a round trip of rows, clocks, mails, Airflow's DAGs, the
    champion's files. It changes nothing but the stages' directory tables,
    which it refreshes as each run does. The exit code is 1 if something is
    missing.
    """
    output = Output(as_json=as_json)
    state = LocalState.locate(demo=demo)
    config = pipeline_named(name, state)
    findings = []
    for finding in _findings(config, state):
        _show(finding, output)
        findings.append(finding)
    n_missing = sum(finding.state == "missing" for finding in findings)
    output.say("nothing is missing" if not n_missing else f"{n_missing} missing: each line says what mends it")
    output.result({"name": config.name, "healthy": not n_missing, "findings": [asdict(one) for one in findings]})
    if n_missing:
        raise typer.Exit(1)


def _findings(config: PipelineConfig, state: LocalState) -> Iterator[Finding]:
    try:
        with open_warehouse(config, state) as warehouse:
            yield from _of_warehouse(Patient(config=config, warehouse=warehouse))
    except DriftgateError as error:
        yield Finding(
            check="connection",
            state="missing",
            says=" ".join(str(error).split()),
            mend=f"connection {config.warehouse.conn_id}: in Airflow under Admin, Connections, or as "
            f"AIRFLOW_CONN_{config.warehouse.conn_id.upper()} where this command runs",
        )
    yield from examine(
        (
            Check("mail", partial(_smtp, config), "the connection to the SMTP server"),
            Check("airflow", partial(_dags, config, state), "./driftgate up, or DRIFTGATE_AIRFLOW_URL and its token"),
        )
    )


def _of_warehouse(patient: Patient) -> Iterator[Finding]:
    from include.commands.doctor import session_checks
    from include.commands.doctor.loading_check import check_loading
    from include.commands.doctor.model_check import check_model
    from include.commands.doctor.privilege_checks import check_privileges
    from include.commands.doctor.schema_check import check_schema
    from include.commands.doctor.stage_checks import check_directory, check_stream, check_url

    session = session_checks.read_session(patient)
    now = datetime.now(UTC)
    yield Finding(check="connection", state="ok", says=f"{session.user_name} in account {session.account_name}")
    setup = f"./driftgate setup {patient.config.name}"
    checks = [
        Check("role", partial(session_checks.check_role, patient, session), setup),
        Check("compute", partial(session_checks.check_compute, patient, session), setup),
        Check("clock", partial(session_checks.check_clock, session, now=now), "this machine's clock"),
        Check("schema", partial(check_schema, patient), setup),
        Check("privileges", partial(check_privileges, patient), setup),
    ]
    for stage in (patient.config.stages.training, patient.config.stages.incoming):
        checks += [
            Check("directory", partial(check_directory, patient, stage), setup),
            Check("url", partial(check_url, patient, stage), setup),
            Check("stream", partial(check_stream, patient, stage), setup),
        ]
    checks += [
        Check("loading", partial(check_loading, patient), setup),
        Check("model", partial(check_model, patient), setup),
    ]
    yield from examine(checks)


def _smtp(config: PipelineConfig) -> Iterator[Found]:
    from include.commands.doctor.airflow_checks import check_smtp

    import_hooks_quietly()
    yield from check_smtp(config)


def _dags(config: PipelineConfig, state: LocalState) -> Iterator[Found]:
    from include.commands.doctor.airflow_checks import check_dags

    with open_airflow(state) as api:
        yield from check_dags(api, config)


def _show(finding: Finding, output: Output) -> None:
    output.say(f"{finding.state:<8} {finding.check:<11} {finding.says}", style=_COLOURS[finding.state])
    if finding.mend:
        for line in finding.mend.splitlines():
            output.say(f"{'':<20} {line}")
