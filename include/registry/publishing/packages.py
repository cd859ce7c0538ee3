"""Which packages the function names, each with a version that the account offers."""

from collections import defaultdict
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from include.errors import UnofferedPackageError
from include.warehouse.session import Warehouse

PACKAGES = {
    "fsspec": "fsspec",
    "numpy": "numpy",
    "pandas": "pandas",
    "pillow": "pillow",
    "pydantic": "pydantic",
    "pytorch": "torch",
    "safetensors": "safetensors",
    "snowflake-snowpark-python": None,
}
"""What the handler imports, by the names that the account knows, with those by which they are installed here."""
_OF_TORCHVISION = {"torchvision": "torchvision"}

MIN_VERSIONS = {
    "fsspec": "2023.1",
    "numpy": "1.26",
    "pandas": "2.0",
    "pillow": "10.0",
    "pydantic": "2.5",
    "pytorch": "2.1",
    "safetensors": "0.4",
    "snowflake-snowpark-python": "1.0",
    "torchvision": "0.16",
}
"""Older ones lack something that the handler uses."""


class _Offered(NamedTuple):
    name: str
    version: str


def choose_packages(warehouse: Warehouse, *, architecture: str) -> tuple[str, ...]:
    """Return the packages of a version's function, as `name==version`.

    What is installed here, and has trained and evaluated the model, is taken if the account offers it, else the newest
    that it offers.

    Args:
        warehouse: A session.
        architecture: Of the network: only torchvision's need torchvision.

    Raises:
        UnofferedPackageError: The account offers no version of a package, or only versions that are too old.
    """
    installed = PACKAGES | ({} if architecture == "small_cnn" else _OF_TORCHVISION)
    rows = warehouse.fetch("publish/select_packages", _Offered, packages=list(installed))
    offered: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        offered[row.name].append(row.version)
    unusable = [_problem(name, offered[name]) for name in installed if not _usable(name, offered[name])]
    if unusable:
        raise UnofferedPackageError(
            f"the account's Python 3.11 packages do not do for the function: {'; '.join(unusable)}. If it offers none "
            "at all, an ORGADMIN has to accept the terms of third-party packages (Snowsight, Admin, Terms); else set "
            "registry.function to null (and registry.publish to none), and the model is not published"
        )
    return tuple(f"{name}=={_chosen(name, offered[name], own)}" for name, own in sorted(installed.items()))


def _chosen(name: str, offered: Sequence[str], own: str | None) -> str:
    usable = _usable(name, offered)
    here = _installed(own) if own else None
    return here if here in usable else max(usable, key=Version)


def _installed(package: str) -> str | None:
    """Return the version of a package in this environment: that of snowflake-ml-python has no torch."""
    try:
        return Version(version(package)).public
    except PackageNotFoundError:
        return None


def _usable(name: str, offered: Sequence[str]) -> list[str]:
    return [text for text in offered if _is_release(text) and Version(text) >= Version(MIN_VERSIONS[name])]


def _is_release(text: str) -> bool:
    try:
        return not Version(text).is_prerelease
    except InvalidVersion:
        return False


def _problem(name: str, offered: Sequence[str]) -> str:
    found = f"has {', '.join(offered)}" if offered else "has none"
    return f"{name} {MIN_VERSIONS[name]} or newer is needed, it {found}"
