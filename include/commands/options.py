"""The options that several verbs have."""

from typing import Annotated

import typer

from include.commands.completion import complete_pipeline_name

_COMMON = "Common options"
"""The panel of the help with what many verbs have."""

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="The pipeline's name, as in its file.", autocompletion=complete_pipeline_name),
]
MaybeName = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", help="A pipeline; by default all of them.", autocompletion=complete_pipeline_name),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Write the result as JSON, and all else to standard error.", rich_help_panel=_COMMON),
]
OfDemo = Annotated[
    bool,
    typer.Option("--demo", help="Of the demo's instance, not of the main one.", rich_help_panel=_COMMON),
]
Verbose = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Show what Airflow and libraries log, too.", rich_help_panel=_COMMON),
]
AcceptRemovals = Annotated[
    bool, typer.Option("--accept-removals", help="Go on even if more than a fifth of the images are gone.")
]
AirflowPort = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Where Airflow listens; kept for the next time.")
]
MailPort = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Where the mail catcher listens; kept for the next time.")
]
WarehousePort = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Where the embedded warehouse listens; kept for the next time.")
]
