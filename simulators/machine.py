"""The machine description: one file gives the simulator, the RTL and the cost model.

Every field changes some output of a run, or says ``informational`` in its schema (a test generated from the
schema sees to it). Latencies of PEs and units live here; the RTL takes them as parameters.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(ge=1)]
Cycles = Annotated[int, Field(ge=0, le=1 << 20)]
Size = Annotated[int, Field(ge=1, le=1 << 40)]

DATAFLOWS = ("ws", "os", "is")
REQUANTIZE = ("dyadic_half_up", "dyadic_half_even", "tflite_single", "tflite_double")


class Strict(BaseModel):
    """Base of every section: no unknown field, no silent conversion, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ProcessingElement(Strict):
    """One multiply-accumulate element."""

    activation: str = Field("int8", description="format of the activations that stream or stay")
    weight: str = Field("int8", description="format of the weights")
    accumulator: str = Field("int32", description="format of the partial sums")
    latency_cycles: Annotated[int, Field(ge=1, le=16)] = Field(1, description="registers from operands to sum")


class Array(Strict):
    """The systolic array."""

    rows: Annotated[int, Field(ge=1, le=1024)]
    cols: Annotated[int, Field(ge=1, le=1024)]
    dataflow: Literal["ws", "os", "is"] = "ws"
    shadow_weights: bool = Field(True, description="the next stationary tile loads while the present one works (ws, is)")
    fold_overlap: bool = Field(True, description="a fold may start before the one before it has drained")
    os_drain: Literal["shifted", "parallel"] = Field("shifted", description="os: sums leave through the PEs (rows more cycles) or all at once")
    convolution: Literal["shifted", "im2col"] = Field("shifted", description="a matmul per filter tap, or an im2col stream over R*S*C")
    pe: ProcessingElement = ProcessingElement()


class Buffer(Strict):
    """An on-chip memory."""

    size_bytes: Size
    banks: Annotated[int, Field(ge=1, le=1024)] = 1
    double_buffered: bool = Field(True, description="two tiles in flight, each at most half the memory")
    latency_cycles: Cycles = Field(1, description="read latency (accumulators: from the array's sum to the memory)")


class VectorFunction(Strict):
    """One function of the vector unit."""

    latency_cycles: Cycles = Field(4, description="from the last operand read to the result written")
    passes: Annotated[int, Field(ge=1, le=1 << 16)] = Field(1, description="cycles per word of lanes and operand")


class Vector(Strict):
    """The vector unit behind the accumulators."""

    lanes: Annotated[int, Field(ge=1, le=4096)]
    requantize: Literal["dyadic_half_up", "dyadic_half_even", "tflite_single", "tflite_double"] = "dyadic_half_up"
    functions: dict[str, VectorFunction]


class Dma(Strict):
    """The load and store engines' share of the memory port."""

    bus_bytes: Annotated[int, Field(ge=1, le=4096)] = Field(description="bytes of one beat: one beat a cycle into or out of the buffers")
    burst_bytes: Annotated[int, Field(ge=1, le=1 << 16)] = Field(64, description="longest request; a multiple of bus_bytes, never crossed by a request")
    outstanding: Annotated[int, Field(ge=1, le=4096)] = Field(16, description="requests in flight, load and store each")


class Queues(Strict):
    """Depth of each in-order command queue."""

    load: Annotated[int, Field(ge=1, le=256)] = 8
    execute: Annotated[int, Field(ge=1, le=256)] = 8
    vector: Annotated[int, Field(ge=1, le=256)] = 8
    store: Annotated[int, Field(ge=1, le=256)] = 8
    token_bits: Annotated[int, Field(ge=1, le=16)] = Field(4, description="width of a dependency counter")


class Memory(Strict):
    """What lies behind the DMA.

    ``resident``: operands lie in the buffers when a layer starts and nothing is moved (the idealised machine of
    stall-free counts; buffer sizes bound nothing then). ``simple``: latency and bandwidth, in order unless
    `latency_spread_cycles` lets requests overtake each other.
    """

    model: Literal["resident", "simple"] = "simple"
    clock_hz: Positive | None = Field(None, description="clock of the memory; the machine's own when absent")
    bytes_per_cycle: Positive = Field(16, description="bytes a memory clock")
    latency_cycles: Cycles = Field(40, description="memory clocks from the end of a transfer's slot to its completion")
    latency_spread_cycles: Cycles = Field(0, description="greatest extra latency, by address: completions leave order")
    queue_depth: Annotated[int, Field(ge=1, le=4096)] = Field(32, description="requests held; a full queue refuses")
    technology: str = Field("DDR4", description="names the energy per bit in the cost tables")


class Technology(Strict):
    """Process of the logic and the on-chip memories."""

    node_nm: Annotated[int, Field(ge=1, le=180)]
    supply_v: Annotated[float, Field(gt=0, le=5)] | None = Field(None, description="supply; the node's nominal one when absent")
    arithmetic: str = Field("horowitz_45nm", description="named profile of arithmetic energy and area")
    scaling: str = Field("stillmaker_baas_2017", description="named law that carries a figure from its node to node_nm")
    sram_cell: Literal["itrs-hp", "itrs-lstp"] = "itrs-hp"
    sram_area_factor: Annotated[float, Field(gt=0, le=100)] = Field(2.5, description="named calibration of the SRAM table's area")
    sram_energy_factor: Annotated[float, Field(gt=0, le=100)] = Field(1.5, description="named calibration of the SRAM table's energy")


class Machine(Strict):
    """A whole machine, immutable and hashable by its JSON."""

    name: Annotated[str, Field(min_length=1, max_length=80, json_schema_extra={"informational": True})]
    description: str = Field("", max_length=2000, json_schema_extra={"informational": True})
    source: str = Field("", max_length=2000, description="where the figures come from", json_schema_extra={"informational": True})
    clock_hz: Annotated[int, Field(ge=1, le=10**12)]
    technology: Technology
    array: Array
    scratchpad: Buffer = Field(description="activations: the array's operands and the vector unit's operands and results")
    weight_buffer: Buffer
    accumulator: Buffer
    parameter_buffer: Buffer = Field(description="bias, multiplier and shift per channel, 12 bytes each")
    vector: Vector | None = None
    dma: Dma
    queues: Queues = Queues()
    memory: Memory = Memory()

    @property
    def memory_clock_ratio(self) -> Fraction:
        """Memory clocks per machine clock."""
        return Fraction(self.memory.clock_hz or self.clock_hz, self.clock_hz)
