"""What a session keeps of its last statements."""

from collections import OrderedDict
from typing import Final, NamedTuple

from include.warehouse.embedded.answers import Answer
from include.warehouse.embedded.errors import SnowflakeError

_KEPT_RESULTS: Final = 16
_KEPT_BYTES: Final = 64 * 2**20


class _Failure(NamedTuple):
    """A failed statement's error, without the traceback, which would keep all that the statement held."""

    message: str
    errno: int
    sqlstate: str


class Results:
    """The last answers of a session, for RESULT_SCAN and for a client that asks again after a broken connection.

    Failures are among them: a COMMIT that failed has ended its transaction, and a second one would succeed.
    """

    def __init__(self) -> None:
        self._answers: OrderedDict[str, Answer | _Failure] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def __contains__(self, query_id: str) -> bool:
        return query_id in self._answers

    def add(self, query_id: str, answer: Answer) -> None:
        """Keep an answer, and let go of the oldest ones; the newest is always kept."""
        self._keep(query_id, answer)

    def add_failure(self, query_id: str, error: SnowflakeError) -> None:
        """Keep a failure in the place of an answer."""
        self._keep(query_id, _Failure(error.message, error.errno, error.sqlstate))

    def _keep(self, query_id: str, answer: Answer | _Failure) -> None:
        self._answers[query_id] = answer
        while len(self._answers) > _KEPT_RESULTS or (len(self._answers) > 1 and self._size() > _KEPT_BYTES):
            self._answers.popitem(last=False)

    def get(self, query_id: str) -> Answer | None:
        """Return an answer if it is still kept.

        Raises:
            SnowflakeError: The statement failed, with just this error.
        """
        answer = self._answers.get(query_id)
        if isinstance(answer, _Failure):
            failure = SnowflakeError(answer.message, errno=answer.errno, sqlstate=answer.sqlstate)
            failure.query_id = query_id
            raise failure
        return answer

    def _size(self) -> int:
        return sum(answer.table.nbytes for answer in self._answers.values() if isinstance(answer, Answer))
