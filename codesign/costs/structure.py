"""What a machine consists of: register bits by block, and the word that each port of each memory moves.

Read by both energy and area, so that the two speak of the same hardware.
"""

from __future__ import annotations

from dataclasses import dataclass

from codesign.costs.sram import Sram, sram
from simulators.machine import Buffer, Machine
from workloads.formats import parse_format

#: Bits of one command in a queue (assumed: some 39 fields of 10 bits on average).
COMMAND_BITS = 384
#: Token counters: every ordered pair of the four engines.
TOKEN_COUNTERS = 12
#: Bits of a DMA request that is in flight: address, length, identity (assumed).
REQUEST_BITS = 64
#: Bits of a channel's entry in the parameter buffer, and of one of its three words.
PARAMETER_BITS, PARAMETER_WORD_BITS = 96, 32
#: Pipeline registers of a vector lane, in words of the accumulator's format (assumed).
VECTOR_STAGES = 4
MEMORIES = ("scratchpad", "weight_buffer", "accumulator", "parameter_buffer")


@dataclass(frozen=True)
class Widths:
    """Bits of the machine's formats."""

    activation: int
    weight: int
    accumulator: int


def widths(machine: Machine) -> Widths:
    """Return the bits of the PE's formats, or raise CodesignError for an unknown one."""
    pe = machine.array.pe
    names = ("activation", "weight", "accumulator")
    return Widths(*(parse_format(getattr(pe, name), f"array.pe.{name}").bits for name in names))


def streamed_bits(machine: Machine) -> int:
    """Bits of the operands that pass through a PE: activations (ws), weights (is), both (os, rs).

    None where they are broadcast; there is a register a row then (`skew_register_bits`), and a sum in a PE's place in
    the tree.
    """
    bits = widths(machine)
    if machine.array.style == "dot_product":
        return 0
    both = bits.activation + bits.weight
    return {"ws": bits.activation, "is": bits.weight, "os": both, "rs": both}[machine.array.dataflow]


def stationary_bits(machine: Machine) -> int:
    """Bits of the operand that stays in a PE (ws: weight, is: activation); none in os, rs."""
    bits = widths(machine)
    return {"ws": bits.weight, "is": bits.activation, "os": 0, "rs": 0}[machine.array.dataflow]


def product_bits(machine: Machine) -> int:
    """Register bits between the multiplier and the adder: one product a cycle of latency beyond the first."""
    bits = widths(machine)
    return (machine.array.pe.latency_cycles - 1) * (bits.activation + bits.weight)


def pe_register_bits(machine: Machine) -> int:
    """Register bits of one PE: streamed and stationary operands (twice with a shadow), products, sum.

    rs: the inputs and sums that a PE holds, and the operands and products on their way.
    """
    if machine.array.dataflow == "rs":
        rs = machine.array.row_stationary
        held = rs.ifmap_words * widths(machine).activation + rs.psum_words * rs.psum_bits
        return held + streamed_bits(machine) + product_bits(machine)
    copies = 2 if machine.array.shadow_weights else 1
    moving = streamed_bits(machine) + product_bits(machine) + widths(machine).accumulator
    return moving + copies * stationary_bits(machine)


def skew_register_bits(machine: Machine) -> int:
    """Register bits that delay lane i by i cycles, at rows and columns; os, shifted, adds serializers."""
    array, bits = machine.array, widths(machine)
    if array.dataflow == "rs":
        return 0
    if array.style == "dot_product":
        return array.rows * bits.activation
    rows, cols = array.rows * (array.rows - 1) // 2, array.cols * (array.cols - 1) // 2
    if array.dataflow == "os":
        serializers = array.rows * array.rows * bits.activation if array.convolution == "shifted" else 0
        return rows * bits.activation + cols * (bits.weight + bits.accumulator) + serializers
    return rows * streamed_bits(machine) + cols * (stationary_bits(machine) + bits.accumulator)


def vector_register_bits(machine: Machine) -> int:
    """Pipeline register bits of the vector unit."""
    return VECTOR_STAGES * machine.vector.lanes * widths(machine).accumulator if machine.vector else 0


def dma_register_bits(machine: Machine) -> int:
    """Register bits of the load and store engines: a beat and a burst each way, and the requests in flight."""
    dma = machine.dma
    return 2 * (8 * (dma.bus_bytes + dma.burst_bytes) + dma.outstanding * REQUEST_BITS)


def control_register_bits(machine: Machine) -> int:
    """Register bits of the command queues, the token counters and the memory port's queue."""
    queues = machine.queues
    depth = queues.load + queues.execute + queues.vector + queues.store
    return depth * COMMAND_BITS + TOKEN_COUNTERS * queues.token_bits + machine.memory.queue_depth * REQUEST_BITS


def register_bits(machine: Machine) -> dict[str, int]:
    """Register bits by block."""
    return {
        "array": machine.array.rows * machine.array.cols * pe_register_bits(machine),
        "skew_registers": skew_register_bits(machine),
        "vector": vector_register_bits(machine),
        "dma": dma_register_bits(machine),
        "control": control_register_bits(machine),
    }


def clocked_register_bits(machine: Machine) -> int:
    """Register bits whose clock runs each cycle: all but the storage of queues and of requests in flight.

    An entry of a queue is clocked only when it is written; the command at work in each of the four engines is clocked.
    """
    bits = register_bits(machine)
    dma = 2 * 8 * machine.dma.bus_bytes
    control = 4 * COMMAND_BITS + TOKEN_COUNTERS * machine.queues.token_bits
    return bits["array"] + bits["skew_registers"] + bits["vector"] + dma + control


def array_word_bits(machine: Machine) -> dict[str, int]:
    """Bits of the word that the array (parameters: a channel) takes from each memory in a cycle; it is built for that.

    ws and is: the streamed operand a word of `rows` elements, the stationary one a row of `cols`; os: `rows`
    activations and `cols` weights. Sums are words of `cols`.
    """
    array, bits = machine.array, widths(machine)
    activations = array.cols if array.dataflow == "is" else array.rows
    weights = array.rows if array.dataflow == "is" else array.cols
    return {
        "scratchpad": activations * bits.activation,
        "weight_buffer": weights * bits.weight,
        "accumulator": array.cols * bits.accumulator,
        "parameter_buffer": PARAMETER_BITS,
    }


def ports(machine: Machine, name: str) -> str:
    """Return the ports of a memory's banks.

    A double-buffered memory is read and written in the same cycle, and so is an accumulator: ``1r1w`` in one bank; with
    several (one a half, or consecutive sums in alternate banks) one port a bank suffices.
    """
    buffer: Buffer = getattr(machine, name)
    return "1r1w" if buffer.banks == 1 and (buffer.double_buffered or name == "accumulator") else "1rw"


def memory(machine: Machine, name: str, word_bits: int | None = None) -> Sram:
    """Return a memory's figures for accesses of `word_bits` (the array's word when absent)."""
    buffer: Buffer = getattr(machine, name)
    width = array_word_bits(machine)[name] if word_bits is None else word_bits
    technology = machine.technology
    return sram(buffer.size_bytes, width, technology.node_nm, technology.sram_cell, ports(machine, name), buffer.banks)
