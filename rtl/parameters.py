"""The parameters of the RTL, all derived from the machine description and from nothing else.

One frozen object goes whole into every component. Widths follow from capacities: an address has just the bits of
its memory, and address arithmetic is modular, so strides are truncated to the same width without loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from simulators.machine import Machine
from simulators.npu.config import capacities
from simulators.program import VALUE_FUNCTIONS
from workloads.errors import CodesignError
from workloads.formats import parse_format

DRAM_ADDRESS_BITS = 40
PARAMETER_BITS = 32
COUNTER_BITS = 48
#: Counts of positions, rows and channels, at least.
LEAST_EXTENT_BITS = 16


class Element(NamedTuple):
    """An integer as a memory or a register holds it."""

    bits: int
    signed: bool


@dataclass(frozen=True)
class NpuParameters:
    """What the Amaranth components are generated from.

    Attributes
    ----------
    name : str
        The machine's name.
    rows, cols, dataflow
        Of the array; `is` is the ws array with operands exchanged by the program.
    shadow, overlap : bool
        Shadow registers for the next stationary tile; folds may overlap.
    serializer : bool
        os with shifted convolution: words of `rows` elements are serialised at the row edges.
    pe_latency, accumulator_latency : int
        Registers from operands to sum; clocks from the sum to the accumulator memory.
    operand_latency : int
        Clocks from a read of scratchpad or weight buffer to the edge of the array.
    scratchpad_latency : int
        Of the store engine's gather.
    activation, weight, accumulator : Element
        Widths and signs of operands and sums.
    scratchpad_depth, weight_depth, accumulator_depth, parameter_depth : int
        Capacities: elements, elements, words of `cols` sums, 32-bit words.
    lanes, requantize, functions, vector_read_latency
        Of the vector unit: functions as ((name, latency, passes), ...) of those with integer values, in code order;
        clocks from a read to the lane's arithmetic.
    bus_bytes, burst_bytes, outstanding
        Of the DMA.
    queue_depths : tuple of int
        Load, execute, vector, store.
    token_bits : int
        Width of a token counter.
    extent_bits : int
        Width of counts of positions, rows and channels.
    """

    name: str
    rows: int
    cols: int
    dataflow: str
    shadow: bool
    overlap: bool
    serializer: bool
    pe_latency: int
    accumulator_latency: int
    operand_latency: int
    scratchpad_latency: int
    activation: Element
    weight: Element
    accumulator: Element
    scratchpad_depth: int
    weight_depth: int
    accumulator_depth: int
    parameter_depth: int
    lanes: int
    requantize: str
    functions: tuple[tuple[str, int, int], ...]
    vector_read_latency: int
    bus_bytes: int
    burst_bytes: int
    outstanding: int
    queue_depths: tuple[int, int, int, int]
    token_bits: int
    extent_bits: int

    @property
    def is_os(self) -> bool:
        """Whether sums stay in the PEs."""
        return self.dataflow == "os"

    @property
    def drain(self) -> int:
        """Cycles in which os sums leave through the PEs."""
        return self.rows if self.is_os else 0

    @property
    def scratchpad_address_bits(self) -> int:
        """Bits of an element's address in the scratchpad."""
        return address_bits(self.scratchpad_depth)

    @property
    def weight_address_bits(self) -> int:
        """Bits of an element's address in the weight buffer."""
        return address_bits(self.weight_depth)

    @property
    def accumulator_address_bits(self) -> int:
        """Bits of a word's address in the accumulator memory."""
        return address_bits(self.accumulator_depth)

    @property
    def parameter_address_bits(self) -> int:
        """Bits of a word's address in the parameter buffer."""
        return address_bits(self.parameter_depth)

    @property
    def operand_address_bits(self) -> int:
        """Bits of an address in scratchpad or weight buffer, whichever is larger."""
        return max(self.scratchpad_address_bits, self.weight_address_bits)

    @property
    def transfer_address_bits(self) -> int:
        """Bits of an address that a load writes: scratchpad, weight buffer or parameter buffer."""
        return max(self.operand_address_bits, self.parameter_address_bits)

    @property
    def vector_address_bits(self) -> int:
        """Bits of an address that the vector unit reads: scratchpad or accumulator."""
        return max(self.scratchpad_address_bits, self.accumulator_address_bits)

    @property
    def id_bits(self) -> int:
        """Bits of a request's identity: load entries first, then store entries."""
        return address_bits(2 * self.outstanding)

    @property
    def value_bits(self) -> int:
        """Bits of a signed number that holds any activation, zero point and bound."""
        return self.activation.bits + 2


