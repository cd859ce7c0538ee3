"""The verb `reproduce`: train a version again by Airflow's REST API, and tell what it came to."""

from typing import Annotated

import typer

from include.commands.access import open_airflow
from include.commands.console import Output
from include.commands.local.state import LocalState
from include.commands.options import AsJson, Name, OfDemo, Verbose
from include.commands.runs import described, run_dag

_COMPARES = "compare"
"""The task that returns the comparison."""


def reproduce(
    name: Name,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=1, help="The version to train again.")],
    demo: OfDemo = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Train a version again from its stored snapshot and config, compare, and follow the run.

    On the same machine the weights are the same, to the last bit. If they are
    not, it tells the accuracies of both on the same test images, and what may
    explain it. Nothing is registered, and the champion stays. The exit code is
    0 whenever it could be compared.
    """
    output = Output(as_json=as_json)
    state = LocalState.locate(demo=demo)
    followed = run_dag("reproduce", name, {"version": version}, state=state, output=output, verbose=verbose)
    if as_json:
        with open_airflow(state) as api:
            comparison = api.returned(followed.run, _COMPARES)
        output.result({**described(followed), "comparison": comparison})
