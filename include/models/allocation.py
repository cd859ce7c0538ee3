"""Memory that one batch has freed is kept for the next one."""

import ctypes
import logging
from functools import cache

log = logging.getLogger(__name__)

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_KEPT_BYTES = 2**30


@cache
def keep_freed_memory() -> None:
    """Let this process keep what it frees, up to a gibibyte, until it ends.

    By default glibc gives large blocks back to the system as soon as they are free (see mallopt(3)). A network asks for
    such blocks again for each layer of each batch, and the system clears every page of them, which takes longer than
    the arithmetic of a small network. Other C libraries are left alone.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        log.debug("the C library has no mallopt")
        return
    mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
