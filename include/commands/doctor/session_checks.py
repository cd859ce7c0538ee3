"""The session: who it is, with which role and virtual warehouse, and whether its clock is this machine's."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from include.commands.doctor.findings import Found, Patient, missing, ok
from include.warehouse.names import roles_of

MAX_CLOCK_ERROR = timedelta(seconds=60)
"""Signed URLs and tokens are refused by clocks that differ by minutes."""

_HAS_ALL_ROLES = "ACCOUNTADMIN"


class Session(NamedTuple):
    """What a session says of itself."""

    account_name: str
    user_name: str
    role_name: str | None
    compute: str | None
    now: datetime


def read_session(patient: Patient) -> Session:
    """Return what the session says of itself."""
    [session] = patient.warehouse.fetch("doctor/select_session", Session)
    return session


def check_role(patient: Patient, session: Session) -> Iterable[Found]:
    """The session's role is one that has what the DAGs need."""
    roles = roles_of(patient.config)
    if session.role_name == roles.pipeline:
        yield ok(f"{session.role_name}, which may do what the DAGs do and nothing else")
    elif session.role_name in {roles.owner, _HAS_ALL_ROLES}:
        yield ok(f"{session.role_name}, which may do more than the DAGs need: {roles.pipeline} is made for them")
    else:
        yield missing(
            f"{session.role_name or 'none'} is no role of this pipeline",
            mend=f'"role": "{roles.pipeline}" in the extra of connection {patient.config.warehouse.conn_id}, and '
            f"GRANT ROLE {roles.pipeline} TO USER {session.user_name};",
        )


def check_compute(patient: Patient, session: Session) -> Iterable[Found]:
    """The session has a virtual warehouse that computes."""
    config = patient.config
    if session.compute is None:
        yield missing(
            "no virtual warehouse: the session's role may use none, or it is not there",
            mend=f"./driftgate setup {config.name} --part account, which makes {config.warehouse.compute} and grants "
            "its USAGE",
        )
    else:
        yield ok(f"{session.compute} computes")


def check_clock(session: Session, *, now: datetime) -> Iterable[Found]:
    """This machine's clock is the warehouse's.

    Args:
        session: What the warehouse said.
        now: What this machine's clock said then, in UTC.
    """
    error = abs(session.now.replace(tzinfo=UTC) - now)
    if error > MAX_CLOCK_ERROR:
        yield missing(
            f"this machine's clock is {error.total_seconds():.0f} s off the warehouse's: signed URLs and tokens are "
            "refused",
            mend="timedatectl set-ntp true, or what else sets this machine's clock",
        )
    else:
        yield ok(f"{error.total_seconds():.0f} s off the warehouse's")
