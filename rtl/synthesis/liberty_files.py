"""Which Liberty files a user means: files, or folders that hold them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from workloads.errors import CodesignError

_SUFFIXES = (".lib", ".lib.gz")
#: Nodes that names of libraries tell, nm; the first that fits.
_NODES = (
    ("asap7", 7),
    ("sky130", 130),
    ("osu018", 180),
    ("gf180", 180),
    ("sg13g2", 130),
    ("nangate", 45),
    ("gscl45", 45),
    ("freepdk45", 45),
)


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


def node_of(name: str) -> int | None:
    """Return the node (nm) that a library's name tells; None when it tells none."""
    text = name.lower()
    for part, node in _NODES:
        if part in text:
            return node
    told = re.search(r"(?<!\d)(\d{1,3})nm", text)
    return int(told.group(1)) if told else None


def _nearest(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"; there is no folder {folder}"
    names = [entry.name for entry in folder.iterdir() if entry.is_dir() or entry.name.endswith(_SUFFIXES)]
    close = get_close_matches(path.name, names, 1)
    return f"; did you mean '{folder / close[0]}'?" if close else f"; {folder} holds no Liberty file of a name like it"
