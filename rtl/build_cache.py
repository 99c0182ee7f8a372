"""Things built from text and kept by a hash of their content: libraries, netlists, runtimes.

They lie in ``~/.cache/codesign/rtl`` (below ``$XDG_CACHE_HOME`` when set); the environment variable
``CODESIGN_CACHE`` names another folder. Deleting it is always safe. What is there is whole: an entry is built in a
folder beside it and renamed at the end, so a killed build leaves nothing that is found, and of several processes
that need the same entry one builds and the others wait. With every build, entries of its kind that nobody has used for
`KEPT_DAYS` days are removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from workloads.errors import CodesignError

#: An entry that has not been used for so long is removed.
KEPT_DAYS = 30
_DAY_S = 86_400.0


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
        _note_use(target)
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


def _note_use(target: Path) -> None:
    """Note the day of an entry's last use as its folder's time; a cache that cannot be written is still read."""
    with contextlib.suppress(OSError):
        if time.time() - target.stat().st_mtime > _DAY_S:
            os.utime(target)


def _build(target: Path, build: Callable[[Path], None]) -> None:
    _remove_old(target.parent)
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


def _remove_old(folder: Path) -> None:
    """Remove what builds killed more than a day ago have left, and entries long unused."""
    now = time.time()
    for path in folder.iterdir():
        if path.name.startswith(".") and path.suffix != ".new":
            continue  # a lock
        days = 1 if path.suffix == ".new" else KEPT_DAYS
        with contextlib.suppress(OSError):
            if now - path.stat().st_mtime > days * _DAY_S:
                aside = path.with_name(f".{path.name.strip('.')}.{os.getpid()}.new")  # never half there
                shutil.rmtree(path.rename(aside), ignore_errors=True)
