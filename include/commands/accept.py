"""The verb `accept`: images that a check found broken are normal from now on. It asks the warehouse itself."""

from typing import Annotated

import typer

from include.commands.console import Output
from include.commands.local.state import LocalState
from include.commands.options import AsJson, Name, OfDemo
from include.commands.warehouse_access import open_warehouse, pipeline_named, user_name


def accept(
    name: Name,
    check_id: Annotated[
        str, typer.Argument(metavar="CHECK_ID", help="The check that found BROKEN_IMAGES, as its mail names it.")
    ],
    reason: Annotated[str, typer.Option(help="Why images like these are normal from now on; mails will quote it.")],
    demo: OfDemo = False,
    as_json: AsJson = False,
) -> None:
    """Declare that images which a drift check found broken are the new normal.

    A new camera or another light makes images that look broken beside the
    ones that the champion was accepted on: while they do, nothing is
    retrained and nothing rolled back. Once they are accepted, images that
    look like them are drift of the data, and the next inference run asks
    for labels or for a retraining. Images that cannot be decoded are never
    normal. Doing it twice changes nothing.
    """
    output = Output(as_json=as_json)
    state = LocalState.locate(demo=demo)
    config = pipeline_named(name, state)
    with open_warehouse(config, state) as warehouse:
        from include.drift.acceptance import accept_check

        accepted = accept_check(warehouse, check_id, reason=reason, actor=user_name())
    output.say(f"{accepted.sentence} ({accepted.accepted_at:%Y-%m-%d %H:%M} UTC)")
    output.say(f"such images are drift of the data now: ./driftgate infer {config.name} goes on with it")
    output.result({"name": config.name, **accepted._asdict()})
