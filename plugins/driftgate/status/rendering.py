"""From values to HTML: one environment, in which everything is escaped and nothing may be missing."""

import json
import math
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import humanize
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from driftgate.status.static_files import static_path
from include.notify.links import run_link

TEMPLATES = Path(__file__).parent / "templates"

NO_NUMBER = "\N{EN DASH}"
_UNSAFE_IN_SCRIPT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def render(request: Request, template: str, *, status_code: int = 200, **values: Any) -> HTMLResponse:
    """Return a template as a page.

    In it are, besides the values: `path_for(route, **names)`, the address of one of our routes; `static(file)`, that of
    a static file; `airflow_url`, Airflow's address without a / at its end; and the filters `ago` (a time, as an element
    that tells it exactly, too), `number`, `percent` and `script_json`.

    Args:
        request: What is answered.
        template: Its path below templates/.
        status_code: The answer's status.
        **values: What the template shows.
    """
    prefix = _own_path(request)

    def path_for(route: str, /, **names: Any) -> str:
        return prefix + str(request.app.url_path_for(route, **names))

    page = _environment().get_template(template)
    content = page.render(
        path_for=path_for,
        static=lambda file: prefix + static_path(file),
        run_page=lambda run_id: run_link(airflow_path(request), run_id),
        airflow_url=airflow_path(request),
        now=datetime.now(UTC),
        **values,
    )
    return HTMLResponse(content, status_code=status_code)


def airflow_path(request: Request) -> str:
    """Return the path of Airflow's address, without a / at its end: the pages are mounted below it."""
    return _own_path(request).rpartition("/")[0]


def _own_path(request: Request) -> str:
    return str(request.scope.get("root_path", "")).rstrip("/")


def ago(at: datetime | None) -> str:
    """Return when something was, beside now; exactly in the title."""
    if at is None:
        return "never"
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    now = datetime.now(UTC)
    words = f"in {humanize.naturaldelta(at - now)}" if at > now else humanize.naturaltime(at, when=now)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(
        at.isoformat(timespec="seconds"), at.strftime("%Y-%m-%d %H:%M:%S"), words
    )


def number(value: float | None) -> str:
    """Return a number with separators; a dash for none."""
    return NO_NUMBER if value is None else f"{value:,}"


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share from 0 to 1 as per cent; a dash for none."""
    return NO_NUMBER if share is None or math.isnan(share) else f"{100 * share:.{digits}f} %"


def script_json(value: Any) -> Markup:
    """Return JSON for within a script element, which no text in it can end."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for letter, escaped in _UNSAFE_IN_SCRIPT.items():
        text = text.replace(letter, escaped)
    return Markup(text)  # noqa: S704  what could end the element is escaped just above


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(ago=ago, number=number, percent=percent, script_json=script_json)
    return environment
