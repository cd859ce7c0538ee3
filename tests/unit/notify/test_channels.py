"""Alerts through Apprise, to a real service on this machine; its address is a secret."""

import logging
from typing import Any

import pytest
from pydantic import SecretStr

from include.errors import NotDeliveredError
from include.notify.channels import channel_name, send_to_url
from include.notify.mail import Mail, Message, compose


@pytest.fixture
def mail() -> Mail:
    return compose(Message(pipeline="garments", kind="drift", headline="Ärmel <b>moved</b>", sentences=("It drifts.",)))


def test_a_service_is_told_what_the_mail_says(service: Any, mail: Mail) -> None:
    send_to_url(SecretStr(service.url()), mail)

    [told] = service.told
    assert told["title"] == "[driftgate] garments: Ärmel <b>moved</b>"
    assert "It drifts." in told["message"]
    assert told["type"] == "warning"


def test_an_address_is_read_from_the_environment(service: Any, mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotDeliveredError, match=r"has no CHAT_URL, which notify[.]urls names"):
        send_to_url(SecretStr("env:CHAT_URL"), mail)

    monkeypatch.setenv("CHAT_URL", service.url())
    send_to_url(SecretStr("env:CHAT_URL"), mail)

    assert len(service.told) == 1
    assert channel_name(SecretStr("env:CHAT_URL")) == "env:CHAT_URL"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("json://me:hunter2@127.0.0.1:{port}/hunter2", "the service answered 503"),
        ("json://me:hunter2@127.0.0.1:{unused}/hunter2", "the service could not be reached"),
        ("hunter2://hunter2/hunter2", "Apprise knows no such service, or its address is not complete"),
        ("slack://hunter2", "Apprise knows no such service, or its address is not complete"),
        ("https://example.com/hunter2", "Apprise knows no such service, or its address is not complete"),
    ],
)
def test_what_goes_wrong_is_told_without_the_address(
    url: str, told: str, service: Any, mail: Mail, unused_port: int, caplog: Any, capfd: Any
) -> None:
    service.status = 503
    caplog.set_level(logging.DEBUG)

    with pytest.raises(NotDeliveredError) as failed:
        send_to_url(SecretStr(url.format(port=service.port, unused=unused_port)), mail)

    assert str(failed.value) == told
    assert failed.value.__suppress_context__ or failed.value.__context__ is None
    assert "hunter2" not in caplog.text
    assert "hunter2" not in "".join(capfd.readouterr())


def test_the_log_is_as_before_after_a_message(service: Any, mail: Mail, caplog: Any) -> None:
    send_to_url(SecretStr(service.url()), mail)

    logging.getLogger("urllib3").warning("a line of somebody else")
    assert "a line of somebody else" in caplog.text


def test_a_channels_name_tells_urls_apart_and_no_secret() -> None:
    names = {channel_name(SecretStr(f"slack://T1/B2/{secret}")) for secret in ("hunter2", "hunter3")}

    assert len(names) == 2
    assert all(name.startswith("slack://…#") and "hunter" not in name for name in names)
