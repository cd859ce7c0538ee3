"""What each statement about a stage does."""

import fnmatch
import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from include.warehouse.embedded import stage_sql
from include.warehouse.embedded.account import Account
from include.warehouse.embedded.errors import compilation_error, missing_object
from include.warehouse.embedded.sessions import Session
from include.warehouse.embedded.stage_sql import Option
from include.warehouse.embedded.stages import Stage, StageKey, Stages
from include.warehouse.embedded.transfer import Transfers
from include.warehouse.embedded.translation import Context

_Change = stage_sql.CreateStage | stage_sql.AlterStage | stage_sql.RefreshStage | stage_sql.DropStage

_KNOWN_OPTIONS = frozenset(
    "URL STORAGE_INTEGRATION CREDENTIALS ENCRYPTION DIRECTORY FILE_FORMAT COPY_OPTIONS COMMENT ENDPOINT".split()  # noqa: SIM905
)


class StageStatements:
    """Runs the statements of `stage_sql`."""

    def __init__(self, stages: Stages, transfers: Transfers, account: Account) -> None:
        self._stages = stages
        self._transfers = transfers
        self._account = account

    def changes_catalog(self, statement: stage_sql.StageStatement) -> bool:
        """Say whether the statement is DDL, which commits the open transaction."""
        return isinstance(statement, _Change)

    def run(self, statement: stage_sql.StageStatement, session: Session) -> pa.Table:
        """Run a statement whose answer is rows."""
        context = session.context
        match statement:
            case stage_sql.ShowStages():
                return self._show(statement, context)
            case stage_sql.ListFiles():
                return self._transfers.list_files(statement, context)
            case stage_sql.RemoveFiles():
                return self._transfers.remove(statement, context)
            case stage_sql.DescribeStage():
                return _described(self._stages.get(context.stage_key(statement.stage)))
            case stage_sql.PutFiles() | stage_sql.GetFiles():
                raise TypeError("PUT and GET are answered with a transfer")
            case _:
                return self._change(statement, context.stage_key(statement.stage), session)

    def transfer(self, statement: stage_sql.PutFiles | stage_sql.GetFiles, session: Session) -> dict[str, Any]:
        """Return what the client has to move."""
        if isinstance(statement, stage_sql.PutFiles):
            return self._transfers.put(statement, session.context, session.base)
        return self._transfers.get(statement, session.context, session.base)

    def _change(self, statement: _Change, key: StageKey, session: Session) -> pa.Table:
        match statement:
            case stage_sql.CreateStage():
                return self._create(statement, key, session)
            case stage_sql.RefreshStage():
                return self._refresh(statement, key)
            case stage_sql.AlterStage():
                if self._stages.find(key) is not None or not statement.if_exists:
                    self._stages.alter(self._with_options(self._stages.get(key), statement.options))
                return _status("Statement executed successfully.")
            case stage_sql.DropStage():
                self._stages.drop(key, if_exists=statement.if_exists)
                self._account.forget("STAGE", str(key))
                return _status(f"{key.name} successfully dropped.")

    def _create(self, statement: stage_sql.CreateStage, key: StageKey, session: Session) -> pa.Table:
        owner = session.id if statement.temporary else None
        stage = self._with_options(Stage(key, "", directory_enabled=False, session=owner), statement.options)
        if self._stages.create(stage, replace=statement.replace, if_not_exists=statement.if_not_exists):
            if not statement.temporary:
                self._account.made("STAGE", str(key), owner=session.role)
            return _status(f"Stage area {key.name} successfully created.")
        return _status(f"{key.name} already exists, statement succeeded.")

    def _with_options(self, stage: Stage, options: Mapping[str, Option]) -> Stage:
        """Return the stage with the options that mean something here.

        Raises:
            SnowflakeError: There is no such option (001420), or no such integration (002003).
        """
        changed = _with_options(stage, options)
        if "STORAGE_INTEGRATION" in options:
            name = str(options["STORAGE_INTEGRATION"]).upper()
            if self._account.find("INTEGRATION", name) is None:
                raise missing_object("Integration", name)
        return changed

    def _refresh(self, statement: stage_sql.RefreshStage, key: StageKey) -> pa.Table:
        if self._stages.find(key) is None and statement.if_exists:
            return _status("Statement executed successfully.")
        done = self._stages.refresh(self._stages.get(key), statement.subpath)
        rows = [
            *((path, "REGISTERED_NEW", "File registered successfully.") for path in done.registered),
            *((path, "REGISTERED_UPDATE", "File updated successfully.") for path in done.updated),
            *((path, "UNREGISTERED", "File unregistered successfully.") for path in done.removed),
        ]
        names = ("file", "status", "description")
        return pa.table({name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(names)})

    def _show(self, statement: stage_sql.ShowStages, context: Context) -> pa.Table:
        stages = self._stages.all()
        scope: tuple[str | None, ...] = statement.scope or (context.database, context.schema)
        if len(scope) == 1:
            shown = [stage for stage in stages if scope[0] in {stage.key.database, stage.key.schema}]
        else:
            shown = [stage for stage in stages if stage.key[:2] == scope]
        if statement.everywhere:
            shown = stages
        if statement.like is not None:
            like = re.compile(fnmatch.translate(statement.like.replace("%", "*").replace("_", "?")), re.IGNORECASE)
            shown = [stage for stage in shown if like.match(stage.key.name)]
        rows = [
            {
                "name": stage.key.name,
                "database_name": stage.key.database,
                "schema_name": stage.key.schema,
                "url": stage.url,
                "comment": stage.comment,
                "type": "EXTERNAL" if stage.url else "INTERNAL",
                "storage_integration": stage.storage_integration,
                "directory_enabled": "Y" if stage.directory_enabled else "N",
            }
            for stage in shown
        ]
        names = (
            "name database_name schema_name url comment type storage_integration directory_enabled".split()  # noqa: SIM905
        )
        return pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in names})


def _with_options(stage: Stage, options: Mapping[str, Option]) -> Stage:
    """Return the stage with the options that mean something here; the others of Snowflake are accepted.

    Raises:
        SnowflakeError: There is no such option (001420).
    """
    if unknown := set(options) - _KNOWN_OPTIONS:
        raise compilation_error(f"invalid property '{min(unknown)}' for 'STAGE'", errno=1420, sqlstate="22023")
    directory = options.get("DIRECTORY")
    enabled = stage.directory_enabled
    if isinstance(directory, Mapping) and "ENABLE" in directory:
        enabled = str(directory["ENABLE"]).upper() == "TRUE"
    integration = options.get("STORAGE_INTEGRATION", stage.storage_integration)
    return stage._replace(
        url=str(options.get("URL", stage.url)),
        comment=str(options.get("COMMENT", stage.comment)),
        storage_integration=None if integration is None else str(integration),
        directory_enabled=enabled,
    )


def _described(stage: Stage) -> pa.Table:
    rows = [
        ("STAGE_LOCATION", "URL", "String", f'["{stage.url}"]' if stage.url else ""),
        ("STAGE_INTEGRATION", "STORAGE_INTEGRATION", "String", stage.storage_integration or ""),
        ("DIRECTORY", "ENABLE", "Boolean", str(stage.directory_enabled).lower()),
        ("STAGE_PROPERTIES", "COMMENT", "String", stage.comment),
    ]
    names = ("parent_property", "property", "property_type", "property_value")
    return pa.table({name: [row[i] for row in rows] for i, name in enumerate(names)})


def _status(text: str) -> pa.Table:
    return pa.table({"status": [text]})
