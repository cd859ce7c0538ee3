"""The locks of transactions: one per table, taken by UPDATE, DELETE and MERGE as on Snowflake, not by INSERT and COPY.

DuckDB's own conflicts are not enough for a lock. It looks at columns, not rows, and skips an update that would leave
the values as they are, so that `UPDATE LOCK SET N = N` locks nothing there.
"""

import threading
from collections import defaultdict
from typing import Final, Generic, TypeVar

from include.warehouse.embedded.errors import LOCK_CONFLICT, SnowflakeError

OwnerT = TypeVar("OwnerT")

LOCKING_KINDS: Final = frozenset({"update", "delete", "merge"})
"""The keys of sqlglot's statements that lock the table they change."""


class Locks(Generic[OwnerT]):
    """Which transaction holds which table, and when each table was changed last.

    Time is a counter of commits. A transaction that reads a snapshot from before a table's last change must not lock
    that table: it would decide on what it can no longer see.
    """

    def __init__(self) -> None:
        self._holders: dict[str, OwnerT] = {}
        self._changed_at: defaultdict[str, int] = defaultdict(int)
        self._now = 0
        self._mutex = threading.Lock()

    @property
    def now(self) -> int:
        """The number of commits so far."""
        return self._now

    def holder(self, table: str) -> OwnerT | None:
        """Return who holds a table."""
        return self._holders.get(table)

    def take(self, table: str, owner: OwnerT, *, snapshot_at: int | None) -> None:
        """Lock a table.

        Args:
            table: Its full name.
            owner: Who wants it; nothing happens if it has the lock already.
            snapshot_at: Of a transaction that has begun to read: the time then.

        Raises:
            SnowflakeError: Another holds the lock, or has changed the table after the snapshot (000625).
        """
        with self._mutex:
            holder = self._holders.get(table)
            if holder is owner:
                return
            if holder is not None:
                raise _conflict(table, "another transaction has locked it and not yet released it")
            if snapshot_at is not None and self._changed_at[table] > snapshot_at:
                raise _conflict(table, "another transaction has changed it since yours began to change other tables")
            self._holders[table] = owner

    def release(self, owner: OwnerT, *, committed: bool) -> None:
        """Give all locks of a transaction back at its end."""
        with self._mutex:
            held = [table for table, holder in self._holders.items() if holder is owner]
            if committed and held:
                self._now += 1
            for table in held:
                del self._holders[table]
                if committed:
                    self._changed_at[table] = self._now


def _conflict(table: str, reason: str) -> SnowflakeError:
    text = f"Your statement was aborted: it needs the lock on table '{table}', but {reason}. Roll back and try again."
    return SnowflakeError(text, errno=LOCK_CONFLICT, sqlstate="57014")
