"""Take mails, and keep them as files: `python -m include.commands.local.mail_catcher --help`."""

import argparse
import asyncio
import logging
import signal
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from include.commands.local.mails import keep_mail

log = logging.getLogger("include.commands.local.mail_catcher")

MAX_MAIL_BYTES = 5 * 1024 * 1024
_CANNOT_START = 2


class Keeper:
    """What an SMTP server calls with the mails that it takes.

    Args:
        folder: Where they are kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        """Keep a mail, and return what the sender is told."""
        content = envelope.content or b""
        try:
            path = keep_mail(
                self.folder,
                content if isinstance(content, bytes) else content.encode(),
                received_at=datetime.now(UTC),
            )
        except OSError as error:
            log.warning("a mail could not be kept: %s", error)
            return "452 The mail could not be kept"
        log.info("%s: kept for %s", path.name, ", ".join(envelope.rcpt_tos))
        return "250 Kept"


async def serve(folder: Path, *, host: str, port: int) -> None:
    """Take mails until SIGTERM or SIGINT.

    Raises:
        OSError: The port is taken.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = await loop.create_server(partial(_session, folder), host, port)
    log.info("taking mails on %s:%d into %s", *server.sockets[0].getsockname()[:2], folder)
    async with server:
        await ended.wait()


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code: 2 if it cannot start."""
    options = _options(arguments)
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logging.getLogger("mail.log").setLevel("WARNING")  # aiosmtpd's, with a line for each command of each session
    try:
        asyncio.run(serve(options.folder, host=options.host, port=options.port))
    except OSError as error:
        sys.stderr.write(f"The mail catcher cannot start: {error}\n")
        return _CANNOT_START
    return 0


def _session(folder: Path) -> SMTP:
    # By default it would ask the network for this machine's name, which can take seconds.
    return SMTP(
        Keeper(folder),
        data_size_limit=MAX_MAIL_BYTES,
        enable_SMTPUTF8=True,
        hostname="localhost",
        ident="Driftgate's mail catcher",
    )


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m include.commands.local.mail_catcher",
        description="Take mails and keep them as files.",
    )
    parser.add_argument("--folder", type=Path, required=True, help="where the mails are kept")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
