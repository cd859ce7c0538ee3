"""What the doctor says of a pipeline, sound and with what may be missing."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from aiosmtpd.controller import Controller
from stage_pictures import put_picture

from include.commands.app import main
from include.commands.doctor.session_checks import Session, check_clock
from include.commands.local.mail_catcher import Keeper
from include.registry.ledger import append_event
from include.warehouse.names import roles_of
from include.warehouse.setup import run_setup
from tests.unit.commands.airflow_server import airflow_server

DAGS = ("training", "inference", "rollback", "reproduce", "alerts")


@pytest.fixture(scope="module")
def config(new_config, tmp_path_factory):
    """One pipeline for all tests, as roles and grants take long to make: each leaves it as it was."""
    return new_config(tmp_path_factory.mktemp("doctor"))


@pytest.fixture(scope="module")
def session(embedded_warehouse, config):
    """An administrator's session on the pipeline, which is set up with roles and grants."""
    from driftgate.hooks import WarehouseHook

    with WarehouseHook.for_pipeline(config).session() as session:
        run_setup(session, config)
        session.run("setup/use_role", identifiers={"role": "ACCOUNTADMIN"})
        yield session


@pytest.fixture
def query(session):
    """A function that runs any SQL, as the administrator's worksheet would."""
    return lambda sql: session._connection.cursor().execute(sql).fetchall()


@pytest.fixture
def folder(config):
    """The folder with both stages' folders, an image in each."""
    folder = Path(config.stages.training.url.removeprefix("file://")).parent
    put_picture(folder, "shirt/it's 1.png", colour=(1, 2, 3))
    put_picture(folder, "new.png", colour=(1, 2, 3), stage="new")
    return folder


@pytest.fixture
def airflow(config, monkeypatch):
    """An Airflow that has read the pipeline's DAGs."""
    listed = [{"dag_id": f"{config.name}_{kind}", "is_paused": False} for kind in DAGS]
    answers = {
        "GET /api/v2/dags": (200, {"dags": listed, "total_entries": len(listed)}),
        "GET /api/v2/importErrors": (200, {"import_errors": [], "total_entries": 0}),
        "GET /api/v2/monitor/health": (200, {"scheduler": {"status": "healthy"}}),
    }
    with airflow_server(answers) as server:
        monkeypatch.setenv("DRIFTGATE_AIRFLOW_URL", server.url)
        monkeypatch.setenv("DRIFTGATE_AIRFLOW_TOKEN", "token")
        yield server


@pytest.fixture(autouse=True)
def here(place_pipeline, session, airflow, folder):
    """The pipeline's file, its warehouse in the environment, and no local instance."""
    place_pipeline()


@pytest.fixture
def doctor(capsys, config):
    """A function that calls the doctor, and returns its exit code and findings by the checks' names."""

    def call():
        with pytest.raises(SystemExit) as ended:
            main(["doctor", config.name, "--json"])
        result = json.loads(capsys.readouterr().out)
        assert result["healthy"] == (not ended.value.code)
        findings = {}
        for finding in result["findings"]:
            findings.setdefault(finding["check"], []).append(finding)
        return ended.value.code or 0, findings

    return call


def states(findings):
    return {check: [finding["state"] for finding in found] for check, found in findings.items()}


def test_a_sound_pipeline_lacks_nothing(doctor):
    code, findings = doctor()

    assert states(findings) == {
        "connection": ["ok"],
        "role": ["ok"],
        "compute": ["ok"],
        "clock": ["ok"],
        "schema": ["ok"],
        "privileges": ["ok"],
        "directory": ["ok", "ok"],
        "url": ["ok", "ok"],
        "stream": ["ok", "ok"],
        "loading": ["ok"],
        "model": ["skipped"],
        "mail": ["skipped"],
        "airflow": ["ok"],
    }
    assert code == 0
    assert "1 files, the latest of" in findings["directory"][0]["says"]
    assert findings["url"][0]["says"].startswith("shirt/it's 1.png of stage TRAINING_IMAGES was fetched")


