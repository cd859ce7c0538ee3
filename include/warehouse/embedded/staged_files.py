"""Staged files over HTTP: downloads and uploads by signed URLs, and by nothing else."""

from starlette.concurrency import run_in_threadpool
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from include.warehouse.embedded.errors import SnowflakeError
from include.warehouse.embedded.files import Upload, open_path
from include.warehouse.embedded.stages import Stage, StageKey
from include.warehouse.embedded.urls import Method, StagedFile
from include.warehouse.embedded.warehouse import Warehouse


class _FilePath(PathConvertor):
    """A path of any characters, line breaks too."""

    regex = "(?s:.*)"


register_url_convertor("file", _FilePath())


class StagedFiles:
    """Downloads and uploads by signed URLs."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    async def download(self, request: Request) -> Response:
        """GET and HEAD."""
        stage, file = self._allowed(request, "GET")
        path = await run_in_threadpool(open_path, self._warehouse.stages.folder(stage), file.path)
        if path is None:
            raise HTTPException(404, "there is no such file in the stage")
        return FileResponse(path)

    async def upload(self, request: Request) -> Response:
        """PUT: the file is there when its last byte is."""
        stage, file = self._allowed(request, "PUT")
        try:
            upload = await run_in_threadpool(Upload, self._warehouse.stages.folder(stage), file.path)
        except SnowflakeError as error:
            raise HTTPException(403, error.message) from error
        try:
            async for chunk in request.stream():
                await run_in_threadpool(upload.write, chunk)
            await run_in_threadpool(upload.finish)
        except BaseException:
            upload.discard()
            raise
        return Response()

    def _allowed(self, request: Request, method: Method) -> tuple[Stage, StagedFile]:
        """Return what the URL allows.

        Raises:
            HTTPException: It allows nothing: 403 with the reason, or 404 if the stage is gone.
        """
        parameters, query = request.path_params, request.query_params
        key = StageKey(parameters["database"], parameters["schema"], parameters["stage"])
        file = StagedFile(*key, parameters["path"])
        refusal = self._warehouse.signer.refusal(
            file, method=method, expires=query.get("expires", ""), signature=query.get("signature", "")
        )
        if refusal:
            raise HTTPException(403, refusal)
        stage = self._warehouse.stages.find(key)
        if stage is None:
            raise HTTPException(404, "there is no such stage")
        return stage, file
