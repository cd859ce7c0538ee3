"""What the demo's warehouse holds: answers, versions, verdicts and the ledger, as any user would ask for them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from rich.table import Table
from rich.text import Text

from include.commands.console import Output, printable
from include.commands.local.digits import TURNED_FOLDER
from include.config import PROJECT_ROOT
from include.warehouse.session import Warehouse

ANSWERS = "demo/select_answers"
_SHOWN_ROWS = 8
_MAX_REASON = 110


class Answer(NamedTuple):
    """A row of CURRENT_PREDICTIONS."""

    relative_path: str
    type: str
    confidence: float
    version: int
    pred_timestamp: datetime

    @property
    def is_of_turned_camera(self) -> bool:
        """Whether the image is from the camera that was turned."""
        return self.relative_path.startswith(f"{TURNED_FOLDER}/")


class VersionRow(NamedTuple):
    """A registered version."""

    version: int
    accuracy: float
    run_id: str


class CheckRow(NamedTuple):
    """A drift check."""

    check_id: str
    run_id: str
    version: int
    n_images: int
    verdict: str
    action: str
    report_path: str | None


class LedgerRow(NamedTuple):
    """An event of the ledger."""

    event_seq: int
    event: str
    version: int | None
    from_version: int | None
    actor: str
    reason: str | None


class QuarantineRow(NamedTuple):
    """An image that could not be decoded."""

    stage: str
    relative_path: str
    reason: str


class _OutcomeRow(NamedTuple):
    run_id: str
    outcome: str | None


class _Count(NamedTuple):
    n: int


class Findings(NamedTuple):
    """What the warehouse holds at one moment."""

    champion: int | None
    answers: tuple[Answer, ...]
    versions: tuple[VersionRow, ...]
    checks: tuple[CheckRow, ...]
    ledger: tuple[LedgerRow, ...]
    quarantine: tuple[QuarantineRow, ...]
    outcomes: Mapping[str, str | None]
    """How each run ended, by its id."""
    n_predictions: int
    n_pending: int


def read_findings(warehouse: Warehouse, *, n_pending: int) -> Findings:
    """Read all of it.

    Args:
        warehouse: A session.
        n_pending: How many images wait for an answer.
    """
    from include.registry.ledger import read_champion

    champion = read_champion(warehouse)
    return Findings(
        champion=champion.version if champion else None,
        answers=tuple(warehouse.fetch(ANSWERS, Answer)),
        versions=tuple(warehouse.fetch("demo/select_versions", VersionRow)),
        checks=tuple(warehouse.fetch("demo/select_checks", CheckRow)),
        ledger=tuple(warehouse.fetch("demo/select_ledger", LedgerRow)),
        quarantine=tuple(warehouse.fetch("demo/select_quarantine", QuarantineRow)),
        outcomes={row.run_id: row.outcome for row in warehouse.fetch("demo/select_outcomes", _OutcomeRow)},
        n_predictions=sum(row.n for row in warehouse.fetch("demo/count_predictions", _Count)),
        n_pending=n_pending,
    )


def accuracy_of(answers: Sequence[Answer], truth: Mapping[str, str], *, turned: bool) -> float | None:
    """Return the share of one camera's images whose answer is right; one without an answer is not.

    Args:
        answers: The current answers.
        truth: The true class of each image, by its path.
        turned: Of the turned camera, or of the other one.

    Returns:
        None if that camera has sent nothing yet.
    """
    of_camera = {path for path in truth if path.startswith(f"{TURNED_FOLDER}/") == turned}
    if not of_camera:
        return None
    right = sum(truth[a.relative_path] == a.type for a in answers if a.relative_path in of_camera)
    return right / len(of_camera)


def show_answers(answers: Sequence[Answer], output: Output) -> None:
    """Show some of the answers, and the statement that reads them."""
    output.say((PROJECT_ROOT / "include" / "sql" / f"{ANSWERS}.sql").read_text(encoding="utf-8").strip())
    table = Table(*(name.upper() for name in Answer._fields))
    n_shown = min(len(answers), _SHOWN_ROWS)
    for answer in (answers[place * len(answers) // n_shown] for place in range(n_shown)):
        table.add_row(
            Text(printable(answer.relative_path)),
            Text(printable(answer.type)),
            f"{answer.confidence:.4f}",
            str(answer.version),
            f"{answer.pred_timestamp:%Y-%m-%d %H:%M:%S}",
        )
    output.table(table)
    output.say(f"{len(answers)} rows, {n_shown} of them are shown")


def show_quarantine(quarantine: Sequence[QuarantineRow], output: Output) -> None:
    """Show what could not be decoded, if there is any."""
    if not quarantine:
        return
    table = Table("STAGE", "RELATIVE_PATH", "REASON", title="What cannot be decoded is left out, and why (QUARANTINE)")
    for row in quarantine[:_SHOWN_ROWS]:
        table.add_row(row.stage, Text(printable(row.relative_path)), Text(printable(row.reason)))
    output.table(table)
    output.say(f"{len(quarantine)} rows, the first {min(len(quarantine), _SHOWN_ROWS)} are shown")


def show_ledger(ledger: Sequence[LedgerRow], output: Output) -> None:
    """Show the ledger."""
    table = Table("SEQ", "EVENT", "VERSION", "FROM", "ACTOR", title="The ledger (MODEL_EVENTS)")
    table.add_column("REASON", ratio=1)
    for row in ledger:
        reason = row.reason or ""
        table.add_row(
            str(row.event_seq),
            row.event,
            str(row.version or ""),
            str(row.from_version or ""),
            Text(row.actor),
            Text(reason if len(reason) <= _MAX_REASON else f"{reason[:_MAX_REASON]}…"),
        )
    output.table(table)
