"""Who may see and do what: Airflow decides, by the rights that the viewer has in it.

Airflow mounts a plugin's pages without any check of its own. Each router here brings its guard with it, so that a route
has one from the moment that it is written; what cannot be decided is refused.
"""

from typing import Annotated
from urllib.parse import urlsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import get_user
from airflow.models.dag import DagModel
from fastapi import APIRouter, Depends, HTTPException, Request, status

from driftgate.status.pipeline_files import find_pipeline
from include.config import PipelineConfig

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def auth_manager() -> BaseAuthManager[BaseUser]:
    """Return what decides about rights; without it nobody has any."""
    try:
        return get_auth_manager()
    except RuntimeError as error:
        raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, "Airflow's auth manager is not running") from error


AuthManager = Annotated[BaseAuthManager[BaseUser], Depends(auth_manager)]
Viewer = Annotated[BaseUser, Depends(get_user)]
"""Who looks at the page: known by Airflow's token, in the cookie of its pages or in the header."""


def refuse_other_origins(request: Request) -> None:
    """Refuse a write that another site has made the viewer's browser send."""
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        is_own = site == "same-origin"
    else:  # an older browser; a script that is none sends neither
        origin = request.headers.get("origin")
        is_own = origin is None or urlsplit(origin).netloc == request.headers.get("host")
    if not is_own:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "this came from another site")


def require_page(manager: AuthManager, viewer: Viewer) -> None:
    """Let in whoever sees the plugins' entries in Airflow's navigation."""
    if not manager.is_authorized_view(access_view=AccessView.PLUGINS, user=viewer):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "you may not see plugins' pages in Airflow")


def may_read(manager: BaseAuthManager[BaseUser], viewer: BaseUser, config: PipelineConfig) -> bool:
    """Whether somebody may see a pipeline: who may read its inference DAG may."""
    return _is_authorized(manager, viewer, "GET", f"{config.name}_inference", None)


def may_trigger(manager: BaseAuthManager[BaseUser], viewer: BaseUser, dag_id: str) -> bool:
    """Whether somebody may start runs of a DAG."""
    return _is_authorized(manager, viewer, "POST", dag_id, DagAccessEntity.RUN)


def may_answer(manager: BaseAuthManager[BaseUser], viewer: BaseUser, dag_id: str) -> bool:
    """Whether somebody may answer what the runs of a DAG ask people."""
    return _is_authorized(manager, viewer, "PUT", dag_id, DagAccessEntity.HITL_DETAIL)


def known_pipeline(name: str, manager: AuthManager, viewer: Viewer) -> PipelineConfig:
    """Return the pipeline of the address, if the viewer may see it."""
    config = find_pipeline(name)
    if config is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, f"there is no classifier {name!r}")
    if not may_read(manager, viewer, config):
        raise HTTPException(status.HTTP_403_FORBIDDEN, f"you may not read the DAG {config.name}_inference")
    return config


Pipeline = Annotated[PipelineConfig, Depends(known_pipeline)]


def page_router() -> APIRouter:
    """Return a router for what belongs to no pipeline."""
    return APIRouter(dependencies=[Depends(refuse_other_origins), Depends(require_page)])


def pipeline_router(prefix: str = "") -> APIRouter:
    """Return a router for what belongs to one pipeline, which its routes take as an argument of type `Pipeline`.

    Args:
        prefix: What follows /pipelines/{name} in the address, with a / at its head.
    """
    return APIRouter(
        prefix=f"/pipelines/{{name}}{prefix}", dependencies=[Depends(refuse_other_origins), Depends(known_pipeline)]
    )


def _is_authorized(
    manager: BaseAuthManager[BaseUser], viewer: BaseUser, method: str, dag_id: str, entity: DagAccessEntity | None
) -> bool:
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    return bool(
        manager.is_authorized_dag(method=method, access_entity=entity, details=details, user=viewer)  # type: ignore[arg-type]
    )
