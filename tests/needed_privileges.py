"""What each statement below include/sql needs of the role that runs it, computed from the statement itself.

By Snowflake's access control requirements: reading takes SELECT, also of rows that a statement changes by a condition;
a view is read with its owner's privileges; temporary tables need none. Of a stage, USAGE allows everything on an
external one; on an internal one READ is to read, PUT, REMOVE, PURGE and REFRESH need WRITE.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import sqlglot
from sqlglot import exp

from include.warehouse.identifiers import MODELS_STAGE, WORK_STAGE
from include.warehouse.session import SQL_FOLDER, read_statement

IMAGE_STAGES = "the stages with images"
"""What `{stage}` stands for, where it is not one of Driftgate's own."""
STREAMS = "THE_STREAMS_ON_THEM"
"""What `{stream}` stands for."""

_OF_A_WORK_STAGE = ("copy_loaded_", "select_work_paths")
_OF_OWN_STAGES = ("stages/put_file", "stages/get_files", "stages/remove_files")


class Need(NamedTuple):
    """A privilege on an object; `kind` is table (or view), stream, stage, schema or file format."""

    kind: str
    name: str
    privilege: str


def needed_privileges(*, without: tuple[str, ...]) -> dict[Need, list[str]]:
    """Return all that is needed, with the statements that need it; `without` are areas that others run."""
    needed: defaultdict[Need, list[str]] = defaultdict(list)
    for path in sorted(SQL_FOLDER.rglob("*.sql")):
        name = str(path.relative_to(SQL_FOLDER).with_suffix(""))
        if not name.startswith(without):
            for need in needs_of(name):
                needed[need].append(name)
    return needed


def needs_of(name: str) -> Iterator[Need]:
    """Return what one statement needs."""
    text = read_statement(name)
    yield from _stage_needs(name, text)
    if text.lstrip().startswith(("PUT", "GET", "REMOVE", "ALTER STAGE", "LIST")):
        return
    filled = re.sub(r"%\([a-z_0-9]+\)s", "'a'", text)
    filled = re.sub(r"\{location\}", "@WORK/path/", re.sub(r"\{stage\}", "SOME_STAGE", filled))
    filled = re.sub(r"\{[a-z_]+\}", "NAMED", re.sub(r"\{stream\}", STREAMS, filled))
    statement = sqlglot.parse_one(filled, dialect="snowflake")
    if isinstance(statement, exp.Drop):  # takes the ownership that whoever made it has
        return
    if formats := re.findall(r"FORMAT_NAME = '?(\w+)", text):
        yield from (Need("file format", found, "USAGE") for found in formats)
    if isinstance(statement, exp.Create):
        yield from _create_needs(statement)
    yield from _table_needs(statement)


def _create_needs(statement: exp.Create) -> Iterator[Need]:
    if statement.find(exp.TemporaryProperty) is None:
        yield Need("schema", "", f"CREATE {statement.args['kind'].upper()}")


def _table_needs(statement: exp.Expr) -> Iterator[Need]:
    changed = _changed(statement)
    ctes = {cte.alias_or_name.upper() for cte in statement.find_all(exp.CTE)}
    if isinstance(statement, exp.Create | exp.Copy) and changed is not None:
        ctes.add(changed.name.upper())
    for table in statement.find_all(exp.Table):
        name = table.name.upper()
        if table is changed or name in ctes or not _is_permanent(table):
            continue
        yield Need("stream" if name == STREAMS else "table", name, "SELECT")
    if changed is not None and _is_permanent(changed) and not isinstance(statement, exp.Create | exp.Copy):
        for privilege in sorted(_changing(statement)):
            yield Need("table", changed.name.upper(), privilege)


def _changed(statement: exp.Expr) -> exp.Table | None:
    """Return the table that a statement writes."""
    if isinstance(statement, exp.Insert | exp.Update | exp.Delete | exp.Merge | exp.Create | exp.Copy):
        target = statement.this
        return target if isinstance(target, exp.Table) else target.find(exp.Table)
    return None


def _changing(statement: exp.Expr) -> set[str]:
    """Return what it takes to write."""
    if isinstance(statement, exp.Merge):
        clauses = [when.args["then"] for when in statement.find_all(exp.When)]
        found = {type(then).__name__.upper() for then in clauses if not isinstance(then, exp.Var)}
        return found | {"SELECT"} | {then.name.upper() for then in clauses if isinstance(then, exp.Var)}
    if isinstance(statement, exp.Insert):
        return {"INSERT"}
    reads_itself = {"SELECT"} if statement.args.get("where") is not None else set()
    return {type(statement).__name__.upper()} | reads_itself


def _is_permanent(table: exp.Table) -> bool:
    is_named = isinstance(table.this, exp.Identifier)
    return is_named and not table.name.upper().startswith("LOADED_") and table.db.upper() != "INFORMATION_SCHEMA"


def _stage_needs(name: str, text: str) -> Iterator[Need]:
    statement = name.rpartition("/")[2]
    if "{location}" in text:
        own = (WORK_STAGE,) if statement.startswith(_OF_A_WORK_STAGE) else (WORK_STAGE, MODELS_STAGE)
        stages = own if name in _OF_OWN_STAGES or statement.startswith(_OF_A_WORK_STAGE) else (IMAGE_STAGES,)
    elif re.search(r"[@(]\s*@?\{stage\}|ALTER STAGE \{stage\}", text):
        stages = (WORK_STAGE,) if statement.startswith(_OF_A_WORK_STAGE) else (IMAGE_STAGES,)
    else:
        return
    is_written = re.search(r"^\s*(PUT|REMOVE|ALTER STAGE)|PURGE = TRUE", text)
    for stage in stages:
        yield Need("stage", stage, "READ")  # WRITE is granted with it alone
        if is_written:
            yield Need("stage", stage, "WRITE")
