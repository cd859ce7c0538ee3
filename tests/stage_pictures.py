"""Small pictures for the stages of a test's pipeline."""

from io import BytesIO
from pathlib import Path

from PIL import Image


def put_picture(folder: Path, path: str, *, colour: tuple[int, int, int], stage: str = "train", size: int = 20) -> Path:
    """Put a picture of one colour below a stage's folder."""
    buffer = BytesIO()
    Image.new("RGB", (size, size), colour).save(buffer, "PNG")
    target = folder / stage / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(buffer.getvalue())
    return target
