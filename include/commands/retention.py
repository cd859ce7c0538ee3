"""The verbs `prune` and `forget`: what the store keeps, and what nobody may keep. They ask the warehouse themselves."""

import sys
import uuid
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from include.commands.console import Output, printable
from include.commands.local.state import LocalState
from include.commands.options import AsJson, Name, OfDemo
from include.commands.warehouse_access import open_warehouse, pipeline_named, user_name
from include.config import PipelineConfig
from include.errors import WrongCallError

if TYPE_CHECKING:  # half a second to import
    from include.catalog.forgetting import FoundImage
    from include.catalog.keys import ImageKey
    from include.store.forgetting import Forgetting
    from include.store.needs import Amount
    from include.store.pruning import Pruned

_N_NAMED = 3
"""How many copies of an image are named."""


class StageChoice(StrEnum):
    """A stage of a pipeline."""

    TRAINING = "training"
    INCOMING = "incoming"


def prune(
    name: Name,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Remove from a pipeline's store what nobody needs any more.

    First what only gone or old images use and what ended runs have left,
    if it is older than store.keep_days; then, oldest first, what is over
    store.max_gb. Kept are the pixels of the champion's and the previous
    version's snapshots, of labelled images, of images that wait and of
    answers that no drift check has judged, and all that is younger than a
    day. Runs may be under way. What is missed later is made again from the
    stages.
    """
    output = Output(as_json=as_json)
    state = LocalState.locate(demo=demo)
    config = pipeline_named(name, state)
    with open_warehouse(config, state) as warehouse:
        from include.store.files import FileStore
        from include.store.pruning import prune as prune_store

        url = config.store_url
        pruned = prune_store(warehouse, FileStore(url), config, dry_run=dry_run, work_path=uuid.uuid4().hex)
    _show_pruned(pruned, config, url, output, dry_run=dry_run)
    output.result(
        {
            "name": config.name,
            "store": url,
            "dry_run": dry_run,
            "removed": _amounts(pruned.removed),
            "left": _amounts(pruned.left),
            "kept_for": _amounts(pruned.kept_for),
            "freed_bytes": pruned.freed.n_bytes,
            "left_bytes": pruned.remaining.n_bytes,
            "max_bytes": pruned.max_bytes,
            "excess_bytes": pruned.excess,
        }
    )


def forget(  # noqa: PLR0917  typer calls it, by name
    name: Name,
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="The image's path below its stage, as in shirt/0001.jpg.")
    ],
    stage: Annotated[StageChoice | None, typer.Option(help="Only of this stage; by default of both.")] = None,
    copies: Annotated[bool, typer.Option("--copies", help="Forget all images with the same content, too.")] = False,
    reason: Annotated[
        str | None, typer.Option(help="Why, for RUNS, where it stands as you write it: leave names out.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Erase an image for good: its pixels, answers, labels and thumbnails, and every list that names it.

    A file that is still staged has to be deleted there; then run this
    again, for its path in the catalog. Until then, and if it or its content
    comes back, it is in quarantine: never decoded, answered or trained on.
    Snapshots keep its path and digest, as they prove what a version was
    trained on; what a model has learnt from it goes only by training anew.
    The request is a row of RUNS, with a digest in place of the path.
    Interrupted, it goes on when it is run again.
    """
    output = Output(as_json=as_json)
    if not yes and (as_json or not sys.stdin.isatty()):
        raise WrongCallError("forget erases for good, and there is nobody to ask: say --yes if that is what you want")
    state = LocalState.locate(demo=demo)
    config = pipeline_named(name, state)
    with open_warehouse(config, state) as warehouse:
        from include.catalog.forgetting import find_image
        from include.store.files import FileStore
        from include.store.forgetting import forget_image

        stages = [config.stages.training, config.stages.incoming]
        chosen = stages if stage is None else [getattr(config.stages, stage.value)]
        found = find_image(warehouse, config, path, stages=chosen)
        _show_found(found, output, copies=copies)
        if not yes and not typer.confirm("Erase it?"):
            output.say("nothing was erased")
            raise typer.Exit(1)
        store = FileStore(config.store_url)
        done = forget_image(warehouse, store, config, found, with_copies=copies, actor=user_name(), reason=reason)
    _show_forgotten(done, found, output, copies=copies)
    output.result(_forgotten(done, found, copies=copies))


def _show_pruned(pruned: "Pruned", config: PipelineConfig, url: str, output: Output, *, dry_run: bool) -> None:
    output.say(f"store {url}")
    table = Table("", box=None, pad_edge=False)
    for heading in ("would be removed" if dry_run else "removed", "left"):
        table.add_column(heading, justify="right")
    for kind in sorted({*pruned.removed, *pruned.left}):
        table.add_row(kind, _told(pruned.removed.get(kind)), _told(pruned.left.get(kind)))
    table.add_row("together", _told(pruned.freed), _told(pruned.remaining), style="bold")
    output.table(table)
    if pruned.kept_for:
        reasons = Table("what is left is kept for", box=None, pad_edge=False)
        reasons.add_column("", justify="right")
        for reason, amount in sorted(pruned.kept_for.items(), key=lambda item: -item[1].n_bytes):
            reasons.add_row(reason, _told(amount))
        output.table(reasons)
    verb = "would free" if dry_run else "freed"
    output.say(
        f"{verb} {_size(pruned.freed.n_bytes)}; {_size(pruned.remaining.n_bytes)} are left "
        f"(store.keep_days {config.store.keep_days:g}, store.max_gb {config.store.max_gb or 'not set'})"
    )
    if pruned.excess:
        output.say(
            f"what is left is {_size(pruned.excess)} over store.max_gb ({_size(pruned.max_bytes or 0)}), but all of it "
            "is needed, as told above: raise store.max_gb, or delete images from the stages",
            style="yellow",
        )


def _show_found(found: "FoundImage", output: Output, *, copies: bool) -> None:
    path = printable(found.relative_path)
    stages = ", ".join(sorted({version.stage for version in found.versions}))
    if not found.versions:
        output.say(
            f"{path} was forgotten on {max(version.forgotten_at for version in found.forgotten):%Y-%m-%d %H:%M} UTC"
        )
    else:
        n_gone = len(found.versions) - len(found.staged)
        output.say(f"{path} of stage {stages}: {_count(len(found.versions), 'version')}, {n_gone} gone from there")
        output.say(f"  {_count(found.n_predictions, 'answer')}, {_count(found.n_labels, 'label')}")
    live = found.live_copies
    if live:
        named = ", ".join(f"{printable(copy.relative_path)} ({copy.stage})" for copy in live[:_N_NAMED])
        more = ", …" if len(live) > _N_NAMED else ""
        fate = "they go with it" if copies else "they keep the pixels; --copies forgets them, too"
        output.say(
            f"  the same content is in {_count(len(live), 'other image')}: {named}{more}; {fate}", style="yellow"
        )
    if found.snapshots:
        n_snapshots = len({snapshot.snapshot_id for snapshot in found.snapshots})
        trained = ", ".join(str(version) for version in found.trained_versions)
        learnt = f"version {trained} learnt from it" if trained else "no version learnt from it"
        output.say(f"  {_count(n_snapshots, 'snapshot')} will go on naming it; {learnt}")


def _still_staged(found: "FoundImage", *, copies: bool) -> list["ImageKey"]:
    """Return what was forgotten and lies in a stage, where only its owner can delete it."""
    staged = [version.key for version in found.staged]
    return staged + [copy.key for copy in found.live_copies] if copies else staged


def _show_forgotten(done: "Forgetting", found: "FoundImage", output: Output, *, copies: bool) -> None:
    rows, files = done.rows, done.files
    if done.run_id is None:
        output.say("nothing was found that is not forgotten already")
    else:
        counts = (
            (rows.n_predictions, "answer"),
            (rows.n_labels, "label"),
            (rows.n_pixels, "pixel set"),
            (rows.n_features, "feature set"),
            (files.n_thumbnails, "thumbnail"),
            (rows.n_images, "catalog row"),
        )
        output.say(f"erased {_counted(counts) or 'nothing: there were no pixels, answers or labels of its own'}")
        corrected = ((files.n_rewritten, "segment"), (files.n_lists, "list"))
        if any(n for n, _ in corrected):
            output.say(f"  written again without it: {_counted(corrected)}")
        output.say(f"  the request in RUNS: {done.run_id}")
    if files.n_abandoned:
        output.say(f"  deleted {_count(files.n_abandoned, 'file')} of killed tries")
    if done.rows.kept_contents:
        output.say("  its pixels stay, as other images with the same content need them", style="yellow")
    staged = _still_staged(found, copies=copies)
    for key in staged:
        output.say(
            f"  {printable(key.relative_path)} is still in stage {key.stage}, in quarantine: delete it there",
            style="yellow",
        )
    if staged:
        output.say("  and then run this again, so that the path leaves the catalog, too", style="yellow")
    if found.trained_versions:
        output.say("  to take its influence out of the models, train anew: new snapshots leave it out", style="yellow")


def _forgotten(done: "Forgetting", found: "FoundImage", *, copies: bool) -> dict[str, Any]:
    return {
        "path": found.relative_path,
        "run_id": done.run_id,
        "outcome": done.outcome,
        "n_versions": len(found.versions),
        "staged": [
            {"stage": key.stage, "path": key.relative_path, "etag": key.etag}
            for key in _still_staged(found, copies=copies)
        ],
        "erased": {
            "n_predictions": done.rows.n_predictions,
            "n_labels": done.rows.n_labels,
            "n_images": done.rows.n_images,
            "n_pixels": done.rows.n_pixels,
            "n_features": done.rows.n_features,
            **done.files._asdict(),
        },
        "pixels_kept_for_copies": bool(done.rows.kept_contents),
        "live_copies": [{"stage": copy.stage, "path": copy.relative_path} for copy in found.live_copies],
        "snapshots": sorted({snapshot.snapshot_id for snapshot in found.snapshots}),
        "trained_versions": list(found.trained_versions),
    }


def _amounts(amounts: Mapping[str, "Amount"]) -> dict[str, dict[str, int]]:
    return {name: amount._asdict() for name, amount in sorted(amounts.items())}


def _told(amount: "Amount | None") -> str:
    return f"{_count(amount.n_files, 'file')} {_size(amount.n_bytes):>9}" if amount and amount.n_files else "-"


def _size(n_bytes: int) -> str:
    for factor, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n_bytes >= factor:
            return f"{n_bytes / factor:.1f} {unit}"
    return f"{n_bytes} B"


def _counted(counts: Iterable[tuple[int, str]]) -> str:
    return ", ".join(_count(n, what) for n, what in counts if n)


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"
