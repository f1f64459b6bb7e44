"""Write a file all at once: readers find the old content or the new one, never a part."""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path, *, unique: bool = False) -> Iterator[Path]:
    """Give the path of a new file beside ``path``, which takes its place after the block.

    After an error in the block, ``path`` is as it was, and the new file is removed.

    Args:
        path: The file to replace or to create.
        unique: Whether the new file gets a name that nobody else uses. It is needed where several
            processes may write the same file; otherwise a killed process would leave a new file
            each time.
    """
    middle = f"{uuid.uuid4().hex}." if unique else ""
    beside = path.with_name(f".{path.name}.{middle}part")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
