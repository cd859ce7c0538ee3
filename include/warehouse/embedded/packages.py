"""The packages that Python functions can name: those installed here, by the names that Snowflake's channel has."""

import sys
from functools import cache
from importlib.metadata import distributions
from typing import Final, NamedTuple

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

RUNTIME_VERSION: Final = f"{sys.version_info.major}.{sys.version_info.minor}"

_NAMES_OF_CONDA: Final = {"torch": "pytorch"}
_SNOWPARK: Final = "snowflake-snowpark-python"


class Package(NamedTuple):
    """A package."""

    name: str
    version: str
    """Without what a build adds, as in 2.1.0+cpu."""


@cache
def installed_packages() -> tuple[Package, ...]:
    """Return the packages, sorted by name."""
    # what a worker has of it, see `function_worker.SnowflakeFile`
    found: dict[str, Package] = {_SNOWPARK: Package(_SNOWPARK, "1.0.0")}
    for distribution in distributions():
        installed_as = canonicalize_name(distribution.metadata["Name"] or "")
        try:
            version = Version(distribution.version).public
        except InvalidVersion:
            continue
        name = _NAMES_OF_CONDA.get(installed_as, installed_as)
        found.setdefault(name, Package(name, version))
    return tuple(found[name] for name in sorted(found))


def missing_packages(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of `name` and `name==version` that are not installed."""
    offered = {package.name: package.version for package in installed_packages()}
    return tuple(text for text in wanted if not _is_offered(text, offered))


def _is_offered(text: str, offered: dict[str, str]) -> bool:
    name, _, version = text.partition("==")
    known = offered.get(canonicalize_name(name.strip()))
    return known is not None and (not version or known == version.strip())
