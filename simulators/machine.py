"""The machine description: one file gives the simulator, the RTL and the cost model.

Every field changes some output of a run, or says ``informational`` in its schema (a test generated from the
schema sees to it). Latencies of PEs and units live here; the RTL takes them as parameters. What must hold
between fields stands in `simulators.machine_checks`.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from simulators.machine_checks import VECTOR_FUNCTIONS, Path, conflicts
from simulators.technology_names import ARITHMETIC_PROFILES, MEMORY_TECHNOLOGIES, PIM_DEVICES, SCALING_LAWS

Positive = Annotated[int, Field(ge=1)]
Clock = Annotated[int, Field(ge=1, le=10**12)]
Cycles = Annotated[int, Field(ge=0, le=1 << 20)]
Size = Annotated[int, Field(ge=1, le=1 << 40)]
Depth = Annotated[int, Field(ge=1, le=256)]
Words = Annotated[int, Field(ge=1, le=1 << 16)]
Factor = Annotated[float, Field(gt=0, le=100)]

DramStandard = Literal[
    "ddr4-2400", "ddr4-3200", "gddr6", "hbm2-2000", "hbm3-5200", "hbm3-6400", "lpddr4-2400", "lpddr5-6400"
]
DramMapping = Literal[
    "standard", "rochrababgco", "rorabgbachco", "rorababgchco", "chrobabgraco", "rocorababgch", "chrarobabgco"
]
DATAFLOWS = ("ws", "os", "is", "rs")
REQUANTIZE = ("dyadic_half_up", "dyadic_half_even", "tflite_single", "tflite_double")
_LABEL: dict[str, Any] = {"informational": True}


def _known(names: tuple[str, ...]) -> dict[str, Any]:
    return {"enum": list(names)}


class Strict(BaseModel):
    """Base of every section: no unknown field, no silent conversion, immutable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ProcessingElement(Strict):
    """One multiply-accumulate element."""

    activation: str = Field(default="int8", description="format of the activations that stream or stay")
    weight: str = Field(default="int8", description="format of the weights")
    accumulator: str = Field(default="int32", description="format of the partial sums")
    latency_cycles: Annotated[int, Field(ge=1, le=16)] = Field(default=1, description="registers from operands to sum")


class RowStationary(Strict):
    """What the row-stationary dataflow has beside the array: words that a PE holds, words that its buses bring.

    Its defaults are those of Eyeriss (JSSC 2017).
    """

    filter_words: Words = Field(default=224, description="rs: weights that a PE holds")
    ifmap_words: Words = Field(default=12, description="rs: inputs that a PE holds: a window of each channel")
    psum_words: Words = Field(default=24, description="rs: sums that a PE holds: one a filter")
    psum_bits: Annotated[int, Field(ge=1, le=64)] = Field(default=16, description="rs: width of a sum in the buffer")
    filter_bus_words: Words = Field(default=4, description="rs: weights that reach the PEs a cycle")
    ifmap_bus_words: Words = Field(default=1, description="rs: inputs that reach the PEs a cycle")
    psum_bus_words: Words = Field(default=4, description="rs: sums that reach the PEs a cycle, and that leave them")
    zero_gating: bool = Field(default=True, description="rs: a PE rests where an input is zero")


class Array(Strict):
    """The array of PEs."""

    rows: Annotated[int, Field(ge=1, le=1024)] = Field(description="PEs in a column")
    cols: Annotated[int, Field(ge=1, le=1024)] = Field(description="PEs in a row: the sums of an accumulator word")
    dataflow: Literal["ws", "os", "is", "rs"] = Field(
        default="ws", description="what stays in the PEs: weights, sums, activations, or rows of a convolution"
    )
    style: Literal["systolic", "dot_product"] = Field(
        default="systolic",
        description="operands and sums pass from PE to PE, or are broadcast to columns that each sum by a tree (ws)",
    )
    shadow_weights: bool = Field(
        default=True, description="the next stationary tile loads while this one works (ws, is)"
    )
    fold_overlap: bool = Field(default=True, description="a fold may start before the one before it has drained")
    os_drain: Literal["shifted", "parallel"] = Field(
        default="shifted", description="os: sums leave through the PEs (rows more cycles) or all at once"
    )
    convolution: Literal["shifted", "im2col"] = Field(
        default="shifted", description="a matmul per filter tap, or an im2col stream over R*S*C"
    )
    pe: ProcessingElement = Field(default=ProcessingElement(), description="the element that the array repeats")
    row_stationary: RowStationary = Field(default=RowStationary(), description="stores and buses of dataflow rs")


