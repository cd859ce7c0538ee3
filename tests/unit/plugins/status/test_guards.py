"""Every route of the page asks Airflow first: nobody without a token, a viewer to look, an admin to do."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.routing import Mount, Route

from driftgate.status.app import status_app
from driftgate.status.guards import SAFE_METHODS
from include.config import PipelineConfig
from include.warehouse.session import Warehouse

Browser = Callable[[str | None], TestClient]

PARAMETERS = {
    "action": "train",
    "content_sha256": "0" * 64,
    "digest": "0" * 16,
    "file": "icon",
    "request_id": "0" * 16,
}
"""What stands in the addresses that are tried, besides the pipeline's name."""
FOR_VIEWERS_REFUSED = {
    "/pipelines/{name}/actions/{action}",
    "/pipelines/{name}/approvals/{request_id}",
}
"""What only those may see who may do it."""


def routes(app: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Return the method and the address of every route of an app, below its mounts, too."""
    for route in app.routes:
        if isinstance(route, Mount):
            yield from routes(route, prefix + route.path)
        elif isinstance(route, Route):
            for method in sorted(route.methods or ()):
                yield method, prefix + route.path
        else:
            pytest.fail(f"{route!r} is neither a route nor a mount: how is it guarded?")


ALL = sorted(set(routes(status_app())))


def address(path: str, config: PipelineConfig) -> str:
    return "/driftgate" + path.format_map({**PARAMETERS, "name": config.name})


def test_nobody_sees_anything_without_a_token(browser: Browser, config: PipelineConfig) -> None:
    client = browser(None)

    answers = {(method, path): client.request(method, address(path, config)).status_code for method, path in ALL}

    assert set(answers.values()) == {401}, answers
    assert len(ALL) > 8


def test_a_token_that_nobody_has_signed_is_refused(browser: Browser, config: PipelineConfig) -> None:
    client = browser(None)
    client.cookies.set("_token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiIsInJvbGUiOiJhZG1pbiJ9.")

    answers = {(method, path): client.request(method, address(path, config)).status_code for method, path in ALL}

    assert set(answers.values()) <= {401, 403}, answers


def test_a_user_without_a_role_sees_nothing(browser: Browser, config: PipelineConfig) -> None:
    client = browser("nobody")

    answers = {(method, path): client.request(method, address(path, config)).status_code for method, path in ALL}

    assert set(answers.values()) == {403}, answers


def test_a_viewer_sees_everything_but_writes_nothing(
    browser: Browser, config: PipelineConfig, warehouse: Warehouse
) -> None:
    client = browser("viewer")

    answers = {(method, path): client.request(method, address(path, config)).status_code for method, path in ALL}

    for (method, path), code in answers.items():
        if method not in SAFE_METHODS or path in FOR_VIEWERS_REFUSED:
            assert code == 403, (method, path, code)
        else:
            assert code in {200, 404, 422}, (method, path, code)


def test_an_admin_is_let_in_everywhere(browser: Browser, config: PipelineConfig, warehouse: Warehouse) -> None:
    client = browser("admin")

    answers = {(method, path): client.request(method, address(path, config)).status_code for method, path in ALL}

    assert not {401, 403} & set(answers.values()), answers


def test_an_unknown_pipeline_is_not_there(browser: Browser) -> None:
    answer = browser("admin").get("/driftgate/pipelines/nothing_like_it")

    assert answer.status_code == 404
    assert "nothing_like_it" in answer.text


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://elsewhere.example"}],
)
def test_a_write_from_another_site_is_refused(
    browser: Browser, config: PipelineConfig, headers: dict[str, str]
) -> None:
    address = f"/driftgate/pipelines/{config.name}/actions/train"

    answer = browser("admin").post(address, data={"nonce": "0" * 16}, headers=headers)

    assert answer.status_code == 403
    assert "another site" in answer.text


def test_without_an_auth_manager_nobody_is_let_in(
    airflow_app: FastAPI, browser: Browser, config: PipelineConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.app import _AuthManagerState

    client = TestClient(status_app(), raise_server_exceptions=False)  # not mounted: Airflow's middleware is not there
    client.cookies.update(browser("admin").cookies)
    monkeypatch.setattr(_AuthManagerState, "instance", None)

    answers = {(method, path): client.request(method, address(path, config)[10:]).status_code for method, path in ALL}

    assert set(answers.values()) == {503}, answers
