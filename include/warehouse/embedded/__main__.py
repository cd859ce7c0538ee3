"""Run the embedded warehouse in the foreground: `python -m include.warehouse.embedded --help`."""

import argparse
import contextlib
import logging
import sys
from pathlib import Path

from include.warehouse.embedded.errors import RootInUseError
from include.warehouse.embedded.server import PortInUseError, configured, listen
from include.warehouse.embedded.warehouse import Warehouse

log = logging.getLogger("include.warehouse.embedded")

_CANNOT_START = 2


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code: 2 if it cannot start."""
    options = _options(arguments)
    logging.basicConfig(
        level=options.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr
    )
    try:
        password = options.password_file.read_text(encoding="utf-8").strip()
        if not password:
            return _cannot_start(f"the password file {options.password_file} is empty")
        with contextlib.closing(listen(options.host, options.port)) as listener:
            warehouse = Warehouse(options.root, user=options.user, password=password, urls=options.urls)
            log.info("serving %s on http://%s:%d", options.root, *listener.getsockname()[:2])
            with contextlib.closing(warehouse):
                configured(warehouse).run([listener])
    except (PortInUseError, RootInUseError, OSError) as error:
        return _cannot_start(str(error))
    return 0


def _cannot_start(reason: str) -> int:
    sys.stderr.write(f"The embedded warehouse cannot start: {reason}\n")
    return _CANNOT_START


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m include.warehouse.embedded",
        description="A local warehouse that speaks Snowflake's wire protocol.",
    )
    parser.add_argument("--root", type=Path, required=True, help="the folder with everything that it keeps")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--user", required=True, help="the user that may log in")
    parser.add_argument("--password-file", type=Path, required=True, help="a file with that user's password")
    parser.add_argument(
        "--urls",
        choices=("signed", "file"),
        default="signed",
        help="what GET_PRESIGNED_URL hands out: signed, expiring URLs (default), or file:// URLs",
    )
    parser.add_argument("--log-level", default="info", choices=("debug", "info", "warning", "error"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
