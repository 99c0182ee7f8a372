r"""Yosys's Verilog, put as one would write it by hand: Verilator runs it faster, and people read it.

Yosys writes a register in two blocks, its next value and the register::

    always @* begin
      \$7  = total_out;
      if (enable) begin
        \$7  = total_next;
      end
    end
    always @(posedge clk)
      total_out <= \$7 ;

Here that is one block, ``if (enable) begin total_out <= total_next; end``, which costs a simulator nothing while
`enable` is 0. A bit that stands many times in a concatenation (sign extension) becomes a replication.
"""

from __future__ import annotations

import re
from collections import Counter

_MODULE = re.compile(r"(?<=\nendmodule\n)")
_PRIVATE = re.compile(r"\\\$\S+ ")
#: A next value: its wire, the value by default, further statements.
_NEXT = re.compile(r"  always @\* begin\n    if \(\S+ \) begin end\n    (\\\$\S+ ) = (.+);\n((?:    .*\n)*)  end\n")
_REGISTER = re.compile(r"  always @\(posedge (\w+)\)\n    (\w+|\\\S+ ) <= (\\\$\S+ );\n")
_DECLARED = re.compile(r"\n  reg (?:\[\d+:0\] )?(\\\$\S+ );(?=\n)")
_ASSIGNED = re.compile(r"^( +)(.+?)((?:\[[\d:]+\])?) = ", re.MULTILINE)
_REPEATED = re.compile(r"(?<=[{ ])((?:\\\S+ |[\w.]+)(?:\[\d+\])?), (?:\1, )+\1(?=[ ,])")


def tidy(verilog: str) -> str:
    """Return Verilog of Yosys's with registers in one block each and replications as such."""
    text = "".join(_with_registers(module) for module in _MODULE.split(verilog))
    return _REPEATED.sub(_replication, text)


def _replication(found: re.Match[str]) -> str:
    bit = found[1]
    return f"{{{(len(found[0]) + 2) // (len(bit) + 2)}{{{bit}}}}}"


def _with_registers(module: str) -> str:
    registers = {found[3]: found for found in _REGISTER.finditer(module)}
    used = Counter(_PRIVATE.findall(module)) if registers else Counter()
    joined: set[str] = set()

    def one_block(found: re.Match[str]) -> str:
        wire, default, statements = found.groups()
        register = registers.get(wire)
        if register is None or used[wire] != found[0].count(wire) + 2:
            return found[0]  # besides here it stands in its declaration and at the register, and nowhere else
        if {target for _, target, _ in _ASSIGNED.findall(statements)} - {wire}:
            return found[0]
        joined.add(wire)
        clock, target = register[1], register[2]
        first = "" if default.strip() == target.strip() else f"    {target} <= {default};\n"
        rest = _ASSIGNED.sub(lambda place: f"{place[1]}{target}{place[3]} <= ", statements)
        return f"  always @(posedge {clock}) begin\n{first}{rest}  end\n"

    text = _NEXT.sub(one_block, module)
    text = _REGISTER.sub(lambda found: "" if found[3] in joined else found[0], text)
    return _DECLARED.sub(lambda found: "" if found[1] in joined else found[0], text)
