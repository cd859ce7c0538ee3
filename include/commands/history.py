"""The verb `history`: every version, from its snapshot to when it was champion. It asks the warehouse itself."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from include.commands.console import Output, printable
from include.commands.local.state import LocalState
from include.commands.options import AsJson, Name, OfDemo
from include.commands.version_story import version_story
from include.commands.warehouse_access import open_warehouse, pipeline_named
from include.config import PipelineConfig
from include.errors import WrongCallError

if TYPE_CHECKING:  # half a second to import
    from include.registry.history import VersionHistory
    from include.warehouse.session import Warehouse

_DIGEST_SHOWN = 8
"""How many characters of a digest a table shows; --version and --json have all of it."""
_N_LISTED = 100
"""How many of the latest versions the table shows, if nobody says how many."""
_STATE_STYLES = {"champion": "green", "recalled": "yellow", "refused by the gate": "red"}


def history(
    name: Name,
    version: Annotated[
        int | None, typer.Option(min=1, metavar="VERSION", help="Tell all of one version, sentence by sentence.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="So many of the latest versions; by default the table shows 100, --json all."),
    ] = None,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Show every version: what it learnt from, who let it in, and when it was champion.

    With --version it tells all of one: snapshot, figures, gate, who
    approved what and what they were shown, promotion, rollbacks, and from
    when to when it answered. The same is in the view MODEL_HISTORY.
    """
    output = Output(as_json=as_json)
    if version is not None and limit is not None:
        raise WrongCallError("--limit is for the list of versions: leave it out, or --version")
    state = LocalState.locate(demo=demo)
    config = pipeline_named(name, state)
    with open_warehouse(config, state) as warehouse:
        if version is not None:
            _tell(warehouse, config, version, output)
        else:
            _list(warehouse, config, limit, output)


def described(of_version: "VersionHistory") -> dict[str, Any]:
    """Return what the ledger tells of a version in the form for --json."""
    gate, promotion = of_version.gate, of_version.promotion
    return {
        **vars(of_version),
        "state": of_version.state,
        "classes": [metrics._asdict() for metrics in of_version.classes],
        "gate": gate._asdict() if gate else None,
        "approvals": [approval._asdict() for approval in of_version.approvals],
        "promotion": promotion._asdict() if promotion else None,
        "rollbacks": [rollback._asdict() for rollback in of_version.rollbacks],
        "periods": [period._asdict() for period in of_version.periods],
    }


def _tell(warehouse: "Warehouse", config: PipelineConfig, version: int, output: Output) -> None:
    from include.registry.history import read_version_history

    found = read_version_history(warehouse, config, version)
    headline, *lines = version_story(found, name=config.name)
    output.say(headline, style="bold")
    for line in lines:
        output.say(f"  {printable(line)}")
    output.result({"name": config.name, **described(found)})


def _list(warehouse: "Warehouse", config: PipelineConfig, limit: int | None, output: Output) -> None:
    from include.registry.history import read_history

    versions = read_history(warehouse, limit=limit)
    listed = versions[: limit or _N_LISTED]
    if listed:
        output.table(_table(listed))
        if len(versions) > len(listed):
            output.say(f"… and {len(versions) - len(listed):,} older: --limit {len(versions)} shows all")
        output.say(f"times are UTC; all of one version: ./driftgate history {config.name} --version VERSION")
    else:
        output.say(f"{config.name} has no version yet: ./driftgate train {config.name} makes the first one")
    output.result({"name": config.name, "versions": [described(found) for found in versions]})


def _table(versions: Sequence["VersionHistory"]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("version", justify="right")
    # so wide that in 80 columns a cell breaks between words
    table.add_column("trained", min_width=10)
    table.add_column("snapshot", min_width=_DIGEST_SHOWN)
    for heading in ("images", "accuracy"):
        table.add_column(heading, justify="right", min_width=len(heading))
    table.add_column("gate", min_width=6)
    table.add_column("let in by", overflow="fold", min_width=9)
    table.add_column("state", overflow="fold", min_width=12)
    for found in versions:
        table.add_row(
            str(found.version),
            f"{found.created_at:%Y-%m-%d %H:%M}",
            Text(found.snapshot_id[:_DIGEST_SHOWN]),
            "-" if found.n_snapshot_images is None else f"{found.n_snapshot_images:,}",
            "-" if found.accuracy is None else f"{found.accuracy:.3f}",
            "-" if found.gate is None else "passed" if found.gate.is_passed else "failed",
            Text(printable(_let_in_by(found))),  # Text, as a name in square brackets would be taken for markup
            Text(_state(found), style=_STATE_STYLES.get(found.state, "")),
        )
    return table


def _let_in_by(found: "VersionHistory") -> str:
    """Return who approved or promoted a version, in a cell."""
    people = [approval.actor for approval in found.approvals if approval.answer == "APPROVED"]
    if not people and found.promotion:
        people = [found.promotion.actor]
    return ", ".join(dict.fromkeys(people)) or "-"


def _state(found: "VersionHistory") -> str:
    """Return what a version is and when it was champion, in a cell."""
    if found.valid_from is None:
        return found.state
    end = f"to {found.valid_to:%Y-%m-%d %H:%M}" if found.valid_to else "until now"
    n = len(found.periods)
    times = f", {n} times" if n > 1 else ""
    return f"{found.state}; valid {found.valid_from:%Y-%m-%d %H:%M} {end}{times}"
