"""The mail catcher as a process, and what it leaves behind."""

import smtplib
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from include.commands.local.instance import MAIL_CATCHER, LocalInstance
from include.commands.local.mail_catcher import MAX_MAIL_BYTES
from include.commands.local.mails import keep_mail, read_mails
from include.commands.local.state import LocalState, Settings
from include.config import PROJECT_ROOT
from include.errors import CommandError

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(unused_port: int) -> Iterator[Start]:
    """A function that starts the mail catcher on a folder."""
    started = []

    def start(folder: Path) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "include.commands.local.mail_catcher", "--port", str(unused_port)]
        process = subprocess.Popen(
            [*command, "--folder", str(folder)], cwd=PROJECT_ROOT, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def connected(port: int) -> smtplib.SMTP:
    deadline = time.monotonic() + 20
    while True:
        try:
            return smtplib.SMTP("127.0.0.1", port, local_hostname="localhost", timeout=10)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def a_mail(subject: str, *, to: str = "anna@example.com, Jürgen <j@example.com>") -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = subject
    mail["From"] = "driftgate@localhost"
    mail["To"] = to
    mail["X-Driftgate-Kind"] = "drift"
    mail.set_content("From here on:\n.\nÄrmel\n")
    return mail


def test_mails_are_kept_whole_and_in_order(start: Start, tmp_path: Path, unused_port: int) -> None:
    # Given
    folder = tmp_path / "state" / "mails"
    catcher = start(folder)

    # When
    with connected(unused_port) as client:
        client.send_message(a_mail("[driftgate] Ärmel: drift of version 3, " + "x" * 80))
        client.send_message(a_mail("second", to="ops@example.com"))

    # Then
    first, second = read_mails(folder)
    assert first.subject.startswith("[driftgate] Ärmel: drift of version 3, xx")
    assert first.to == "anna@example.com, Jürgen <j@example.com>"
    assert (first.kind, second.kind) == ("drift", "drift")
    assert (second.subject, second.to) == ("second", "ops@example.com")
    assert datetime.now(UTC) - timedelta(minutes=1) < first.received_at < second.received_at <= datetime.now(UTC)
    assert [path.suffix for path in folder.iterdir()] == [".eml", ".eml"]
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o600

    # When: it is ended
    catcher.terminate()

    # Then
    _, log = catcher.communicate(timeout=10)
    assert catcher.returncode == 0
    assert f"{second.path.name}: kept for ops@example.com" in log
    assert "Traceback" not in log


def test_a_mail_that_is_too_large_is_refused(start: Start, tmp_path: Path, unused_port: int) -> None:
    start(tmp_path / "mails")

    with connected(unused_port) as client, pytest.raises(smtplib.SMTPResponseException, match="552"):
        client.sendmail("a@localhost", ["b@localhost"], b"x" * (MAX_MAIL_BYTES + 1))

    assert read_mails(tmp_path / "mails") == []


def test_a_folder_that_cannot_be_written_is_told_to_the_sender(start: Start, tmp_path: Path, unused_port: int) -> None:
    (tmp_path / "mails").write_text("a file")
    start(tmp_path / "mails")

    with connected(unused_port) as client, pytest.raises(smtplib.SMTPDataError, match="could not be kept"):
        client.send_message(a_mail("lost"))


def test_a_taken_port_is_told(start: Start, tmp_path: Path, unused_port: int) -> None:
    start(tmp_path / "mails")
    connected(unused_port).close()

    second = start(tmp_path / "others")

    assert second.wait(timeout=20) == 2
    assert second.stderr is not None
    assert "The mail catcher cannot start: " in second.stderr.read()


def test_files_of_others_are_no_mails(tmp_path: Path) -> None:
    kept = keep_mail(tmp_path, a_mail("ours").as_bytes(), received_at=datetime.now(UTC))
    (tmp_path / "notes.eml").write_text("Subject: mine\n\n")
    (tmp_path / f".{kept.name}.partial").write_text("Subject: half\n\n")

    assert [mail.subject for mail in read_mails(tmp_path)] == ["ours"]
    assert read_mails(tmp_path / "nothing") == []


@pytest.mark.parametrize("to", [b"<", b"a.<=C3<=C3", b'\x00:\x00;\xff["', b"=?utf-8?q?,)\\\xff\r\n ?==C3"])
def test_a_mail_whose_addresses_make_no_sense_is_listed_with_the_others(to: bytes, tmp_path: Path) -> None:
    received_at = datetime(2026, 1, 31, tzinfo=UTC)
    keep_mail(tmp_path, b"Subject: broken\r\nTo: " + to + b"\r\n\r\nhello", received_at=received_at)
    keep_mail(tmp_path, a_mail("whole").as_bytes(), received_at=received_at + timedelta(seconds=1))

    broken, whole = read_mails(tmp_path)

    assert (broken.subject, broken.to) == ("broken", "")
    assert whole.subject == "whole"


@pytest.fixture
def instance(tmp_path: Path, unused_port: int) -> Iterator[LocalInstance]:
    settings = Settings(airflow_port=1, warehouse_port=2, mail_port=unused_port, pipelines=str(tmp_path))
    instance = LocalInstance(LocalState(tmp_path / "state"), settings, print)
    yield instance
    instance.down()


def test_it_is_a_component_that_starts_and_ends_with_the_others(
    instance: LocalInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given: an instance that is nothing but the mail catcher
    monkeypatch.setattr("include.commands.local.instance.COMPONENTS", (MAIL_CATCHER,))

    # When, then
    assert instance.up() == (MAIL_CATCHER,)
    assert instance.up() == ()
    with connected(instance.settings.mail_port) as client:
        client.send_message(a_mail("hello"))
    assert [mail.subject for mail in read_mails(instance.state.mails)] == ["hello"]
    assert instance.down() == (MAIL_CATCHER,)
    assert instance.running() == ()


@pytest.mark.parametrize("taken", ["airflow_port", "warehouse_port"])
def test_a_port_of_another_component_is_refused(taken: str, tmp_path: Path) -> None:
    ports = {"airflow_port": 18080, "warehouse_port": 18765}
    settings = Settings(**ports, mail_port=ports[taken], pipelines=str(tmp_path))

    with pytest.raises(CommandError, match=f"port {ports[taken]} cannot be both .* and "):
        LocalInstance(LocalState(tmp_path), settings, print).refuse_taken_ports()


def test_its_port_in_use_is_told_with_the_way_out(
    instance: LocalInstance, start: Start, tmp_path: Path, unused_port: int
) -> None:
    start(tmp_path / "mails")
    connected(unused_port).close()

    with pytest.raises(
        CommandError, match=f"port {unused_port} for the mail-catcher .*--mail-port N or DRIFTGATE_MAIL"
    ):
        instance.refuse_taken_ports([MAIL_CATCHER])