def _element(text: str) -> Element:
    form = parse_format(text)
    return Element(form.bits, form.is_signed)


def address_bits(depth: int) -> int:
    """Return the bits that address `depth` words (at least 1)."""
    return max(1, (depth - 1).bit_length())


def _refusals(machine: Machine) -> list[str]:
    """Return why a machine has no RTL, a line each."""
    array, found = machine.array, []
    if array.dataflow == "rs":
        return ["array.dataflow: 'rs' is simulated and has no RTL; use ws, os or is"]
    if array.style == "dot_product":
        found.append("array.style: 'dot_product' is simulated and has no RTL; use 'systolic'")
    if array.dataflow == "os" and array.os_drain == "parallel":
        found.append("array.os_drain: 'parallel' is an idealised drain without RTL; use 'shifted'")
    for name in ("activation", "weight", "accumulator"):
        text = getattr(array.pe, name)
        if not parse_format(text).is_integer:
            found.append(f"array.pe.{name}: '{text}' has a PE but no NPU in RTL; use an integer format")
    if machine.memory.model == "resident":
        found.append("memory.model: 'resident' moves nothing, so there is no DMA to generate; use 'simple'")
    if machine.vector is None:
        found.append("vector: null leaves no way from sums to activations; describe the vector unit")
    return found


def parameters_of(machine: Machine) -> NpuParameters:
    """Return the RTL's parameters of a machine.

    Raises
    ------
    CodesignError
        When the machine has no RTL, naming the field and what has one.
    """
    refused = _refusals(machine)
    if refused:
        raise CodesignError("\n".join(f"{machine.name}: {line}" for line in refused))
    assert machine.vector is not None
    array, pe = machine.array, machine.array.pe
    depths = capacities(machine)
    operand = max(machine.scratchpad.latency_cycles, machine.weight_buffer.latency_cycles)
    functions = tuple(
        (name, machine.vector.functions[name].latency_cycles, machine.vector.functions[name].passes)
        for name in VALUE_FUNCTIONS
        if name in machine.vector.functions
    )
    return NpuParameters(
        name=machine.name, rows=array.rows, cols=array.cols, dataflow=array.dataflow, shadow=array.shadow_weights,
        overlap=array.fold_overlap, serializer=array.dataflow == "os" and array.convolution == "shifted",
        pe_latency=pe.latency_cycles, accumulator_latency=machine.accumulator.latency_cycles,
        operand_latency=operand, scratchpad_latency=machine.scratchpad.latency_cycles,
        activation=_element(pe.activation), weight=_element(pe.weight),
        accumulator=_element(pe.accumulator), scratchpad_depth=depths[0], weight_depth=depths[1],
        accumulator_depth=depths[2], parameter_depth=depths[3], lanes=machine.vector.lanes,
        requantize=machine.vector.requantize, functions=functions,
        vector_read_latency=max(operand, machine.accumulator.latency_cycles, machine.parameter_buffer.latency_cycles),
        bus_bytes=machine.dma.bus_bytes, burst_bytes=machine.dma.burst_bytes, outstanding=machine.dma.outstanding,
        queue_depths=(machine.queues.load, machine.queues.execute, machine.queues.vector, machine.queues.store),
        token_bits=machine.queues.token_bits,
        extent_bits=max(LEAST_EXTENT_BITS, 1 + max(address_bits(depth) for depth in depths)),
    )  # fmt: skip