def test_a_person_reads_a_line_for_each_check_and_what_mends_it(capsys, config, query, doctor):
    query("DROP STREAM TRAINING_IMAGES_CHANGES")

    with pytest.raises(SystemExit) as ended:
        main(["doctor", config.name])

    lines = capsys.readouterr().out.splitlines()
    assert ended.value.code == 1
    at = next(i for i, line in enumerate(lines) if line.startswith("missing  stream"))
    assert lines[at].endswith("there is no stream on stage TRAINING_IMAGES: each sync compares all of it")
    assert "CREATE OR REPLACE STREAM TRAINING_IMAGES_CHANGES" in lines[at + 1]
    # what was granted on it is gone with it
    assert lines[-1] == "2 missing: each line says what mends it"
    query(lines[at + 1].strip().rstrip(";"))
    [granted] = doctor()[1]["privileges"]
    query(granted["mend"].rstrip(";"))
    assert doctor()[0] == 0


def test_the_mend_of_a_revoked_privilege_is_the_grant_that_gives_it_back(doctor, config, query):
    role = roles_of(config).pipeline
    query(f"REVOKE INSERT ON TABLE PREDICTIONS FROM ROLE {role}")

    code, findings = doctor()

    [finding] = findings["privileges"]
    assert (code, finding["state"]) == (1, "missing")
    assert f"{role} lacks INSERT on table TESTS.{config.schema_name}.PREDICTIONS" in finding["says"]
    query(finding["mend"].rstrip(";"))
    assert doctor()[0] == 0


def test_a_dropped_role_and_a_dropped_table_are_set_up_again(doctor, config, query, session):
    query(f"DROP ROLE {roles_of(config).pipeline}")
    query("DROP TABLE RECALLS")

    code, findings = doctor()

    assert code == 1
    assert findings["privileges"][0]["mend"] == f"./driftgate setup {config.name}"
    assert findings["schema"][0]["says"].endswith("has no RECALLS")
    run_setup(session, config)
    session.run("setup/use_role", identifiers={"role": "ACCOUNTADMIN"})
    assert doctor()[0] == 0


def test_a_stage_whose_folder_is_gone_is_named(doctor, folder):
    (folder / "new").rename(folder / "unmounted")

    code, findings = doctor()

    (folder / "unmounted").rename(folder / "new")

    assert code == 1
    assert [finding["state"] for finding in findings["directory"]] == ["ok", "missing"]
    assert "stage INCOMING_IMAGES cannot be listed" in findings["directory"][1]["says"]
    assert "GRANT USAGE ON STAGE INCOMING_IMAGES TO ROLE" in findings["directory"][1]["mend"]


def test_a_file_that_is_not_handed_out_is_named(doctor, folder, monkeypatch):
    from include.commands.doctor import stage_checks

    listing = stage_checks.list_stage

    def list_and_lose(warehouse, stage):
        listing(warehouse, stage)
        (folder / stage.url.rstrip("/").rpartition("/")[2] / "new.png").unlink(missing_ok=True)

    monkeypatch.setattr(stage_checks, "list_stage", list_and_lose)

    code, findings = doctor()

    assert code == 1
    assert "new.png of stage INCOMING_IMAGES was not handed out" in findings["url"][1]["says"]
    assert "?" not in findings["url"][1]["says"]


def test_wrong_credentials_are_told_and_the_rest_is_looked_at_all_the_same(doctor, monkeypatch, embedded_warehouse):
    connection = json.loads(embedded_warehouse)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({**connection, "password": "not this one"}))

    code, findings = doctor()

    assert code == 1
    assert states(findings) == {"connection": ["missing"], "mail": ["skipped"], "airflow": ["ok"]}
    assert "Incorrect username or password" in findings["connection"][0]["says"]
    assert "not this one" not in json.dumps(findings)
    assert "AIRFLOW_CONN_WAREHOUSE" in findings["connection"][0]["mend"]


def test_a_suspended_warehouse_is_told_with_what_resumes_it(doctor, config, query):
    compute = config.warehouse.compute
    query(f"ALTER WAREHOUSE {compute} SET AUTO_RESUME = FALSE")
    query(f"ALTER WAREHOUSE {compute} SUSPEND")

    code, findings = doctor()

    query(f"ALTER WAREHOUSE {compute} SET AUTO_RESUME = TRUE")
    assert code == 1
    assert "suspended" in findings["connection"][0]["says"]
    assert "AUTO_RESUME = TRUE" in findings["connection"][0]["says"]
    assert doctor()[0] == 0


