"""Clock of a component on an FPGA, placed and routed by nextpnr between registers at all of its borders.

What surrounds a component, and the components and memories inside it, become rings of flip-flops: every port is fed
by one and read by one, so that only the component's own paths count.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata, util
from pathlib import Path

from rtl.build_cache import built, key_of
from rtl.synthesis.hierarchy import ports_of
from rtl.synthesis.yosys import find_yosys, run_yosys
from workloads.errors import CodesignError, unknown_name

#: Device of each target that nextpnr has as a wheel.
DEVICES = {
    "ecp5": ("--85k", "--package", "CABGA756", "--lpf-allow-unconstrained"),
    "ice40": ("--up5k", "--package", "sg48", "--pcf-allow-unconstrained"),
}
#: Frequency (MHz) that the router aims at: more than any of these parts reaches.
_AIM_MHZ = 400
#: Seconds that nextpnr may take for a part. One of wide buses and little logic is a sea of flip-flops, hard to place.
MOST_S = 240
_BOX = re.compile(r"^\(\* blackbox \*\)\nmodule\s.*?^endmodule$", re.MULTILINE | re.DOTALL)
_MEMORY_RING = """\
    localparam MEMORY_INPUTS = READS*ADDRESS + WRITES*(1+ADDRESS+WIDTH);
    localparam BITS = READS*WIDTH > MEMORY_INPUTS ? READS*WIDTH + 1 : MEMORY_INPUTS + 1;
    reg [BITS-1:0] ring = 1;
    always @(posedge clk)
        ring <= {ring[BITS-2:0], ring[BITS-1]} ^ {read_address, write_enable, write_address, write_data};
    assign read_data = ring;
"""
_BORDER = """\
module border(input clk, input serial, output pin);
    reg [{inputs}:0] entering = 0;
    reg [{outputs}:0] leaving = 0;
    wire [{outputs}:0] found;
    always @(posedge clk) begin
        entering <= {{entering, serial}};
        leaving <= {{leaving, leaving[{outputs}]}} ^ found;
    end
    assign pin = leaving[{outputs}];
    {top} part({ports});
endmodule
"""


def find_nextpnr(target: str) -> tuple[tuple[str, ...], str]:
    """Return the command of nextpnr for a target and its name with version; empty when there is none."""
    package = f"yowasp_nextpnr_{target}"
    if target in DEVICES and util.find_spec(package) is not None:
        start = f"import sys, {package}; sys.exit({package}.run_nextpnr_{target}(sys.argv[1:]))"
        name = package.replace("_", "-")
        return (sys.executable, "-c", start), f"{name} {metadata.version(name)}"
    found = shutil.which(f"nextpnr-{target}") if target in DEVICES else None
    return ((found,), f"nextpnr-{target}") if found else ((), "")


def check_router(target: str) -> None:
    """Refuse a target without place and route here, or a missing nextpnr, before the work."""
    if target not in DEVICES:
        raise unknown_name("--fmax", "target with place and route", target, DEVICES)
    if not find_nextpnr(target)[0]:
        raise CodesignError(f"--fmax: nextpnr is missing; it comes with: pip install yowasp-nextpnr-{target}")


def clock_mhz(verilog: str, top: str, target: str, script: str) -> float | None:
    """Return the clock that a part reaches on its target's device; None when it does not fit there or in `MOST_S`.

    Parameters
    ----------
    verilog, top : str
        A part as `rtl.synthesis.hierarchy.part_of` cuts it.
    target : str
        One of `DEVICES`.
    script : str
        The yosys pass for the target.

    Raises
    ------
    CodesignError
        When yosys or nextpnr is missing.
    """
    check_router(target)
    command, version = find_nextpnr(target)
    yosys, tool = find_yosys()
    design = f"{_BOX.sub(lambda box: ring_of(box.group()), verilog)}\n{border_of(verilog, top)}"
    passes = f"read_verilog -sv design.v\n{script} -top border\nwrite_json netlist.json\n"
    options = [*DEVICES[target], "--freq", str(_AIM_MHZ), "--seed", "1", "--timing-allow-fail", "--quiet"]

    def build(folder: Path) -> None:
        (folder / "design.v").write_text(design, encoding="utf-8")
        (folder / "script.ys").write_text(passes, encoding="utf-8")
        run_yosys(yosys, "script.ys", folder)
        clock = _routed([*command, *options, "--json", "netlist.json", "--report", "report.json"], folder)
        for path in folder.iterdir():
            path.unlink()
        (folder / "clock.json").write_text(json.dumps(clock), encoding="utf-8")

    try:
        folder = built("routed", key_of(design, passes, options, tool, version), build)
    except subprocess.TimeoutExpired:
        return None  # not kept: the next run may have a faster machine
    clock: float | None = json.loads((folder / "clock.json").read_text(encoding="utf-8"))
    return clock


def _routed(command: Sequence[str], folder: Path) -> float | None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=MOST_S)
    report = folder / "report.json"
    if done.returncode or not report.exists():
        text = done.stderr + done.stdout
        if "nable to place" in text or "no more" in text.lower() or "nable to find" in text:
            return None
        complaint = next((line for line in text.splitlines() if "ERROR" in line), "no report")
        raise CodesignError(f"nextpnr: {complaint.strip()}")
    clocks = json.loads(report.read_text(encoding="utf-8"))["fmax"]
    return min((clock["achieved"] for clock in clocks.values()), default=None)


def ring_of(box: str) -> str:
    """Return a black box's module as a ring of flip-flops that its inputs disturb and its outputs show."""
    text = box.removeprefix("(* blackbox *)\n").removesuffix("endmodule")
    if "parameter DEPTH" in text:
        return f"{text}{_MEMORY_RING}endmodule"
    ports = ports_of(text)
    ins = [name for way, _, name in ports if way == "input" and name != "clk "]
    outs = [name for way, _, name in ports if way == "output"]
    sizes = [sum(bits for way, bits, name in ports if way == side and name != "clk ") for side in ("input", "output")]
    bits = max(*sizes, 1)
    clock = "" if any(name == "clk " for _, _, name in ports) else "    wire clk = 0;\n"
    return (
        f"{text}{clock}    reg [{bits}:0] ring = 1;\n"
        f"    always @(posedge clk) ring <= {{ring[{bits - 1}:0], ring[{bits}]}} ^ {{1'b0, {', '.join(ins)}}};\n"
        + (f"    assign {{{', '.join(outs)}}} = ring;\n" if outs else "")
        + "endmodule"
    )


def border_of(verilog: str, top: str) -> str:
    """Return module ``border``: a part with a register at every port, its ports shifted in and out by two pins."""
    name = re.escape(top) if re.fullmatch(r"\w+", top) else re.escape(f"\\{top}")
    module = re.search(rf"^module\s+{name}\s*\(.*?^endmodule$", verilog, re.MULTILINE | re.DOTALL)
    assert module is not None, top
    at = {"input": 0, "output": 0}
    wires, bundles = [], {"input": "entering", "output": "found"}
    for way, bits, port in ports_of(module.group()):
        if port == "clk ":
            wires.append(".clk(clk)")
            continue
        wires.append(f".{port}({bundles[way]}[{at[way]} +: {bits}])")
        at[way] += bits
    written = top if re.fullmatch(r"\w+", top) else f"\\{top} "
    return _BORDER.format(inputs=at["input"] - 1, outputs=at["output"] - 1, top=written, ports=", ".join(wires))
