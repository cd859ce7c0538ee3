"""What a local instance keeps on disk: its ports, its secrets, and the folders of its processes.

Everything lies below one root, `.local` of the project or DRIFTGATE_STATE. The demo is an instance of its own in the
folder `demo` of that root, so that both can run at once.
"""

import base64
import contextlib
import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, Self

from include.config import PIPELINES_VARIABLE, PROJECT_ROOT
from include.errors import CommandError

STATE_VARIABLE = "DRIFTGATE_STATE"
AIRFLOW_PORT_VARIABLE = "DRIFTGATE_AIRFLOW_PORT"
WAREHOUSE_PORT_VARIABLE = "DRIFTGATE_WAREHOUSE_PORT"
MAIL_PORT_VARIABLE = "DRIFTGATE_MAIL_PORT"

ADMIN = "admin"
VIEWER = "viewer"
WAREHOUSE_USER = "driftgate"

_MARKER = ".driftgate-state"
"""The file by which a folder is known to be one that may be wiped."""

SecretName = Literal[
    "admin_password", "viewer_password", "warehouse_password", "jwt_secret", "api_secret_key", "fernet_key"
]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is chosen once for an instance, and kept."""

    airflow_port: int
    """Where Airflow's API server and its pages listen."""
    warehouse_port: int
    """Where the embedded warehouse listens."""
    mail_port: int
    """Where the mail catcher listens."""
    pipelines: str
    """The folder of the pipeline files."""

    @property
    def airflow_url(self) -> str:
        """The address of Airflow."""
        return f"http://127.0.0.1:{self.airflow_port}"

    def with_choices(
        self,
        *,
        airflow_port: int | None = None,
        warehouse_port: int | None = None,
        mail_port: int | None = None,
        pipelines: str | None = None,
    ) -> Self:
        """Return these settings with those changed that were chosen."""
        return replace(
            self,
            airflow_port=airflow_port or self.airflow_port,
            warehouse_port=warehouse_port or self.warehouse_port,
            mail_port=mail_port or self.mail_port,
            pipelines=pipelines or self.pipelines,
        )


