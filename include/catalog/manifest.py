"""What a snapshot's id is the digest of: its images, each with its label, its side and the digest of its content."""

import hashlib
import json
from collections.abc import Iterable
from typing import NamedTuple

from include.warehouse.session import Warehouse


class _Row(NamedTuple):
    stage: str
    relative_path: str
    etag: str
    label: str
    label_source: str
    split: str
    content_sha256: str


def manifest_digest(rows: Iterable[tuple[str, ...]]) -> str:
    """Return the SHA-256 of a manifest, in hexadecimal.

    Args:
        rows: Of each image the columns of SNAPSHOT_IMAGES behind the id, in the table's order.
    """
    return hashlib.sha256("\n".join(map(json.dumps, sorted(rows))).encode()).hexdigest()


def read_manifest_digest(warehouse: Warehouse, snapshot_id: str) -> str:
    """Return the digest of a snapshot's rows as they are now: its id, unless somebody has changed them."""
    return manifest_digest(warehouse.fetch("snapshots/select_manifest", _Row, snapshot_id=snapshot_id))
