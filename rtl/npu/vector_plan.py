"""Where the vector unit's clocks and bits go: read latency, pipeline cuts of a lane, delay to each function's latency.

With ``R = vector_read_latency`` an operand read in cycle t is at the lanes in t + R. A function of latency F writes in
t + R + F. All functions but `max_pool` pass through one pipeline, cut into as many stages as the quickest of them
allows; the others, and `max_pool` beside it, wait in short delay lines of finished elements.
"""

from __future__ import annotations

from dataclasses import dataclass

from rtl.parameters import PARAMETER_BITS, NpuParameters
from simulators.program import FUNCTIONS, MAX_POOL, SHIFT_BITS

#: Operands of an `add` that its sum holds without overflow.
ADD_OPERANDS = 16
#: Bits of ``value + bias`` where both have 32, of a multiplier's magnitude, of what is shifted.
BIASED_BITS, MULTIPLIER_MAGNITUDE_BITS, WORD_BITS = PARAMETER_BITS + 1, 31, 64
MAX_POOL_NAME = FUNCTIONS[MAX_POOL]
#: Registers in a lane by the number of stages: before the multiplier, inside of it, after its sum, after the shift.
CUTS: tuple[tuple[str, ...], ...] = (
    (),
    ("sum",),
    ("factor", "sum"),
    ("factor", "sum", "shifted"),
    ("factor", "partial", "sum", "shifted"),
)


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
        What a difference is multiplied by on the way to the running value: a weight or a difference; 0 for nothing.
    running_bits : int
        The running value with its bias, signed: any sum of the accumulator format and `BIASED_BITS` (the domain of
        what is scaled), a product of two differences. Higher bits are cut off.
    add_bits : int
        The sum of an `add`: `ADD_OPERANDS` differences times multipliers below 2^31; 0 without `add`.
    result_bits : int
        A limited result: on the same side of every bound, whatever zero point is added, as the result itself.
    cuts : tuple of str
        The lane's registers between running value and element.
    """

    operand_bits: int
    difference_bits: int
    right_bits: int
    running_bits: int
    add_bits: int
    result_bits: int
    cuts: tuple[str, ...]

    @property
    def to_sum(self) -> int:
        """Clocks from operands at the lane to the sum of `add`."""
        return self.cuts.index("sum") if self.cuts else 0


def vector_plan(p: NpuParameters) -> VectorPlan:
    """Return the plan for a machine's functions."""
    names = {name for name, _, _ in p.functions}
    quickest = min((latency for name, latency, _ in p.functions if name != MAX_POOL_NAME), default=0)
    element = p.activation.bits + (not p.activation.signed)
    operand = max(element, p.accumulator.bits + (not p.accumulator.signed))
    difference = max(element, p.value_bits) + 1
    right, running = 0, max(operand, BIASED_BITS)
    if "depthwise" in names:
        right = p.weight.bits + (not p.weight.signed)
    if "mul" in names:
        right, running = max(right, difference), max(running, 2 * difference)
    add = difference + MULTIPLIER_MAGNITUDE_BITS + (ADD_OPERANDS - 1).bit_length() if "add" in names else 0
    return VectorPlan(
        operand, difference, right, min(running, WORD_BITS), min(add, WORD_BITS), p.value_bits + 1,
        CUTS[min(quickest, len(CUTS) - 1)],
    )  # fmt: skip


def shift_bits(p: NpuParameters) -> int:
    """Return how many bits of a shift's word the lanes use: where they round twice, `ROUND_ONCE` too."""
    return SHIFT_BITS + (p.requantize == "tflite_double")


def write_latencies(p: NpuParameters) -> dict[int, int]:
    """Return, by function code, the cycles from the last operand's read to the result's write."""
    return {FUNCTIONS.index(name): p.vector_read_latency + latency for name, latency, _ in p.functions}


def group_count(p: NpuParameters) -> int:
    """Return how many groups of lanes an accumulator word has."""
    return -(-p.cols // p.lanes)
