"""What waits for a person: the evidence, and the two answers, which Airflow takes from those who may give them."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import Depends, Form, HTTPException, Request, status
from fastapi.responses import HTMLResponse
from markdown_it import MarkdownIt
from markupsafe import Markup
from pydantic import BaseModel, StringConstraints

from driftgate.status.guards import AuthManager, Pipeline, Viewer, may_answer, pipeline_router
from driftgate.status.rendering import airflow_path, render
from driftgate.status.sessions import forget_watermark, open_session
from driftgate.status.viewer_api import ViewerApi
from include.notify.links import answer_link
from include.registry.approvals.requests import Request as ApprovalRequest
from include.registry.approvals.requests import find_request

_OF_PROMOTION = "_promotion"
"""What the ids of the tasks that ask for a promotion have in them, and those that ask for a retraining have not."""


class AnswerForm(BaseModel):
    """What a dialog sends."""

    task_id: Annotated[str, StringConstraints(max_length=250)]
    """The task that asked when the dialog was opened."""
    chosen: Literal["Approve", "Reject"]


def training_dag_of(config: Pipeline, manager: AuthManager, viewer: Viewer) -> str:
    """Return the DAG that asks, if the viewer may answer its questions at all."""
    dag_id = f"{config.name}_training"
    if not may_answer(manager, viewer, dag_id):
        raise HTTPException(status.HTTP_403_FORBIDDEN, f"you may not answer what {dag_id} asks")
    return dag_id


TrainingDag = Annotated[str, Depends(training_dag_of)]

router = pipeline_router("/approvals/{request_id}")
router.dependencies.append(Depends(training_dag_of))


@router.get("", name="ask_approval")
def ask(request: Request, config: Pipeline, dag_id: TrainingDag, request_id: str) -> HTMLResponse:
    """Show what a person is asked, as the run's own page shows it."""
    approval = _request(config, dag_id, request_id)
    question = _question(ViewerApi(request), approval)
    # Raw HTML in the text stays text.
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(question.get("body") or "")
    return render(
        request,
        "panels/ask_approval.html.j2",
        config=config,
        approval=approval,
        task_id=question["task_instance"]["task_id"],
        subject=question["subject"],
        body=Markup(body),  # noqa: S704  made by MarkdownIt, which escapes what it is given
        page=answer_link(
            airflow_path(request), approval.run_id, task_id=question["task_instance"]["task_id"], option=None
        ),
    )


@router.post("", name="answer_approval")
def answer(
    request: Request, config: Pipeline, dag_id: TrainingDag, request_id: str, form: Annotated[AnswerForm, Form()]
) -> HTMLResponse:
    """Give the answer in the viewer's name."""
    approval = _request(config, dag_id, request_id)
    api = ViewerApi(request)
    question = _question(api, approval)
    if question["task_instance"]["task_id"] != form.task_id:
        raise HTTPException(
            status.HTTP_409_CONFLICT, "somebody has answered meanwhile, and another answer is wanted now"
        )
    api.answer(dag_id, _dag_run_id(approval), form.task_id, form.chosen)
    forget_watermark(config)
    return render(request, "panels/answered.html.j2", chosen=form.chosen, approval=approval)


def _request(config: Pipeline, dag_id: str, request_id: str) -> ApprovalRequest:
    with open_session(config) as warehouse:
        found = find_request(warehouse, request_id)
    if found is None or not found.run_id.startswith(f"{dag_id}/"):
        raise HTTPException(status.HTTP_404_NOT_FOUND, "there is no such request")
    return found


def _question(api: ViewerApi, approval: ApprovalRequest) -> Mapping[str, Any]:
    """Return what the request's run asks just now."""
    questions = api.open_questions(approval.run_id.partition("/")[0], _dag_run_id(approval))
    of_kind = [
        question
        for question in questions
        if (_OF_PROMOTION in question["task_instance"]["task_id"]) == (approval.kind == "promotion")
    ]
    if not of_kind:
        raise HTTPException(status.HTTP_409_CONFLICT, "this was answered already, or its time is over")
    return of_kind[0]


def _dag_run_id(approval: ApprovalRequest) -> str:
    return approval.run_id.partition("/")[2]
