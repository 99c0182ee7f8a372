"""The netlists that are mutated, and the Verilog of a mutant: Yosys between Verilog and Verilog.

The base is what Yosys makes of a design's Verilog without mapping it (`prep`, as in MCY, and registers with their
enables and resets): coarse cells, the design's own hierarchy and names; memory macros stay black boxes. Cells without
a name are numbered in each module by itself: an edit of one module renames nothing in the others.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path

from rtl.build_cache import built, key_of
from rtl.npu.memories import MACRO, macro_verilog
from rtl.synthesis.yosys import find_yosys, run_yosys

TOP = "npu"
_BASE = f"""\
read_verilog -sv design.v
blackbox {MACRO}
prep -top {TOP}
opt_dff -simple-dffe
opt_clean
setattr -mod -unset src *
setattr -unset src */*
rename -wire
rename -enumerate
write_rtlil base.il
"""
#: Ports that `mutate` does not touch: every bench resets once, from the initial values, so that no run can tell.
_UNTOUCHED = ("SRST", "CLK", "clk", "rst")

_BACKEND_NAME = re.compile(r"(?<=dump_module\$)\d+")  # a count over all modules, in names of unused wires


def base_netlist(verilog: str) -> str:
    """Return the RTLIL of a design's Verilog (top module ``npu``); kept by content.

    Raises
    ------
    CodesignError
        When there is no yosys, or it refuses the design.
    """
    command, tool = find_yosys()

    def build(folder: Path) -> None:
        (folder / "design.v").write_text(verilog, encoding="utf-8")
        (folder / "script.ys").write_text(_BASE, encoding="utf-8")
        run_yosys(command, "script.ys", folder)

    return (built("mutations", key_of(verilog, _BASE, tool), build) / "base.il").read_text(encoding="utf-8")


def digest_of(base: str, module: str) -> str:
    """Return twelve hexadecimal digits that name the text of a module of a netlist; nothing where there is none."""
    start = base.find(f"\nmodule {module if module.startswith('$') else chr(92) + module}\n")
    if start < 0:
        return ""
    text = _BACKEND_NAME.sub("", base[start : base.index("\nend\n", start)])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def run_script(script: str, files: dict[str, str], result: str) -> str:
    """Run a script of Yosys in a folder with some files; return the text of the file `result` that it wrote."""
    command, _ = find_yosys()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in (files | {"script.ys": script}).items():
            (folder / file).write_text(text, encoding="utf-8")
        run_yosys(command, "script.ys", folder)
        return (folder / result).read_text(encoding="utf-8")


def mutated_netlist(base: str, arguments: str) -> str:
    """Return the RTLIL after ``mutate`` with some arguments."""
    return run_script(
        f"read_rtlil base.il\nmutate {arguments}\nwrite_rtlil mutant.il\n", {"base.il": base}, "mutant.il"
    )


def verilog_of(netlist: str) -> str:
    """Return the Verilog of a netlist, its memory macros with it."""
    text = run_script("read_rtlil n.il\nwrite_verilog -noattr n.v\n", {"n.il": netlist}, "n.v")
    return f"{text}\n{macro_verilog()}"


def listed_mutations(base: str, count: int, seed: int) -> list[str]:
    """Return the first `count` mutations that Yosys draws by a seed and that touch neither clock nor reset."""
    script = f"read_rtlil base.il\nmutate -list {2 * count} -seed {seed} -o list.txt\n"
    found = []
    for line in run_script(script, {"base.il": base}, "list.txt").splitlines():
        arguments = line.removeprefix("mutate ").partition(" -wire ")[0]
        if arguments.partition(" -port ")[2].split(" ")[0] not in _UNTOUCHED:
            found.append(arguments)
    return found[:count]


def has_loop(netlist: str) -> bool:
    """Whether a netlist has a combinational loop."""
    script = "read_rtlil n.il\nflatten\ntee -q -o check.txt check\n"
    return "logic loop" in run_script(script, {"n.il": netlist}, "check.txt")
