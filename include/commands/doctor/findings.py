"""What the doctor's checks find."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from include.config import PipelineConfig
from include.errors import DriftgateError

if TYPE_CHECKING:  # half a second to import
    from include.warehouse.session import Warehouse
    from include.warehouse.statements import Statement

State = Literal["ok", "missing", "skipped"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of what the doctor says."""

    check: str
    """What was looked at."""
    state: State
    says: str
    """What is there, what is missing, or why it was not looked at."""
    mend: str | None = None
    """The statement or the setting that mends it."""


@dataclass(frozen=True, kw_only=True)
class Patient:
    """A pipeline whose warehouse can be asked."""

    config: PipelineConfig
    warehouse: "Warehouse"

    def script(self, *statements: "Statement") -> str:
        """Return statements as somebody can run them in a worksheet."""
        from include.warehouse.identifiers import pipeline_identifiers
        from include.warehouse.statements import script_of

        return script_of(statements, pipeline_identifiers(self.config)).strip()


class Found(NamedTuple):
    """What a check found, without its name."""

    state: State
    says: str
    mend: str | None = None


def ok(says: str) -> Found:
    """All is there."""
    return Found("ok", says)


def missing(says: str, *, mend: str) -> Found:
    """Something is not there, or not as it has to be."""
    return Found("missing", says, mend)


def skipped(why: str) -> Found:
    """There is nothing to look at."""
    return Found("skipped", why)


class Check(NamedTuple):
    """A check: a name, what it does, and what mends whatever keeps it from being done."""

    name: str
    look: Callable[[], Iterable[Found]]
    mend: str
    """What to do when it fails in a way that it does not foresee."""


def examine(checks: Iterable[Check]) -> Iterator[Finding]:
    """Do checks, one after the other; one that fails is a finding, and keeps no other from being done."""
    for check in checks:
        try:
            found = list(check.look())
        except DriftgateError as error:
            found = [missing(" ".join(str(error).split()), mend=check.mend)]
        for one in found:
            yield Finding(check=check.name, state=one.state, says=one.says, mend=one.mend)