class Buffer(Strict):
    """An on-chip memory."""

    size_bytes: Size = Field(description="capacity, both halves together")
    banks: Annotated[int, Field(ge=1, le=1024)] = Field(default=1, description="equal memories that make it up")
    double_buffered: bool = Field(default=True, description="two tiles in flight, each at most half the memory")
    latency_cycles: Cycles = Field(
        default=1, description="read latency (accumulators: from the array's sum to the memory)"
    )


class VectorFunction(Strict):
    """One function of the vector unit."""

    latency_cycles: Cycles = Field(default=4, description="from the last operand read to the result written")
    passes: Annotated[int, Field(ge=1, le=1 << 16)] = Field(
        default=1, description="cycles per word of lanes and operand"
    )


class Vector(Strict):
    """The vector unit behind the accumulators."""

    lanes: Annotated[int, Field(ge=1, le=4096)] = Field(description="elements a cycle; at most array.cols")
    requantize: Literal["dyadic_half_up", "dyadic_half_even", "tflite_single", "tflite_double"] = Field(
        default="dyadic_half_up", description="how sums are scaled and rounded to activations"
    )
    functions: dict[str, VectorFunction] = Field(
        description="the functions that the unit has, each with its timing",
        json_schema_extra={"propertyNames": _known(VECTOR_FUNCTIONS)},
    )


class Dma(Strict):
    """The load and store engines' share of the memory port."""

    bus_bytes: Annotated[int, Field(ge=1, le=4096)] = Field(
        description="bytes of one beat: one beat a cycle into or out of the buffers"
    )
    burst_bytes: Annotated[int, Field(ge=1, le=1 << 16)] = Field(
        default=64, description="longest request, aligned to its size; a power of two, a multiple of bus_bytes"
    )
    outstanding: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=16, description="requests in flight, load and store each"
    )


class Queues(Strict):
    """Depth of each in-order command queue."""

    load: Depth = Field(default=8, description="commands that the load queue holds")
    execute: Depth = Field(default=8, description="commands that the execute queue holds")
    vector: Depth = Field(default=8, description="commands that the vector queue holds")
    store: Depth = Field(default=8, description="commands that the store queue holds")
    token_bits: Annotated[int, Field(ge=1, le=16)] = Field(default=4, description="width of a dependency counter")


class Memory(Strict):
    """What lies behind the DMA.

    ``resident``: operands lie in the buffers when a layer starts and nothing is moved (the idealised machine of
    stall-free counts; buffer sizes bound nothing then). ``simple``: latency and bandwidth, in order unless
    `latency_spread_cycles` lets requests overtake each other. ``dram``: banks, queues and refresh of a DRAM standard,
    cycle by cycle; clock, bytes a cycle and latency then follow from the standard, whatever is given.
    """

    model: Literal["resident", "simple", "dram"] = Field(
        default="simple", description="nothing is moved, latency and bandwidth, or a cycle-level DRAM"
    )
    standard: DramStandard = Field(default="ddr4-3200", description="dram: its standard, which gives clock and timing")
    channels: Annotated[int, Field(ge=0, le=64)] = Field(
        default=0, description="dram: channels, a power of two; 0 takes the standard's own"
    )
    mapping: DramMapping = Field(
        default="standard", description="dram: address mapping, fields from the most significant; or the standard's own"
    )
    clock_hz: Clock | None = Field(default=None, description="clock of the memory; the machine's own when absent")
    bytes_per_cycle: Annotated[int, Field(ge=1, le=1 << 20)] = Field(default=16, description="bytes a memory clock")
    latency_cycles: Cycles = Field(
        default=40, description="memory clocks from the end of a transfer's slot to its completion"
    )
    latency_spread_cycles: Cycles = Field(
        default=0, description="greatest extra latency, by address: completions leave order"
    )
    queue_depth: Annotated[int, Field(ge=1, le=4096)] = Field(
        default=32, description="requests held; a full queue refuses"
    )
    technology: str = Field(
        default="DDR4", description="names the energy per bit", json_schema_extra=_known(MEMORY_TECHNOLOGIES)
    )

    @model_validator(mode="before")
    @classmethod
    def _follow_the_standard(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("model") != "dram":
            return given
        from simulators.dram.standards import STANDARDS, closed_forms

        if given.get("standard", "ddr4-3200") not in STANDARDS:
            return given
        return {**given, **closed_forms(given.get("standard", "ddr4-3200"), given.get("channels", 0))}


class Pim(Strict):
    """Memory that computes, and the devices that share a language model (`simulators.pim.system`).

    With this section a machine runs language models alone: its memory is the PIM device, not `memory`, and its
    `cores` share each product.
    """

    device: str = Field(
        default="neupims", description="pim: memory that computes", json_schema_extra=_known(PIM_DEVICES)
    )
    dual_row_buffer: bool = Field(
        default=True, description="pim: a second row buffer in each bank, for compute; false takes the device's away"
    )
    placement: Literal["longest_first", "round_robin"] = Field(
        default="longest_first", description="pim: which channel holds which request"
    )
    interleave: Literal["auto", "on", "off"] = Field(
        default="auto", description="pim: two sub-batches, one on the arrays while the other attends; auto: if faster"
    )
    bank_queue: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=128, description="pim: reads and writes that the memory controller queues for a bank"
    )
    requests_per_clock: Annotated[int, Field(ge=1, le=16)] = Field(
        default=2, description="pim: requests that reach a channel in a memory clock at most"
    )
    tensor_parallel: Annotated[int, Field(ge=1, le=1024)] = Field(
        default=4, description="pim: devices that share every layer by heads and columns"
    )
    link_bytes_per_second: Annotated[int, Field(ge=1, le=10**15)] = Field(
        default=300_000_000_000, description="pim: of the link between devices, each direction"
    )
    link_latency_ns: Annotated[int, Field(ge=0, le=10**9)] = Field(
        default=1000, description="pim: of a message between neighbours"
    )


