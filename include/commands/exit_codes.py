"""What the command's exit codes mean."""

from enum import IntEnum

from include.errors import DriftgateError, UnreachableError, WarehouseUnavailableError, WrongCallError


class ExitCode(IntEnum):
    """How the command ended; `--help` and docs/commands.md tell the meanings."""

    DONE = 0
    REFUSED = 1
    WRONG_CALL = 2
    UNREACHABLE = 3
    DEFECT = 70
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """What a user is told of it."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.REFUSED: "refused or failed: the message says why, and what to do",
    ExitCode.WRONG_CALL: "a wrong call: a verb, option, value or pipeline that is not known",
    ExitCode.UNREACHABLE: "Airflow or the warehouse does not run, or does not answer",
    ExitCode.DEFECT: "a defect of driftgate itself: --debug shows where",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C; a run that was started goes on",
}


def exit_code_of(error: DriftgateError) -> ExitCode:
    """Return what the command ends with after this error."""
    if isinstance(error, WrongCallError):
        return ExitCode.WRONG_CALL
    if isinstance(error, UnreachableError | WarehouseUnavailableError):
        return ExitCode.UNREACHABLE
    return ExitCode.REFUSED
