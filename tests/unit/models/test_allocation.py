"""Memory that is freed is kept for the next batch."""

import platform
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
_TOUCHED = """
import resource
import sys
from include.models.allocation import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
repeated = 2**26
for _ in range(30):
    bytes([1]) * repeated
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


def page_faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", _TOUCHED, how], cwd=ROOT, check=True, capture_output=True, text=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_what_is_freed_is_not_asked_of_the_system_again() -> None:
    pages = 30 * 2**26 // resource.getpagesize()

    assert page_faults("kept") < page_faults("given back") - pages / 2