class Technology(Strict):
    """Process of the logic and the on-chip memories."""

    node_nm: Annotated[int, Field(ge=1, le=180)] = Field(description="process node")
    supply_v: Annotated[float, Field(gt=0, le=5)] | None = Field(
        default=None, description="supply; the node's nominal one when absent"
    )
    arithmetic: str = Field(
        default="synthesized",
        description="named profile of logic energy and area, or a cost table (.csv) that `codesign synth` wrote",
        json_schema_extra={"anyOf": [_known(ARITHMETIC_PROFILES), {"pattern": r"\.csv$"}]},
    )
    scaling: str = Field(
        default="stillmaker_baas_2017",
        description="named law that carries a figure from its node to node_nm",
        json_schema_extra=_known(SCALING_LAWS),
    )
    sram_cell: Literal["itrs-hp", "itrs-lstp"] = Field(default="itrs-hp", description="cells of the SRAM table")
    sram_area_factor: Factor = Field(default=2.5, description="named calibration of the SRAM table's area")
    sram_energy_factor: Factor = Field(default=1.5, description="named calibration of the SRAM table's energy")


class Machine(Strict):
    """A whole machine, immutable and hashable by its JSON."""

    name: Annotated[str, Field(min_length=1, max_length=80)] = Field(
        description="what reports call the machine", json_schema_extra=_LABEL
    )
    description: str = Field(default="", max_length=2000, description="what the machine is", json_schema_extra=_LABEL)
    source: str = Field(
        default="", max_length=2000, description="where its figures come from", json_schema_extra=_LABEL
    )
    clock_hz: Clock = Field(description="clock of the array, the buffers and the DMA")
    cores: Annotated[int, Field(ge=1, le=64)] = Field(
        default=1, description="equal cores that share the memory, each as described; a layer is divided among them"
    )
    technology: Technology = Field(description="process of the logic and the on-chip memories")
    array: Array = Field(description="the systolic array")
    scratchpad: Buffer = Field(
        description="activations: operands of the array, operands and results of the vector unit"
    )
    weight_buffer: Buffer = Field(description="weights: of the array and of depthwise layers")
    accumulator: Buffer = Field(description="partial sums, in words of array.cols")
    parameter_buffer: Buffer = Field(description="bias, multiplier and shift per channel, 12 bytes each")
    vector: Vector | None = Field(default=None, description="the vector unit behind the accumulators; null for none")
    dma: Dma = Field(description="the load and store engines")
    queues: Queues = Field(default=Queues(), description="depths of the command queues")
    memory: Memory = Field(default=Memory(), description="what lies behind the DMA")
    pim: Pim | None = Field(default=None, description="memory that computes, for language models; null for none")

    @model_validator(mode="after")
    def _fields_agree(self) -> Machine:
        found = conflicts(self._value)
        if found:
            raise ValueError("; ".join(f"{'.'.join(path)}: {message}" for path, message, _ in found))
        return self

    def _value(self, path: Path) -> Any:
        value: Any = self
        for part in path:
            value = None if value is None else getattr(value, part)
        return value

    @property
    def memory_clock_ratio(self) -> Fraction:
        """Memory clocks per machine clock."""
        return Fraction(self.memory.clock_hz or self.clock_hz, self.clock_hz)
