"""A report as a folder: a page that needs nothing from outside, its figures, the figures' data, and a timeline."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codesign.report import figures
from codesign.report.occupancy import occupancy
from codesign.report.replay import Replay, replay
from codesign.report.timeline import write_timeline
from codesign.report.whatif import what_if
from workloads.errors import CodesignError

if TYPE_CHECKING:
    from codesign.result import Result

#: What a folder of ours holds; another folder is never written over.
PAGE, RESULT, LAYERS, TIMELINE = "index.html", "result.json", "layers.csv", "timeline.json.gz"
#: Title and drawing of each figure, in the order of the page.
_FIGURES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "roofline": ("Roofline", figures.roofline),
    "layers": ("Cycles by layer", figures.layers),
    "energy": ("Energy by component", figures.energy_figure),
    "area": ("Area by component", figures.area_figure),
}


def is_report_folder(path: Path) -> bool:
    """Return whether a folder is empty or holds a report, and so may be written over."""
    return not any(path.iterdir()) or ((path / PAGE).is_file() and (path / RESULT).is_file())


def check_folder(path: str) -> None:
    """Refuse a folder that a report may not be written to.

    Raises
    ------
    CodesignError
        When its parent is missing, it is a file, or it holds something else.
    """
    folder = Path(path)
    if not folder.absolute().parent.is_dir():
        raise CodesignError(f"--out {path}: the folder {folder.absolute().parent} does not exist")
    if folder.exists() and not folder.is_dir():
        raise CodesignError(f"--out {path}: is a file; a report is a folder")
    if folder.is_dir() and not is_report_folder(folder):
        raise CodesignError(f"--out {path}: the folder holds something else; give an empty one or a new name")


def write_report(result: Result, path: str | Path) -> None:
    """Write the report of a result into a folder, which appears whole or not at all.

    Raises
    ------
    CodesignError
        When the folder may not be written, or a package for figures is missing.
    """
    check_folder(str(path))
    target = Path(path).absolute()
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        _fill(result, scratch)
        scratch.chmod(0o777 & ~_mask())
        if target.is_dir():
            shutil.rmtree(target)
        scratch.replace(target)
    except OSError as error:
        raise CodesignError(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _fill(result: Result, folder: Path) -> None:
    from codesign.report.html import page

    replays = list(replay(result))
    shares = {id(one.program): occupancy(result.simulation.machine, one) for one in _distinct(replays)}
    filled = {one.layer.name: shares[id(one.program)] for one in replays}
    drawn = {name: (title, draw(result)) for name, (title, draw) in _FIGURES.items()}
    drawn["engines"] = "Engines over time", figures.timeline(result, replays)
    drawn["buffers"] = "How full each buffer gets", figures.occupancy_figure(result, filled)
    images = [(title, _saved(figure, folder / name)) for name, (title, figure) in drawn.items()]
    (folder / PAGE).write_text(page(result, what_if(result), images), encoding="utf-8")
    (folder / RESULT).write_text(result.to_json(), encoding="utf-8")
    (folder / LAYERS).write_text(result.to_csv(), encoding="utf-8")
    write_timeline(result, folder / TIMELINE, replays)


def _distinct(replays: list[Replay]) -> Iterable[Replay]:
    """Return a replay for each program; equal layers share theirs."""
    return {id(one.program): one for one in replays}.values()


def _saved(figure: Any, path: Path) -> str:
    """Write a figure as SVG and PNG; return the SVG without its XML header."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": path.name, "svg.fonttype": "none"}):
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    path.with_suffix(".svg").write_text(svg, encoding="utf-8")
    figure.set_layout_engine("none")  # as it was laid out for the SVG
    figure.savefig(path.with_suffix(".png"), dpi=130, metadata={"Software": None})
    return svg[svg.index("<svg") :]


def _mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
