"""Which Liberty files a user means: files, or folders that hold them."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from workloads.errors import CodesignError

_SUFFIXES = (".lib", ".lib.gz")


def liberty_files(given: Sequence[str | Path]) -> list[Path]:
    """Return the Liberty files of some paths, folders read (not below); sorted within each.

    Raises
    ------
    CodesignError
        For no path, a path that is not there (naming the nearest), or a folder without Liberty files.
    """
    if not given:
        raise CodesignError("--library: a Liberty file (.lib, .lib.gz) or a folder of them is needed")
    found: list[Path] = []
    for path in map(Path, given):
        if path.is_dir():
            inside = sorted(entry for entry in path.iterdir() if entry.name.endswith(_SUFFIXES))
            if not inside:
                raise CodesignError(f"--library {path}: the folder holds no .lib or .lib.gz file")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise CodesignError(f"--library {path}: no such file{_nearest(path)}")
    return list(dict.fromkeys(found))


def _nearest(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"; there is no folder {folder}"
    names = [entry.name for entry in folder.iterdir() if entry.is_dir() or entry.name.endswith(_SUFFIXES)]
    close = get_close_matches(path.name, names, 1)
    return f"; did you mean '{folder / close[0]}'?" if close else f"; {folder} holds no Liberty file of a name like it"
