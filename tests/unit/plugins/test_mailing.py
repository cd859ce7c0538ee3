"""Mails on their way through Airflow's real SMTP hook, to a real server or to none."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from driftgate import mailing
from driftgate.mailing import send, send_mail
from include.commands.local.mail_catcher import Keeper
from include.config import PipelineConfig
from include.notify.mail import Mail, Message, Picture, compose

NAME = 'T-shirt <b onclick="x()">Ärmel\r\nlos</b>'
TEXT = 'T-shirt <b onclick="x()">Ärmel los</b>'

Connect = Callable[..., None]


@pytest.fixture
def config(config: PipelineConfig) -> PipelineConfig:
    return with_recipients(config, "anna@example.com", "ml-oncall@example.com")


@pytest.fixture
def mail() -> Mail:
    return compose(
        Message(
            pipeline="garments",
            kind="refused",
            headline=f"recall of {NAME} fell",
            sentences=("From now on the champion stays.",),
            facts=(("Class", NAME),),
        )
    )


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[tuple[str, str]]]:
    """What was logged: level and message of each line."""
    caplog.set_level("INFO", logger="driftgate.mailing")
    return lambda: [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "driftgate.mailing"]


def with_recipients(config: PipelineConfig, *emails: str, **notify: str) -> PipelineConfig:
    return PipelineConfig.model_validate(
        {**config.model_dump(mode="json", by_alias=True), "notify": {"emails": emails, **notify}}
    )


def the_warning(told: Callable[[], list[tuple[str, str]]], mail: Mail) -> str:
    """Return the one line that was logged, without what each has."""
    [(level, line)] = told()
    assert level == "WARNING"
    assert "\n" not in line
    assert line.startswith(f"mail {mail.subject!r} was not sent: ")
    return line.partition(" was not sent: ")[2]


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does what it likes with a connection; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client = listener.accept()[0]
                    threading.Thread(target=answer, args=[client], daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_a_mail_arrives_whole(config: PipelineConfig, mail: Mail, mailbox: Any, told: Any) -> None:
    assert send(config, mail)

    [received] = mailbox.mails()
    assert received["Subject"] == f"[driftgate] garments: recall of {TEXT} fell"
    assert received["From"] == "driftgate@localhost"
    assert received["To"] == "anna@example.com, ml-oncall@example.com"
    assert received["Date"].datetime.tzinfo is not None
    assert received["Message-ID"].endswith("@localhost>")
    assert received["Auto-Submitted"] == "auto-generated"
    assert received["X-Driftgate-Kind"] == "refused"
    assert received.get_content_type() == "multipart/alternative"
    plain, html = (part.get_content().replace("\r\n", "\n") for part in received.iter_parts())
    assert [part.get_content_type() for part in received.iter_parts()] == ["text/plain", "text/html"]
    assert plain == mail.text
    assert html == mail.html
    assert "\nFrom now on" in plain
    assert TEXT in plain
    assert "&lt;b onclick=&#34;x()&#34;&gt;Ärmel los&lt;/b&gt;" in html
    [(level, line)] = told()
    assert level == "INFO"
    assert "was sent to 2 of 2 recipients" in line


def test_pictures_arrive_within_the_mail(config: PipelineConfig, mailbox: Any) -> None:
    # Given
    picture = Picture(
        name="drift-1.png", content=b"\x89PNG\r\n\x1a\n" + bytes(range(256)), description="the confidences"
    )
    mail = compose(
        Message(pipeline="garments", kind="drift", headline="drift", sentences=("Ärmel",), pictures=(picture,))
    )

    # When
    assert send(config, mail)

    # Then
    [received] = mailbox.mails()
    assert received["MIME-Version"] == "1.0"
    assert received.get_content_type() == "multipart/related"
    assert received.get_param("type") == "multipart/alternative"
    texts, image = received.iter_parts()
    assert texts.get_content_type() == "multipart/alternative"
    plain, html = (part.get_content().replace("\r\n", "\n") for part in texts.iter_parts())
    assert plain == mail.text
    assert html == mail.html
    assert "Picture drift-1.png: the confidences" in plain
    assert image.get_content_type() == "image/png"
    assert image.get_content() == picture.content
    assert image.get_content_disposition() == "inline"
    assert image.get_filename() == "drift-1.png"
    assert f'src="cid:{image["Content-ID"].strip("<>")}"' in html


def test_a_mail_that_is_sent_again_has_the_same_id(config: PipelineConfig, mail: Mail, mailbox: Any) -> None:
    for _ in range(2):
        send_mail(config.notify, mail, "a1e7.20260131")
    send_mail(config.notify, mail)

    first, second, other = (received["Message-ID"] for received in mailbox.mails())
    assert first == second == "<a1e7.20260131@localhost>"
    assert other != first


@pytest.mark.parametrize("length", [40, 48, 64, 200])
@pytest.mark.parametrize("letter", ["x", "ä"])
def test_a_subject_of_any_length_begins_on_the_line_of_its_name(
    length: int, letter: str, config: PipelineConfig, mailbox: Any
) -> None:
    mail = compose(Message(pipeline="garments", kind="drift", headline=f"of {letter * length}", sentences=("",)))

    assert send(config, mail)

    [received] = mailbox.mails()
    assert received["Subject"] == mail.subject
    [raw] = mailbox.folder.iterdir()
    assert b"Subject: [driftgate]" in raw.read_bytes()


def test_nobody_to_tell_is_no_problem(config: PipelineConfig, mail: Mail, mailbox: Any, told: Any) -> None:
    assert not send(with_recipients(config), mail)

    assert mailbox.mails() == []
    assert told() == [
        ("INFO", f"mail {mail.subject!r} was not sent: notify.emails of pipeline {config.name} names nobody")
    ]


def test_a_missing_connection_is_named(config: PipelineConfig, mail: Mail, told: Any) -> None:
    config = with_recipients(config, "anna@example.com", smtp_conn_id="post_office")

    assert not send(config, mail)

    assert "no connection 'post_office'" in (reason := the_warning(told, mail))
    assert "AIRFLOW_CONN_POST_OFFICE" in reason


def test_a_connection_that_cannot_be_read_tells_no_secret(
    config: PipelineConfig, mail: Mail, told: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", "smtp://anna:hunter2/!@localhost:25")

    assert not send(config, mail)

    assert "no connection 'smtp_default' that it can read" in the_warning(told, mail)
    assert "hunter2" not in caplog.text


def test_a_server_that_is_down_is_told(
    config: PipelineConfig, mail: Mail, told: Any, unused_port: int, connect_smtp: Connect
) -> None:
    connect_smtp(unused_port)

    assert not send(config, mail)

    assert "Connection refused" in the_warning(told, mail)


def hang(_: socket.socket) -> None:
    time.sleep(30)


def drip(client: socket.socket) -> None:
    with suppress(OSError):
        for _ in range(300):
            client.send(b"2")
            time.sleep(0.1)


@pytest.mark.parametrize("behaviour", [hang, drip])
def test_a_server_that_hangs_is_left_after_a_bounded_time(
    behaviour: Callable[[socket.socket], None],
    config: PipelineConfig,
    mail: Mail,
    told: Any,
    connect_smtp: Connect,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given: less patience than in production, and a connection that asks for much more
    assert mailing.PATIENCE_S <= 15
    monkeypatch.setattr(mailing, "PATIENCE_S", 3.0)
    monkeypatch.setattr(mailing, "STEP_PATIENCE_S", 1)
    with answering(behaviour) as port:
        connect_smtp(port, timeout=600, retry_limit=50)

        # When
        started = time.monotonic()
        assert not send(config, mail)

        # Then
        assert time.monotonic() - started < 5
    assert the_warning(told, mail)


class Picky(Keeper):
    """A server that takes mails for some people only."""

    def __init__(self, keeper: Keeper, *, known: set[str]) -> None:
        super().__init__(keeper.folder)
        self.known = known

    async def handle_RCPT(  # noqa: N802
        self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]
    ) -> str:
        if address not in self.known:
            return "550 5.1.1 no such\tuser"
        envelope.rcpt_tos.append(address)
        return "250 OK"


def test_a_refused_recipient_does_not_keep_the_mail_from_the_others(
    config: PipelineConfig, mail: Mail, told: Any, tmp_path: Any, start_mailbox: Any
) -> None:
    mailbox = start_mailbox(Picky(Keeper(tmp_path / "mails"), known={"anna@example.com"}))

    assert send(config, mail)

    assert len(mailbox.mails()) == 1
    (warning, sent) = told()
    assert warning[0] == "WARNING"
    assert warning[1].endswith("not sent to all: ml-oncall@example.com was refused (550 5.1.1 no such user)")
    assert "was sent to 1 of 2 recipients" in sent[1]


def test_all_recipients_refused_is_told(
    config: PipelineConfig, mail: Mail, told: Any, tmp_path: Any, start_mailbox: Any
) -> None:
    mailbox = start_mailbox(Picky(Keeper(tmp_path / "mails"), known=set()))

    assert not send(config, mail)

    assert mailbox.mails() == []
    assert "anna@example.com was refused (550 5.1.1 no such user), ml-oncall" in the_warning(told, mail)


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ({"disable_ssl": False}, "WRONG_VERSION_NUMBER"),
        ({"disable_tls": False}, "STARTTLS extension not supported"),
        ({"disable_ssl": False, "ssl_context": "wrong"}, "ssl_context"),
        ({"from_email": None}, "add from_email to its extra"),
        ({"from_email": "a@b.c\nBcc: d@e.f"}, ""),
        ({"timeout": "soon"}, "soon"),
    ],
)
def test_a_wrong_connection_is_told(
    extra: dict[str, Any],
    reason: str,
    config: PipelineConfig,
    mail: Mail,
    told: Any,
    mailbox: Any,
    connect_smtp: Connect,
) -> None:
    connect_smtp(mailbox.port, **extra)

    assert not send(config, mail)

    assert reason in the_warning(told, mail)
    assert mailbox.mails() == []


@pytest.mark.parametrize("password", ["hunter2", "hünter2"])
def test_a_refused_login_tells_no_password(
    password: str,
    config: PipelineConfig,
    mail: Mail,
    told: Any,
    start_mailbox: Any,
    connect_smtp: Connect,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # Given: a server that refuses the login, and repeats what it was told
    def refuse(_: SMTP, __: Session, ___: Envelope, ____: str, data: Any) -> AuthResult:
        return AuthResult(success=False, handled=False, message=f"535 no: {data.password.decode()}")

    mailbox = start_mailbox(authenticator=refuse, auth_require_tls=False)
    connect_smtp(mailbox.port, login="anna", password=password)

    # When
    caplog.set_level(logging.DEBUG, logger="driftgate")
    assert not send(config, mail)

    # Then
    assert the_warning(told, mail) in {"the server refuses the login (535)", "UnicodeEncodeError"}
    assert "nter2" not in caplog.text


def test_an_address_with_umlauts_needs_a_server_that_takes_it(
    config: PipelineConfig, mail: Mail, told: Any, start_mailbox: Any
) -> None:
    mailbox = start_mailbox(enable_SMTPUTF8=True)

    assert send(with_recipients(config, "jürgen@example.com"), mail)

    assert mailbox.mails()[0]["To"] == "jürgen@example.com"


def test_an_address_with_umlauts_is_told_where_it_is_not_taken(
    config: PipelineConfig, mail: Mail, told: Any, start_mailbox: Any
) -> None:
    start_mailbox(enable_SMTPUTF8=False)

    assert not send(with_recipients(config, "jürgen@example.com"), mail)

    assert "SMTPUTF8" in the_warning(told, mail)
