"""Where the vector unit's clocks go: read latency, pipeline stages of a lane, delay to each function's latency.

With ``R = vector_read_latency`` an operand read in cycle t is at the lanes in t + R. A function of latency F writes in
t + R + F. All functions but `max_pool` pass through one pipeline, cut into as many stages as the quickest of them
allows; the others, and `max_pool` beside it, wait in short delay lines of finished elements.
"""

from __future__ import annotations

from dataclasses import dataclass

from rtl.functions.requantize import CUTS, GREATEST_SUM_BITS
from rtl.parameters import NpuParameters
from simulators.program import FUNCTIONS, MAX_POOL

#: Operands of an `add` that the running sum holds without overflow.
ADD_OPERANDS = 16
#: Bits of ``value + bias`` in the requantizer's domain, and of a multiplier's magnitude.
SCALED_BITS, MULTIPLIER_MAGNITUDE_BITS = 33, 31
MAX_POOL_NAME = FUNCTIONS[MAX_POOL]


@dataclass(frozen=True)
class VectorPlan:
    """Widths and clocks of a vector unit.

    Attributes
    ----------
    operand_bits : int
        A signed number that holds any sum and any activation.
    difference_bits : int
        An activation minus a zero point, signed.
    right_bits : int
        The other factor of a lane's multiplier, signed: a weight, a multiplier or a difference; 0 for none.
    sum_bits : int
        A lane's running value, signed. It holds: any sum of the accumulator format; sums of at most `SCALED_BITS`
        (`depthwise`, `average_pool`; what is scaled is `SCALED_BITS` with its bias); the sum of `ADD_OPERANDS`
        differences times multipliers below 2^31; a product of two differences. Higher bits are cut off.
    registered : bool
        A register between the running value and the requantizer.
    stages : int
        Registers in the requantizer.
    """

    operand_bits: int
    difference_bits: int
    right_bits: int
    sum_bits: int
    registered: bool
    stages: int

    @property
    def depth(self) -> int:
        """Clocks from operands at the lane to a finished element, `max_pool` apart."""
        return self.stages + self.registered


def vector_plan(p: NpuParameters) -> VectorPlan:
    """Return the plan for a machine's functions."""
    names = {name for name, _, _ in p.functions}
    scaled = [latency for name, latency, _ in p.functions if name != MAX_POOL_NAME]
    quickest = min(scaled, default=0)
    deepest = len(CUTS) - 1
    element = p.activation.bits + (not p.activation.signed)
    operand = max(element, p.accumulator.bits + (not p.accumulator.signed))
    difference = max(element, p.value_bits) + 1
    right, sums = 0, operand
    if names & {"depthwise", "average_pool"}:
        sums = max(sums, SCALED_BITS)
    if "depthwise" in names:
        right = max(right, p.weight.bits + (not p.weight.signed))
    if "mul" in names:
        right, sums = max(right, difference), max(sums, 2 * difference)
    if "add" in names:
        growth = MULTIPLIER_MAGNITUDE_BITS + (ADD_OPERANDS - 1).bit_length()
        right, sums = max(right, MULTIPLIER_MAGNITUDE_BITS + 1), max(sums, difference + growth)
    return VectorPlan(
        operand, difference, right, min(sums, GREATEST_SUM_BITS), quickest > deepest, min(quickest, deepest)
    )


def write_latencies(p: NpuParameters) -> dict[int, int]:
    """Return, by function code, the cycles from the last operand's read to the result's write."""
    return {FUNCTIONS.index(name): p.vector_read_latency + latency for name, latency, _ in p.functions}


def group_count(p: NpuParameters) -> int:
    """Return how many groups of lanes an accumulator word has."""
    return -(-p.cols // p.lanes)
