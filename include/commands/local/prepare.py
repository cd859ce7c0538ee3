"""What comes first in docker-compose.yaml: `python -m include.commands.local.prepare --root FOLDER`.

Writes the passwords that the environment tells into the files from which the warehouse and Airflow read them, and
brings Airflow's database to the form of the installed Airflow.
"""

import argparse
import os
import sys
from pathlib import Path

from include.commands.local.state import LocalState, SecretName
from include.errors import CommandError

PASSWORD_VARIABLES: dict[SecretName, str] = {
    "admin_password": "DRIFTGATE_ADMIN_PASSWORD",
    "viewer_password": "DRIFTGATE_VIEWER_PASSWORD",
    "warehouse_password": "DRIFTGATE_WAREHOUSE_PASSWORD",
}


def write_passwords(state: LocalState) -> None:
    """Write the passwords of the environment into their files.

    Raises:
        CommandError: One is missing: it would be made up, and nobody would know it.
    """
    missing = [variable for variable in PASSWORD_VARIABLES.values() if not os.environ.get(variable)]
    if missing:
        raise CommandError(f"{', '.join(missing)}: should hold a password, is not set")
    for name, variable in PASSWORD_VARIABLES.items():
        state.keep_secret(name, os.environ[variable])
    state.write_airflow_passwords()


def main(arguments: list[str] | None = None) -> int:
    """Write the passwords, and become Airflow's migration. Returns the exit code 1 if it does not come to that."""
    parser = argparse.ArgumentParser(prog="python -m include.commands.local.prepare", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="the folder whose folder `secrets` gets the files")
    options = parser.parse_args(arguments)
    try:
        write_passwords(LocalState(options.root))
    except (CommandError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    os.execv(sys.executable, [sys.executable, "-m", "airflow", "db", "migrate"])  # noqa: S606  our own interpreter
    return 0


if __name__ == "__main__":
    sys.exit(main())
