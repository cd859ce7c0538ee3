"""Changes in DuckDB's transactions: the first of one, which begins it, later ones, and one that is alone in it."""

from dataclasses import replace

from include.warehouse.embedded.answers import Answer
from include.warehouse.embedded.changes import Change
from include.warehouse.embedded.errors import LOCK_CONFLICT, translate
from include.warehouse.embedded.sessions import Session, Transaction


def first_change(session: Session, change: Change) -> Answer:
    """Begin DuckDB's transaction with a transaction's first change; if that fails, nothing has begun."""
    transaction = session.transaction
    try:
        if change.locks_table:
            session.locks.take(change.table, session, snapshot_at=None)
        session.begin()
        return change.run()
    except BaseException:
        session.roll_back()
        session.transaction = transaction and replace(transaction, begun=False, snapshot_at=None, consumed=set())
        raise


def later_change(session: Session, transaction: Transaction, change: Change) -> Answer:
    """Run a change in a transaction that has begun."""
    try:
        if change.locks_table:
            session.locks.take(change.table, session, snapshot_at=transaction.snapshot_at)
        return change.run()
    except Exception as error:
        failure = translate(error)
        if not change.is_atomic or failure.errno == LOCK_CONFLICT:
            transaction.aborted = f"a statement of it failed: {failure.code} {failure.message}"
        raise


def only_change(session: Session, change: Change) -> Answer:
    """Run a change that is a transaction by itself, whatever statements of DuckDB it takes."""
    answer = first_change(session, change)
    session.commit()
    return answer
