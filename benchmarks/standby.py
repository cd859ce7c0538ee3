"""Processes that are made ready once, and then do the same measurement whenever they are asked.

What a measurement needs (a compiled network, a peer's imports) takes long to make, and repetitions that are to be
compared have to alternate. A process that waits takes no core from the one that is measured.
"""

import json
import multiprocessing
import os
import subprocess
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

Ask = Callable[..., Any]


@contextmanager
def standby(prepare: Callable[[], Callable[..., Any]]) -> Iterator[Ask]:
    """Fork a process that prepares, and give a function that calls there what was prepared.

    Args:
        prepare: Called in the fork; it returns what is to be called there.

    Raises:
        RuntimeError: The fork has failed; it has told why.
    """
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(prepare, ours, theirs))
    process.start()
    theirs.close()

    def ask(*arguments: Any) -> Any:
        ours.send(arguments)
        try:
            return ours.recv()
        except EOFError:
            raise RuntimeError("a process on standby has ended: see above") from None

    try:
        yield ask
    finally:
        ours.close()
        process.join()


def _serve(prepare: Callable[[], Callable[..., Any]], asking: Connection, requests: Connection) -> None:
    asking.close()  # else there would never be nobody who asks
    try:
        work = prepare()
        while True:
            requests.send(work(*requests.recv()))
    except EOFError:
        pass  # nobody asks any more
    except BaseException:  # noqa: BLE001 - whatever it is, the process ends here, and its parent tells
        traceback.print_exc()
    finally:
        os._exit(0)


@contextmanager
def script_on_standby(command: Sequence[str]) -> Iterator[Ask]:
    """Start a script that answers each line on its standard input, of what it is asked, with a line of JSON.

    Raises:
        RuntimeError: It has ended, or answers something else.
    """
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:

        def ask(*asked: object) -> Any:
            if process.stdin is None or process.stdout is None:
                raise RuntimeError("the script was started without pipes")
            print(*asked, file=process.stdin, flush=True)
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"{command[1]} has ended: see above")
            return json.loads(line)

        try:
            yield ask
        finally:
            if process.stdin is not None:
                process.stdin.close()  # its loop over lines ends
