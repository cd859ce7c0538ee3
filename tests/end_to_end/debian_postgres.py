"""Debian's PostgreSQL in place of its image: the programs, and what the image does at its first start."""

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

_VERSIONS = Path("/usr/lib/postgresql")


def postgres_programs() -> Path | None:
    """Return the folder of the programs, the newest if there are several; None if there is none."""
    found = [path.parent for path in _VERSIONS.glob("*/bin/initdb") if (path.parent / "postgres").exists()]
    return max(found, key=lambda path: float(path.parent.name), default=None)


@dataclass(frozen=True)
class DebianPostgres:
    """A database of its own, in a folder of its own.

    Args:
        host: Where it listens.
        port: Where it listens.
    """

    host: str
    port: int
    root: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="dg-", dir="/tmp")))
    """The path of a socket may have 107 letters, and PostgreSQL's user has to get there."""

    @cached_property
    def programs(self) -> Path:
        found = postgres_programs()
        assert found is not None
        return found

    def command(self) -> list[str]:
        """Return what starts the server."""
        options = ["-D", self.root / "data", "-h", self.host, "-p", self.port, "-k", self.root, "-c", "fsync=off"]
        return [*_as_postgres(), str(self.programs / "postgres"), *map(str, options)]

    def make(self, *, user: str, password: str, database: str) -> None:
        """Make a user with a password, and a database."""
        password_file = self.root / "password"
        password_file.write_text(password, encoding="utf-8")
        if os.geteuid() == 0:
            owner = pwd.getpwnam("postgres")
            for path in (self.root, password_file):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        data = str(self.root / "data")
        options = ["--username", user, "--pwfile", str(password_file), "--auth=scram-sha-256"]
        unsafe = ["--no-sync", "--encoding=UTF8", "--locale=C"]
        _run([*_as_postgres(), str(self.programs / "initdb"), "--pgdata", data, *unsafe, *options])
        # a server without a port, for this alone
        alone = [str(self.programs / "postgres"), "--single", "-D", data, "postgres"]
        _run([*_as_postgres(), *alone], given=f"CREATE DATABASE {database};\n")

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.root, ignore_errors=True)


def _as_postgres() -> list[str]:
    """Return what has to stand before PostgreSQL's programs, which refuse to run as root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


def _run(command: list[str], *, given: str = "") -> None:
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=120, check=False, cwd="/")
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
