"""A pipeline's schema, copied: the 40 statements of a set-up take 0.3 s, in hundreds of tests, and a training 6 s.

What `setup` itself does is tested in tests/unit/warehouse/test_setup.py; that a copy is no different, beside it.
"""

import shutil
from collections.abc import Iterator
from contextlib import suppress

import duckdb

from include.config import PipelineConfig
from include.warehouse.embedded.account import Grant
from include.warehouse.embedded.server import RunningServer
from include.warehouse.embedded.stages import Stage, StageKey

_TABLES = """
SELECT table_name, sql FROM duckdb_tables() WHERE database_name = ? AND schema_name = ? AND NOT temporary
"""
_VIEWS = """
SELECT sql FROM duckdb_views() WHERE database_name = ? AND schema_name = ? AND NOT internal ORDER BY view_oid
"""
_TEXT_LENGTHS = "_fs_global._fs_information_schema._fs_columns_ext"
_COPY_TEXT_LENGTHS = f"""
INSERT INTO {_TEXT_LENGTHS}
SELECT * REPLACE (? AS ext_table_schema) FROM {_TEXT_LENGTHS} WHERE ext_table_catalog = ? AND ext_table_schema = ?
"""  # noqa: S608
_DELETE_TEXT_LENGTHS = f"DELETE FROM {_TEXT_LENGTHS} WHERE ext_table_catalog = ? AND ext_table_schema = ?"  # noqa: S608
_FILE_FORMATS = "_fs_global._fs_information_schema._fs_file_formats"
_COPY_FILE_FORMATS = f"""
INSERT INTO {_FILE_FORMATS}
SELECT * REPLACE (? AS schema_name) FROM {_FILE_FORMATS} WHERE database_name = ? AND schema_name = ?
"""  # noqa: S608
_DELETE_FILE_FORMATS = f"DELETE FROM {_FILE_FORMATS} WHERE database_name = ? AND schema_name = ?"  # noqa: S608


class SchemaTemplate:
    """A schema of the embedded warehouse that was set up, from which others are copied, with rows and staged files.

    Args:
        server: The embedded warehouse, in this process.
        config: The pipeline that was set up. Its schema is not to change any more.
    """

    def __init__(self, server: RunningServer, config: PipelineConfig) -> None:
        self._warehouse = server.warehouse
        self._config = config
        self._database = config.warehouse.database
        with self._warehouse.databases.connection() as duck:
            place = [self._database, config.schema_name]
            tables = duck.execute(_TABLES, place).fetchall()
            self._names = [name for name, _ in tables]
            self._statements = [sql for _, sql in tables] + [sql for (sql,) in duck.execute(_VIEWS, place).fetchall()]
        # Found once: with each copy there is more to look through.
        old, memory = config.schema_name, self._warehouse.memory
        self._stages = [stage for stage in self._warehouse.stages.all() if list(stage.key[:2]) == place]
        self._streams = [stream for stream, _ in self._warehouse.streams.all() if list(stream.key[:2]) == place]
        self._objects = [(key, found) for key, found in memory._objects.items() if old in key[1]]
        self._grants = [
            (kind, name, grant)
            for (kind, name), grants in memory._grants.items()
            for grant in grants
            if old in name + grant.grantee_name
        ]
        self._future = [future for future in memory._future if old in future.container]

    def copy_to(self, config: PipelineConfig) -> None:
        """Make the schema, tables, views, stages and streams of another pipeline, and fill them."""
        databases = self._warehouse.databases
        databases.create_schema(self._database, config.schema_name)
        with databases.ddl_lock, databases.connection() as duck:
            duck.execute(f"USE {self._database}.{config.schema_name}")
            duck.execute("".join(["BEGIN;", *self._creating(config.schema_name), "COMMIT;"]))
            for copying in (_COPY_TEXT_LENGTHS, _COPY_FILE_FORMATS):
                duck.execute(copying, [config.schema_name, self._database, self._config.schema_name])
        urls = {stage.name: stage.url for stage in (config.stages.training, config.stages.incoming)}
        for stage in self._stages:
            self._warehouse.stages.create(stage._replace(key=_key(stage, config), url=urls.get(stage.key.name) or ""))
        for stream in self._streams:
            key, on = (name._replace(schema=config.schema_name) for name in (stream.key, stream.stage))
            self._warehouse.streams.create(stream._replace(key=key, stage=on))
        self._copy_account(config)
        self.fill(config)

    def drop(self, config: PipelineConfig) -> None:
        """Take a copy away, with what was made in it since: with 400 schemas a statement takes twice as long."""
        embedded, place = self._warehouse, (self._database, config.schema_name)
        with suppress(duckdb.Error), embedded.databases.ddl_lock, embedded.databases.connection() as duck:
            # a test may have left a transaction open that keeps it
            duck.execute(f"DROP SCHEMA IF EXISTS {self._database}.{config.schema_name} CASCADE")
            for deleting in (_DELETE_TEXT_LENGTHS, _DELETE_FILE_FORMATS):
                duck.execute(deleting, place)
        for made in (embedded.streams, embedded.stages, embedded.functions):
            made.drop_all(*place)
        self._drop_account(config.schema_name)

    def fill(self, config: PipelineConfig) -> None:
        """Put the rows and the files of the internal stages into the schema of another pipeline, which is set up."""
        with self._warehouse.databases.connection() as duck:
            duck.execute(f"USE {self._database}.{config.schema_name}")
            duck.execute("".join(["BEGIN;", *self._filling(config.schema_name), "COMMIT;"]))
        stages = self._warehouse.stages
        for stage in self._stages:
            if not stage.url and stages.folder(stage).is_dir():
                copy = stages.get(_key(stage, config))
                shutil.copytree(stages.folder(stage), stages.folder(copy), dirs_exist_ok=True)

    def _copy_account(self, config: PipelineConfig) -> None:
        """Make the other pipeline's roles and grants, in memory alone: on the disk that takes a minute of a run."""
        memory, old, new = self._warehouse.memory, self._config.schema_name, config.schema_name
        for (kind, name), found in self._objects:
            memory._objects[kind, name.replace(old, new)] = found._replace(name=name.replace(old, new))
        for kind, name, grant in self._grants:
            renamed = [field.replace(old, new) if isinstance(field, str) else field for field in grant]
            memory._grants[kind, name.replace(old, new)].append(Grant(*renamed))
        memory._future += [
            future._replace(
                container=future.container.replace(old, new), grantee_name=future.grantee_name.replace(old, new)
            )
            for future in self._future
        ]

    def _drop_account(self, schema: str) -> None:
        memory = self._warehouse.memory
        for remembered in (memory._objects, memory._grants):
            for key in [key for key in remembered if schema in key[1]]:
                del remembered[key]
        for key, grants in memory._grants.items():
            memory._grants[key] = [grant for grant in grants if schema not in grant.grantee_name]
        memory._future = [future for future in memory._future if schema not in future.container]

    def _creating(self, schema: str) -> Iterator[str]:
        for statement in self._statements:
            yield statement.replace(f" {self._config.schema_name}.", f" {schema}.", 1)

    def _filling(self, schema: str) -> Iterator[str]:
        for name in self._names:
            yield f'DELETE FROM {schema}."{name}";'  # noqa: S608
            yield f'INSERT INTO {schema}."{name}" SELECT * FROM {self._config.schema_name}."{name}";'  # noqa: S608


def _key(stage: Stage, config: PipelineConfig) -> StageKey:
    """Return the name of the other pipeline's stage."""
    return StageKey(stage.key.database, config.schema_name, stage.key.name)
