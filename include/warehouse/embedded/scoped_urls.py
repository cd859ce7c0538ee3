"""Scoped URLs: what a function opens a staged file by, for a day. Over HTTP they open nothing."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from include.warehouse.embedded.files import open_file
from include.warehouse.embedded.stages import StageKey, Stages
from include.warehouse.embedded.urls import Signer, StagedFile

SECONDS: Final = 24 * 3600
_PREFIX: Final = "/api/files/"


class ScopedUrls:
    """Makes scoped URLs, and says what they open."""

    def __init__(self, stages: Stages, signer: Signer) -> None:
        self._stages = stages
        self._signer = signer

    def url(self, base: str, key: StageKey, path: str) -> str:
        """Return a URL for a file, which need not exist."""
        return self._signer.url(base, StagedFile(*key, path), method="SCOPED", seconds=SECONDS)

    def opened(self, rows: Iterable[Sequence[Any]]) -> Mapping[str, Mapping[str, str]]:
        """Return what the scoped URLs among arguments open: `path`, or `refusal` with the reason."""
        texts = {value for row in rows for value in row if isinstance(value, str) and _PREFIX in value}
        return {text: self._opened(text) for text in texts}

    def _opened(self, url: str) -> Mapping[str, str]:
        address = urlsplit(url)
        parts = [unquote(part) for part in address.path.removeprefix(_PREFIX).split("/", 3)]
        if len(parts) != 4:
            return {"refusal": "not a scoped URL"}
        file = StagedFile(*parts)
        query = parse_qs(address.query)
        refusal = self._signer.refusal(
            file, method="SCOPED", expires=query.get("expires", [""])[-1], signature=query.get("signature", [""])[-1]
        )
        stage = self._stages.find(StageKey(*file[:3]))
        if refusal or stage is None:
            return {"refusal": refusal or "there is no such stage"}
        found = open_file(self._stages.folder(stage), file.path)
        if found is None:
            return {"refusal": f"the file {file.path} does not exist in stage {file.stage}"}
        os.close(found.descriptor)
        return {"path": found.path}
