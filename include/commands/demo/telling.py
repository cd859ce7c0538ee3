"""How the demo tells its story, from an instance that is empty to what was learnt."""

from pathlib import Path
from typing import NamedTuple

from include.commands.access import open_airflow
from include.commands.console import Output
from include.commands.demo.digits_plot import DigitsPlot
from include.commands.demo.findings import show_answers, show_ledger, show_quarantine
from include.commands.demo.own_images_plot import OwnImagesPlot
from include.commands.demo.plot import Plot
from include.commands.demo.stopwatch import Stopwatch
from include.commands.demo.story import Story
from include.commands.demo.summary import summarise
from include.commands.lifecycle import release_dags, show_addresses
from include.commands.local.instance import LocalInstance
from include.commands.local.mails import read_mails
from include.commands.local.state import LocalState, Settings
from include.commands.setting_up import set_up


class Ports(NamedTuple):
    """Where the processes of the instance listen; None: as before, or as ever."""

    airflow: int | None
    warehouse: int | None
    mail: int | None


def tell(dataset: Path | None, ports: Ports, *, verbose: bool, as_json: bool) -> None:
    """Tell the story, and leave everything running.

    Args:
        dataset: The folder of somebody's own images; None tells it on digits.
        ports: Where its instance listens.
        verbose: Whether to show what Airflow and libraries log, too.
        as_json: Whether standard output gets the summary as JSON.

    Raises:
        CommandError: The images do not do, or something does not start; or a run failed.
    """
    output = Output(as_json=as_json)
    state = LocalState.locate(demo=True)
    stopwatch = Stopwatch(output)
    plot: Plot = DigitsPlot() if dataset is None else OwnImagesPlot.read(dataset, state=state)

    with stopwatch.step("pictures", plot.opening):
        settings = _fresh_settings(state, output, ports)
        truth = plot.write_inputs(state, settings, output)
    with stopwatch.step("start", "Start the embedded warehouse, a mail catcher and Airflow"):
        LocalInstance(state, settings, output.say).up()
    with stopwatch.step("setup", "Set the pipeline up in the warehouse"):
        config = set_up(plot.pipeline, state)
        output.say(f"schema, stages, tables and views are in {config.warehouse.database}.{config.schema_name}")
        with open_airflow(state) as api:
            release_dags(api, Path(settings.pipelines), output)

    story = Story(state=state, config=config, output=output, stopwatch=stopwatch, truth=truth, verbose=verbose)
    plot.tell(story)
    with stopwatch.step("answers", "Read the answers, as SQL"):
        findings = story.findings()
        show_answers(findings.answers, output)
        sheet = state.root / "contact_sheet.png"
        plot.draw(story, sheet)
        output.say(f"contact sheet: {sheet}")
    show_quarantine(findings.quarantine, output)
    show_ledger(findings.ledger, output)
    story.show_chapters()
    summary = summarise(story, findings, mails=read_mails(state.mails), dataset=plot.facts(story, findings))
    summary.write(state.root / "summary.json")
    summary.show_mails(output)
    _say_goodbye(plot, story, settings)
    output.result(summary.as_json())


def _fresh_settings(state: LocalState, output: Output, ports: Ports) -> Settings:
    """End what runs of an earlier demo, remove what it left, and return this one's settings."""
    stopped = LocalInstance(state, state.read_settings(), output.say).down()
    if stopped:
        output.say(f"ended the demo that still ran ({', '.join(stopped)})")
    settings = state.read_settings().with_choices(
        airflow_port=ports.airflow, warehouse_port=ports.warehouse, mail_port=ports.mail
    )
    LocalInstance(state, settings, output.say).refuse_taken_ports()
    with state.locked():
        state.wipe()
    return settings


def _say_goodbye(plot: Plot, story: Story, settings: Settings) -> None:
    state, output = story.state, story.output
    output.say(f"\n[{story.stopwatch.total:5.1f} s] Done: {plot.moral(story)}", style="bold green")
    show_addresses(state, settings, output)
    output.say(f"reports    {state.store / plot.pipeline / 'reports'}")
    output.say(f"summary    {state.root / 'summary.json'}")
    output.say("Everything stays running: ./driftgate status --demo asks it, make down ends it.")
    for line in plot.next_steps(settings):
        output.say(line)
