"""What a viewer may press: each button asks first, says what will happen, and acts with the viewer's own rights."""

import secrets
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, Form, HTTPException, Request, status
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, StringConstraints

from driftgate.status.guards import AuthManager, Pipeline, Viewer, may_trigger, pipeline_router
from driftgate.status.rendering import render
from driftgate.status.sessions import forget_watermark, open_session
from driftgate.status.viewer_api import ViewerApi
from include.catalog.runs import run_id_of
from include.errors import WarehouseError
from include.registry.champion_periods import read_champion_periods

ActionName = Literal["train", "infer", "check", "rollback"]

_MAX_REASON = 1000
"""What the DAGs take, in characters."""


@dataclass(frozen=True, kw_only=True)
class Action:
    """A button."""

    name: ActionName
    label: str
    kind: str
    """The DAG's: <pipeline>_<kind>."""
    consequence: str
    """What will happen, in the dialog."""
    is_grave: bool = False


class ActionForm(BaseModel):
    """What a dialog sends."""

    nonce: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    """Of the dialog: it names the run, so that there is one however often it is sent."""
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=_MAX_REASON)] = ""
    version: Annotated[str, StringConstraints(pattern=r"^([1-9][0-9]{0,8})?$")] = ""
    """What to restore; empty: the champion before this one."""


ACTIONS: dict[ActionName, Action] = {
    action.name: action
    for action in (
        Action(
            name="train",
            label="Train",
            kind="training",
            consequence="A new version is trained on the labelled images. It becomes champion only if it passes the "
            "gate; until then nothing changes in production.",
        ),
        Action(
            name="infer",
            label="Classify new images",
            kind="inference",
            consequence="The images that wait are classified, the answers are written to the warehouse, and the drift "
            "check follows.",
        ),
        Action(
            name="check",
            label="Check for drift",
            kind="inference",
            consequence="Nothing is classified. What was answered since the last check is judged, and what the verdict "
            "asks for follows: nothing, an alert, a request for labels or for a training, or a rollback.",
        ),
        Action(
            name="rollback",
            label="Roll back",
            kind="rollback",
            consequence="A former champion takes over at once. The answers of every version that was promoted since "
            "then leave CURRENT_PREDICTIONS, and the restored version's show again.",
            is_grave=True,
        ),
    )
}


def allowed_action(action: ActionName, config: Pipeline, manager: AuthManager, viewer: Viewer) -> Action:
    """Return the action of the address, if the viewer may start runs of its DAG."""
    found = ACTIONS[action]
    dag_id = f"{config.name}_{found.kind}"
    if not may_trigger(manager, viewer, dag_id):
        raise HTTPException(status.HTTP_403_FORBIDDEN, f"you may not start runs of {dag_id} in Airflow")
    return found


AllowedAction = Annotated[Action, Depends(allowed_action)]

router = pipeline_router("/actions")
allowed = pipeline_router("/actions/{action}")
allowed.dependencies.append(Depends(allowed_action))


@router.get("", name="actions")
def buttons(request: Request, config: Pipeline, manager: AuthManager, viewer: Viewer) -> HTMLResponse:
    """Show the buttons that the viewer may press, or that there are none."""
    may = [action for action in ACTIONS.values() if may_trigger(manager, viewer, f"{config.name}_{action.kind}")]
    return render(request, "panels/actions.html.j2", config=config, actions=may, viewer=viewer.get_name())


@allowed.get("", name="ask_action")
def ask(request: Request, config: Pipeline, action: AllowedAction) -> HTMLResponse:
    """Ask whether the viewer means it, and say what will happen."""
    dag = ViewerApi(request).dag(f"{config.name}_{action.kind}")
    return render(
        request,
        "panels/ask_action.html.j2",
        config=config,
        action=action,
        dag=dag,
        versions=_former_champions(config) if action.name == "rollback" else (),
        nonce=secrets.token_hex(8),
        max_reason=_MAX_REASON,
    )


@allowed.post("", name="act")
def act(request: Request, config: Pipeline, action: AllowedAction, form: Annotated[ActionForm, Form()]) -> HTMLResponse:
    """Start the run, once: the same dialog sent twice means the same run."""
    dag_id, run_id = f"{config.name}_{action.kind}", f"page__{form.nonce}"
    api = ViewerApi(request)
    is_new = api.trigger(dag_id, run_id, _conf(action, form))
    dag = api.dag(dag_id)
    is_paused = bool(dag and dag["is_paused"]) and not api.unpause(dag_id)
    forget_watermark(config)
    return render(
        request,
        "panels/acted.html.j2",
        action=action,
        run=run_id_of(dag_id, run_id),
        dag_id=dag_id,
        is_new=is_new,
        is_paused=is_paused,
    )


def _conf(action: Action, form: ActionForm) -> dict[str, Any]:
    """Return the run's parameters; what the form leaves open is as the pipeline file says."""
    if action.name == "check":
        return {"only_check": True}
    if action.name == "rollback":
        if not form.reason:
            raise HTTPException(status.HTTP_422_UNPROCESSABLE_CONTENT, "a rollback needs a reason, for the ledger")
        return {"reason": form.reason, "version": int(form.version) if form.version else None}
    return {"reason": form.reason} if action.name == "train" and form.reason else {}


def _former_champions(config: Pipeline) -> tuple[int, ...]:
    """Return what can be restored, the latest champion first; nothing where the warehouse does not tell."""
    try:
        with open_session(config) as warehouse:
            periods = read_champion_periods(warehouse)
    except WarehouseError:
        return ()
    versions = dict.fromkeys(period.version for period in reversed(periods))
    return tuple(version for version in versions if version != periods[-1].version)
