"""The options and arguments that commands share, and the names that they allow."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Fidelity(StrEnum):
    """How closely a run follows the machine."""

    exact = "exact"
    cycle = "cycle"
    fast = "fast"


class Formats(StrEnum):
    """What happens to a float network on an integer machine."""

    retype = "retype"
    keep = "keep"


class PhaseName(StrEnum):
    """Which pass of a language model runs."""

    prefill = "prefill"
    decode = "decode"


class Output(StrEnum):
    """How a result is printed."""

    table = "table"
    json = "json"
    csv = "csv"


class Objective(StrEnum):
    """What the mapper minimises."""

    cycles = "cycles"
    energy = "energy"


class Listed(StrEnum):
    """What `list` lists."""

    networks = "networks"
    machines = "machines"
    formats = "formats"
    standards = "standards"
    devices = "devices"


class Backend(StrEnum):
    """What runs the RTL."""

    verilator = "verilator"
    cocotb_verilator = "cocotb-verilator"
    icarus = "icarus"
    amaranth = "amaranth"


class Mapper(StrEnum):
    """What synthesis chooses gates for."""

    area = "area"
    speed = "speed"


class Partition(StrEnum):
    """How a layer is divided among cores."""

    best = "best"
    batch = "batch"
    channels = "channels"
    rows = "rows"


class Placement(StrEnum):
    """Which channel of memory that computes holds which request."""

    longest_first = "longest_first"
    round_robin = "round_robin"


class Closeness(StrEnum):
    """How closely memory that computes is followed."""

    cycle = "cycle"
    fast = "fast"


class Report(StrEnum):
    """How a report is printed."""

    table = "table"
    json = "json"


NetworkArgument = Annotated[
    str, typer.Argument(help="Built-in name, .onnx, .tflite, topology .csv or Hugging Face config.json")
]
MachineOption = Annotated[str, typer.Option("--machine", "-m", help="Preset or .yaml file")]
SetOption = Annotated[list[str], typer.Option("--set", help="Override a field: array.rows=64 (repeatable)")]
BatchOption = Annotated[int, typer.Option(min=1, max=1 << 20, help="Inferences in one pass")]
FidelityOption = Annotated[Fidelity, typer.Option(help="exact: registers and values; cycle; fast: closed form")]
FormatsOption = Annotated[Formats, typer.Option(help="A float network on an integer machine: retype it, or refuse")]
ObjectiveOption = Annotated[Objective, typer.Option(help="What the mapper minimises")]
HostOption = Annotated[bool, typer.Option("--allow-host", help="Leave what the machine cannot run to the host")]
DimensionOption = Annotated[list[str], typer.Option("--dim", help="Bind a symbolic dimension: N=1 (repeatable)")]
PhaseOption = Annotated[PhaseName | None, typer.Option(help="Language model: all of the prompt, or one new token")]
ContextOption = Annotated[int | None, typer.Option(min=1, max=1 << 20, help="Tokens that attention sees (default 512)")]
KvOption = Annotated[str, typer.Option(help="Format of the key-value cache (default: the machine's activations)")]
PartitionOption = Annotated[Partition, typer.Option(help="How each layer is divided among several cores")]
MachineArgument = Annotated[str, typer.Argument(help="Preset or .yaml file")]
BackendOption = Annotated[Backend, typer.Option(help="What runs the RTL")]
OutOption = Annotated[str, typer.Option("--out", "-o", help="Write to this file instead of the standard output")]