@dataclass(frozen=True)
class LocalState:
    """The folder of one instance.

    Args:
        root: The folder; it is made when something is first kept in it.
        is_demo: Whether this is the demo's: other default ports, and pipeline files of its own.
    """

    root: Path
    is_demo: bool = False

    @classmethod
    def locate(cls, *, demo: bool = False) -> Self:
        """Return the state that the environment names, or the project's."""
        root = Path(os.environ.get(STATE_VARIABLE) or PROJECT_ROOT / ".local").absolute()
        return cls(root / "demo", is_demo=True) if demo else cls(root)

    @property
    def airflow_home(self) -> Path:
        """Airflow's own folder: its database and its generated configuration."""
        return self.root / "airflow"

    @property
    def warehouse(self) -> Path:
        """The databases and internal stages of the embedded warehouse."""
        return self.root / "warehouse"

    @property
    def store(self) -> Path:
        """Decoded pixels and models in work."""
        return self.root / "store"

    @property
    def mails(self) -> Path:
        """The mails that the mail catcher took, a file each."""
        return self.root / "mails"

    @property
    def logs(self) -> Path:
        """One file for each process; `tasks/` holds those of the tasks."""
        return self.root / "logs"

    @property
    def processes(self) -> Path:
        """One file for each process that was started."""
        return self.root / "run"

    @property
    def passwords_file(self) -> Path:
        """The passwords of Airflow's users, as its SimpleAuthManager reads them."""
        return self.root / "secrets" / "airflow_passwords.json"

    def secret_file(self, name: SecretName) -> Path:
        """Return the file of a secret, which is made when it is not there."""
        path = self.root / "secrets" / name
        if not path.exists():
            _write_private(path, _new_secret(name))
        return path

    def secret(self, name: SecretName) -> str:
        """Return a secret; it is made once."""
        return self.secret_file(name).read_text(encoding="utf-8")

    def keep_secret(self, name: SecretName, text: str) -> None:
        """Keep a secret that was chosen elsewhere, in place of one that is made."""
        _write_private(self.root / "secrets" / name, text)

    def write_airflow_passwords(self) -> None:
        """Write the passwords where Airflow looks for them."""
        passwords = {ADMIN: self.secret("admin_password"), VIEWER: self.secret("viewer_password")}
        _write_private(self.passwords_file, json.dumps(passwords))

    def read_settings(self) -> Settings:
        """Return the settings: from the environment, else as they were kept, else the defaults.

        Raises:
            CommandError: A port in the environment is no port, or the file is damaged.
        """
        settings = self.read_kept_settings() or self._default_settings()
        return settings.with_choices(
            airflow_port=_port_from_environment(AIRFLOW_PORT_VARIABLE),
            warehouse_port=_port_from_environment(WAREHOUSE_PORT_VARIABLE),
            mail_port=_port_from_environment(MAIL_PORT_VARIABLE),
            pipelines=None if self.is_demo else os.environ.get(PIPELINES_VARIABLE),
        )

    def keep_settings(self, settings: Settings) -> None:
        """Keep the settings for the commands to come."""
        _write_private(self._settings_file, json.dumps(asdict(settings), indent=2) + "\n")

    @property
    def exists(self) -> bool:
        """Whether an instance was ever started here."""
        return self._settings_file.exists()

    @property
    def pipelines_folder(self) -> Path | None:
        """The folder of the instance's pipeline files; None where there is no instance, and the project's are meant."""
        return Path(self.read_settings().pipelines) if self.exists else None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands from starting or stopping this instance meanwhile.

        Raises:
            CommandError: Another command is at it.
        """
        is_new = not any(self.root.glob("*"))
        self.processes.mkdir(parents=True, exist_ok=True)
        if is_new:
            (self.root / _MARKER).touch()
        with (self.processes / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise CommandError(
                    f"another driftgate command is starting or stopping {self.root}: wait for it to end"
                ) from None
            yield

    def wipe(self) -> None:
        """Remove everything that is kept but the lock.

        Raises:
            CommandError: The folder holds files and was never one of ours.
        """
        marker = self.root / _MARKER
        entries = [entry for entry in self.root.glob("*") if entry not in {self.processes, marker}]
        if entries and not marker.exists():
            raise CommandError(
                f"{self.root} is not a folder of Driftgate, it holds {entries[0].name}: empty it, or choose another "
                "by DRIFTGATE_STATE"
            )
        for entry in entries:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    @property
    def _settings_file(self) -> Path:
        return self.root / "settings.json"

    def _default_settings(self) -> Settings:
        if self.is_demo:
            return Settings(
                airflow_port=8180, warehouse_port=8865, mail_port=8125, pipelines=str(self.root / "pipelines")
            )
        return Settings(
            airflow_port=8080, warehouse_port=8765, mail_port=8025, pipelines=str(PROJECT_ROOT / "pipelines")
        )

    def read_kept_settings(self) -> Settings | None:
        """Return the settings as they were kept, None if they never were."""
        try:
            kept = json.loads(self._settings_file.read_text(encoding="utf-8"))
            # An earlier release, which had no mail catcher, kept no port for it.
            return Settings(**{"mail_port": self._default_settings().mail_port, **kept})
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise CommandError(f"{self._settings_file}: is damaged ({error}): remove it") from error


def parse_port(text: str, *, source: str) -> int:
    """Return a port number.

    Raises:
        CommandError: It is none.
    """
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 65535:
        return int(text)
    raise CommandError(f"{source}: should be a port from 1 to 65535, is {text!r}")


def _port_from_environment(variable: str) -> int | None:
    text = os.environ.get(variable)
    return parse_port(text, source=variable) if text else None


def _new_secret(name: SecretName) -> str:
    if name == "fernet_key":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    if name in {"jwt_secret", "api_secret_key"}:
        return secrets.token_urlsafe(64)
    return secrets.token_urlsafe(18)


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; a reader sees the old text or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)
