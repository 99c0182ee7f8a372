"""Things built from text and kept by a hash of their content: libraries, netlists, runtimes.

They lie in ``~/.cache/codesign/rtl`` (below ``$XDG_CACHE_HOME`` when set); the environment variable
``CODESIGN_CACHE`` names another folder. Deleting it is always safe. What is there is whole: an entry is built in a
folder beside it and renamed at the end, so a killed build leaves nothing that is found, and of several processes
that need the same entry one builds and the others wait.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from workloads.errors import CodesignError

_STALE_S = 86_400.0


def cache_folder() -> Path:
    """Return the folder of all entries; it need not exist yet."""
    given = os.environ.get("CODESIGN_CACHE")
    base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "codesign"
    return (Path(given) if given else base) / "rtl"


def key_of(*parts: object) -> str:
    """Return the hash of some texts, numbers and tuples of these, each delimited."""
    digest = hashlib.sha256()
    for part in parts:
        text = repr(part).encode()
        digest.update(b"%d:" % len(text) + text)
    return digest.hexdigest()[:40]


def built(kind: str, key: str, build: Callable[[Path], None]) -> Path:
    """Return the folder of an entry, built on its first use.

    Parameters
    ----------
    kind : str
        A folder of the cache, such as ``verilator``.
    key : str
        `key_of` everything that the content depends on, versions of tools among it.
    build : callable
        Writes the content into the empty folder that it is given. When it raises, there is no entry.

    Raises
    ------
    CodesignError
        When the cache cannot be written.
    """
    target = cache_folder() / kind / key
    if target.is_dir():
        return target
    lock = target.parent / f".{key}.lock"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_CREAT | os.O_RDWR, 0o666)
    except OSError as error:
        raise CodesignError(f"{target.parent}: cannot be written ({error.strerror}); set CODESIGN_CACHE") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # the system gives it back however the process ends
        if not target.is_dir():
            _build(target, build)
    finally:
        lock.unlink(missing_ok=True)  # who waits on the file just removed finds the entry, or builds once more
        os.close(descriptor)
    return target


def _build(target: Path, build: Callable[[Path], None]) -> None:
    _remove_remains(target.parent)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".new", dir=target.parent))
    try:
        build(scratch)
        scratch.chmod(0o755)
        try:
            scratch.rename(target)
        except OSError:
            if not target.is_dir():  # another process was quicker: its entry is the same
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _remove_remains(folder: Path) -> None:
    """Remove what builds killed long ago have left."""
    for path in folder.glob(".*.new"):
        try:
            if time.time() - path.stat().st_mtime > _STALE_S:
                shutil.rmtree(path, ignore_errors=True)
        except OSError:
            continue