def test_a_role_of_somebody_else_is_told(doctor, config, query, monkeypatch, embedded_warehouse):
    query("CREATE ROLE IF NOT EXISTS SOMEBODY_ELSE")
    connection = json.loads(embedded_warehouse)
    connection["extra"]["role"] = "SOMEBODY_ELSE"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(connection))

    code, findings = doctor()

    assert code == 1
    assert findings["role"][0]["says"] == "SOMEBODY_ELSE is no role of this pipeline"
    assert f"GRANT ROLE {roles_of(config).pipeline} TO USER DRIFTGATE;" in findings["role"][0]["mend"]


def test_dags_that_are_missing_or_paused_are_named(doctor, airflow, config):
    name = config.name
    listed = [{"dag_id": f"{name}_{kind}", "is_paused": kind == "inference"} for kind in DAGS if kind != "alerts"]
    airflow.answers["GET /api/v2/dags"] = (200, {"dags": listed, "total_entries": len(listed)})
    errors = [{"filename": "dags/alerts.py", "stack_trace": "Traceback\nImportError: no alerts"}]
    airflow.answers["GET /api/v2/importErrors"] = (200, {"import_errors": errors, "total_entries": 1})

    code, findings = doctor()

    assert code == 1
    lacking, paused = findings["airflow"]
    assert lacking["says"] == f"Airflow has not read {name}_alerts (dags/alerts.py: ImportError: no alerts)"
    assert (paused["says"], paused["mend"]) == (
        f"{name}_inference is paused",
        f"airflow dags unpause {name}_inference",
    )


def with_mails(tmp_path, config, monkeypatch, port):
    notify = config.notify.model_copy(update={"emails": ("a@example.com",)})
    changed = config.model_copy(update={"notify": notify})
    file = tmp_path / "pipelines" / "a.yaml"
    file.write_text(yaml.safe_dump(changed.model_dump(mode="json", by_alias=True)), encoding="utf-8")
    extra = {"disable_ssl": True, "disable_tls": True, "retry_limit": 1, "from_email": "driftgate@example.com"}
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", json.dumps(connection))


def test_a_mail_server_that_does_not_answer_is_told(doctor, tmp_path, config, monkeypatch, unused_port):
    with_mails(tmp_path, config, monkeypatch, unused_port)

    code, findings = doctor()

    assert code == 1
    assert "smtp_default does not let us in" in findings["mail"][0]["says"]


@pytest.mark.parametrize(("off_s", "state"), [(5, "ok"), (-300, "missing")])
def test_clocks_are_compared(off_s, state):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    told = (now + timedelta(seconds=off_s)).replace(tzinfo=None)

    [found] = check_clock(Session("A", "U", "R", "W", told), now=now)

    assert found.state == state


def test_a_mail_server_that_lets_us_in_gets_no_mail(doctor, tmp_path, config, monkeypatch, unused_port):
    with_mails(tmp_path, config, monkeypatch, unused_port)
    mails = tmp_path / "mails"
    mails.mkdir()
    server = Controller(Keeper(mails), hostname="127.0.0.1", port=unused_port)
    server.start()
    try:
        code, findings = doctor()
    finally:
        server.stop()

    assert code == 0
    assert findings["mail"][0]["says"] == "the server of connection smtp_default lets us in"
    assert list(mails.iterdir()) == []


def test_without_a_warehouse_the_rest_is_looked_at_all_the_same(doctor, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_WAREHOUSE")

    code, findings = doctor()

    assert code == 1
    assert "set AIRFLOW_CONN_WAREHOUSE" in findings["connection"][0]["says"]
    assert states(findings)["airflow"] == ["ok"]


def test_a_champion_whose_files_are_gone_cannot_be_used(doctor, config, session):
    run = {"run_id": "r", "metrics": "{}", "config": config.to_json(), "snapshot_id": "s"}
    files = {"artifact_path": "gone/", "sha256": "0" * 64, "n_training_images": 1, "temperature": 1.0}
    session.run("registry/insert_version", **run, **files)
    session.alone(lambda: append_event(session, "PROMOTED", version=1, run_id="r", reason=None))

    code, findings = doctor()

    assert code == 1
    assert "version 1, the champion, cannot be used" in findings["model"][0]["says"]
    assert findings["model"][0]["mend"].startswith(f"./driftgate rollback {config.name}")
