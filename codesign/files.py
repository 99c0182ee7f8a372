"""Files that appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from workloads.errors import CodesignError


def write_atomically(path: str | Path, text: str) -> None:
    """Write `text` to a new file beside `path`, then rename it over `path`.

    Raises
    ------
    CodesignError
        When the folder is missing or cannot be written.
    """
    with written_atomically(path) as file:
        file.write(text)


@contextmanager
def written_atomically(path: str | Path) -> Iterator[TextIO]:
    """Give a new file beside `path` to write to; it is renamed over `path` when all is written, removed at a fault.

    Raises
    ------
    CodesignError
        When the folder is missing or cannot be written.
    """
    target = Path(path)
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            yield file
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(target)
        temporary = None
    except OSError as error:
        raise CodesignError(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def sha256_of(data: bytes | str | Path) -> str:
    """Return the SHA-256 of bytes, a text, or (a Path) a file's content."""
    if isinstance(data, Path):
        with open(data, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()
