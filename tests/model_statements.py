"""Snowflake's statements about models, for the embedded warehouse, which has none: enough for snowflake-ml-python's.

The library itself is real, and so is its way to a server; here the server remembers what it was told.
"""

import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from include.warehouse.embedded.answers import Answer, answer_of, succeeded
from include.warehouse.embedded.errors import SnowflakeError
from include.warehouse.embedded.execution import Executor
from include.warehouse.embedded.stage_sql import parse_location

_STATEMENTS = {
    "show_models": r"SHOW MODELS(?: LIKE '\w+')? IN SCHEMA (?P<schema>\S+)",
    "show_versions": r"SHOW VERSIONS(?: LIKE '(?P<like>\w+)')? IN MODEL (?P<model>\S+)",
    "show_functions": r"SHOW FUNCTIONS IN MODEL (?P<model>\S+) VERSION (?P<version>\w+)",
    "create": r"CREATE MODEL (?P<model>\S+) WITH VERSION (?P<version>\w+) FROM (?P<stage>@\S+)",
    "add": r"ALTER MODEL (?P<model>\S+) ADD VERSION (?P<version>\w+) FROM (?P<stage>@\S+)",
    "metadata": r"ALTER MODEL (?P<model>\S+) MODIFY VERSION (?P<version>\w+) SET METADATA=\$\$(?P<value>.*)\$\$",
    "comment": r"ALTER MODEL (?P<model>\S+) MODIFY VERSION (?P<version>\w+) SET COMMENT=\$\$(?P<value>.*)\$\$",
    "alias": r"ALTER MODEL (?P<model>\S+) VERSION (?P<version>\w+) SET ALIAS = (?P<value>\w+)",
    "unset_alias": r"ALTER MODEL (?P<model>\S+) VERSION (?P<version>\w+) UNSET ALIAS",
    "default": r"ALTER MODEL (?P<model>\S+) SET DEFAULT_VERSION = (?P<version>\w+)",
    "stage": r"CREATE SCOPED TEMPORARY STAGE (?P<stage>\S+)",
}


@dataclass
class StoredVersion:
    """What the registry has of a version."""

    name: str
    files: Path
    """What it was made of, as the library has packaged and uploaded it."""
    comment: str = ""
    metadata: str = ""
    alias: str | None = None


@dataclass
class StoredModel:
    """What the registry has of a model."""

    default: str
    versions: dict[str, StoredVersion] = field(default_factory=dict)

    def with_alias(self, alias: str) -> str | None:
        """Return the version that has an alias."""
        return next((version.name for version in self.versions.values() if version.alias == alias), None)

    def metrics(self, version: str) -> dict[str, Any]:
        """Return a version's metrics."""
        return dict(json.loads(self.versions[version].metadata)["metrics"])


class ModelStatements:
    """Answers statements about models in place of the executor that has none.

    Args:
        execute: The executor's own method, which answers all other statements.
        folder: Where what versions are made of is kept; the library's stages are gone at the end of its session.
    """

    def __init__(self, execute: Any, folder: Path) -> None:
        self._execute = execute
        self._folder = folder
        self.models: dict[str, StoredModel] = {}
        self.sent: list[str] = []
        """What was sent about models, by kind."""
        self.refused: dict[str, str] = {}
        """What is refused, by kind: with which message; once."""
        self.aliases_move = True
        """Whether setting an alias takes it from the version that has it; else it is refused then."""

    def execute(self, executor: Executor, session: Any, sql: str, *values: Any) -> Answer:
        """Answer a statement."""
        text = " ".join(sql.split()).rstrip(";")
        for kind, pattern in _STATEMENTS.items():
            if found := re.fullmatch(pattern, text):
                self.sent.append(kind)
                if message := self.refused.pop(kind, None):
                    raise SnowflakeError(message, errno=3001, sqlstate="42501")
                if kind == "stage":
                    return self._execute(executor, session, sql.replace("SCOPED ", ""), *values)
                files = self._keep(executor, session, found["stage"]) if kind in {"create", "add"} else None
                return self._answer(kind, files=files, **found.groupdict())
        answer: Answer = self._execute(executor, session, sql, *values)
        return answer

    def _keep(self, executor: Executor, session: Any, location: str) -> Path:
        stages = executor._stages._stages
        found = parse_location(location)
        folder = stages.folder(stages.get(session.context.stage_key(found.stage)))
        return Path(shutil.copytree(folder / found.path, self._folder / f"{len(self.sent)}"))

    def _answer(self, kind: str, **named: Any) -> Answer:
        if kind == "show_models":
            schema = named["schema"].rpartition(".")[2]
            names = [name for name in self.models if name.split(".")[1] == schema]
            return _rows(
                ("name", "comment", "default_version_name", "owner"),
                [(name.split(".")[2], "", self.models[name].default, "R") for name in names],
            )
        if kind == "create":
            self.models[named["model"]] = StoredModel(named["version"])
        model = self.models[named["model"]]
        if kind == "show_functions":
            return _rows(("name", "return_type"), [("CLASSIFY", "OBJECT")])
        if kind == "show_versions":
            return self._versions(model, named["like"])
        if kind in {"create", "add"}:
            model.versions[named["version"]] = StoredVersion(named["version"], named["files"])
        elif kind == "default":
            model.default = named["version"]
        elif kind == "unset_alias":
            model.versions[model.with_alias(named["version"]) or named["version"]].alias = None
        else:
            self._set(model, kind, named["version"], named["value"])
        return succeeded()

    def _set(self, model: StoredModel, kind: str, version: str, value: str) -> None:
        if kind == "alias" and (holder := model.with_alias(value)):
            if not self.aliases_move:
                raise SnowflakeError(f"alias {value} exists", errno=2002, sqlstate="42710")
            model.versions[holder].alias = None
        setattr(model.versions[version], kind, value)

    def _versions(self, model: StoredModel, like: str | None) -> Answer:
        return _rows(
            ("name", "comment", "metadata", "model_spec", "aliases"),
            [
                (
                    version.name,
                    version.comment,
                    version.metadata,
                    _spec(version),
                    json.dumps(_aliases(model, version)),
                    "true",
                )
                for version in model.versions.values()
                if like in {None, version.name}
            ],
        )


def _aliases(model: StoredModel, version: StoredVersion) -> list[str]:
    return [*(["DEFAULT"] if model.default == version.name else []), *([version.alias] if version.alias else [])]


def _spec(version: StoredVersion) -> str:
    return (version.files / "model" / "model.yaml").read_text()


def _rows(names: tuple[str, ...], rows: list[tuple[str, ...]]) -> Answer:
    columns = [pa.array([row[place] for row in rows], pa.string()) for place in range(len(names))]
    return answer_of(pa.table(columns, names=list(names)), 0)
