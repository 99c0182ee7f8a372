"""The command line. Every command imports what it needs when it runs, so that ``--help`` is instant."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from codesign.cli_options import (
    Backend,
    BackendOption,
    BatchOption,
    Closeness,
    ContextOption,
    DimensionOption,
    Formats,
    FormatsOption,
    HostOption,
    KvOption,
    Listed,
    MachineArgument,
    MachineOption,
    Mapper,
    NetworkArgument,
    Objective,
    ObjectiveOption,
    OutOption,
    PhaseOption,
    Placement,
    Report,
    SetOption,
)
from codesign.cli_output import check_file, dimensions_of, emit
from codesign.cli_run import run
from codesign.reproduce_commands import reproduce
from simulators.technology_names import PIM_DEVICES
from workloads.errors import CodesignError

app = typer.Typer(
    name="codesign",
    help="A neural network on a described accelerator, cycle by cycle: throughput, energy and area.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


app.command()(run)


@app.command("map")
def map_network(
    network: NetworkArgument,
    machine: MachineOption,
    out: OutOption = "",
    set: SetOption = [],
    batch: BatchOption = 1,
    formats: FormatsOption = Formats.retype,
    objective: ObjectiveOption = Objective.cycles,
    allow_host: HostOption = False,
    dim: DimensionOption = [],
    phase: PhaseOption = None,
    context: ContextOption = None,
    kv_format: KvOption = "",
) -> None:
    """Choose the mapping of every layer.

    Written as YAML, to read, edit and pin with run --mapping.
    """
    from codesign.mapping_files import dump_mapping
    from codesign.runner import choose_mapping

    check_file(out)
    chosen = choose_mapping(
        network, machine, set=set, batch=batch, formats=formats.value, objective=objective.value, allow_host=allow_host,
        dimensions=dimensions_of(dim), phase=phase.value if phase else "", context=context, kv_format=kv_format,
    )  # fmt: skip
    emit(dump_mapping(chosen, network, machine, objective.value), out)


@app.command("list")
def list_names(what: Annotated[Listed, typer.Argument(help="What to list")]) -> None:
    """List networks, machines, formats, DRAM standards or PIM devices (memory that computes)."""
    if what is Listed.networks:
        from workloads.load import network_names as names
    elif what is Listed.standards:
        from simulators.dram.standards import standard_names as names
    elif what is Listed.devices:
        from simulators.pim.devices import device_names as names
    elif what is Listed.machines:
        from simulators.machine_files import machine_names as names
    else:
        from workloads.formats import format_names as names
    emit("".join(f"{name}\n" for name in names()), "")


@app.command()
def check(
    files: Annotated[list[str], typer.Argument(help="Machine or mapping .yaml, network .onnx, .tflite, .csv, .json")],
    dim: DimensionOption = [],
) -> None:
    """Check files: OK, or all faults of each."""
    from codesign.check import check_file

    faulty, dimensions = False, dimensions_of(dim)
    for path in files:
        try:
            emit(f"{path}: OK, {check_file(path, dimensions)}\n", "")
        except CodesignError as error:
            faulty = True
            _complain(error)
    if faulty:
        raise typer.Exit(2)


@app.command()
def doctor() -> None:
    """Show versions and the backends found.

    Of each missing one: what it would give.
    """
    from codesign.doctor import report

    emit(report(), "")


@app.command()
def schema(out: OutOption = "") -> None:
    """Print the JSON Schema of a machine file."""
    import json

    from simulators.machine_schema import machine_json_schema

    emit(json.dumps(machine_json_schema(), indent=1) + "\n", out)


@app.command()
def rtl(
    machine: MachineArgument,
    out: Annotated[str, typer.Option("--out", "-o", help="Folder for npu.v and the README of its ports")],
    set: SetOption = [],
) -> None:
    """Write a machine as Verilog.

    With a README of its ports and of the packed commands.
    """
    from codesign.rtl_commands import write_rtl

    emit(write_rtl(machine, out, set), "")


@app.command()
def memory(
    trace: Annotated[str, typer.Argument(help="Requests: a line is an address and R or W, such as 0x40,R")],
    standard: Annotated[str, typer.Option(help="DRAM standard such as ddr4-3200, or a DRAMsim3 .ini file")],
    channels: Annotated[int, typer.Option(min=0, help="Channels; 0 takes the standard's own")] = 0,
    mapping: Annotated[str, typer.Option(help="Address mapping such as rochrababgco; empty takes its own")] = "",
    ranks: Annotated[int, typer.Option(min=0, help="Ranks of a channel; 0 takes the standard's own")] = 0,
    row_policy: Annotated[str, typer.Option(help="open, closed after every access; empty: open, or the .ini's")] = "",
    requests_per_clock: Annotated[int, typer.Option(min=1, help="Requests offered in a memory clock at most")] = 1,
    commands: Annotated[str, typer.Option(help="Write every DRAM command to this CSV file")] = "",
    format: Annotated[Report, typer.Option("--format", "-f", help="How to print the report")] = Report.table,
    out: OutOption = "",
) -> None:
    """Run a trace of requests through a DRAM.

    Cycle by cycle: cycles, read latencies, row hits, commands, energy.
    """
    from codesign.memory_commands import memory_report

    check_file(out)
    check_file(commands, "--commands")
    text = memory_report(
        trace, standard, format is Report.json, channels=channels, mapping=mapping, ranks=ranks, row_policy=row_policy,
        requests_per_clock=requests_per_clock, commands=commands,
    )  # fmt: skip
    emit(text, out)


@app.command()
def pim(
    requests: Annotated[str, typer.Argument(help="CSV with a column seq_len (tokens), and ch_idx (channel) if placed")],
    device: Annotated[str, typer.Option(help=f"Memory that computes: {', '.join(PIM_DEVICES)}")] = "neupims",
    model: Annotated[str, typer.Option(help="A model of the publication, such as gpt3-30b")] = "gpt3-7b",
    placement: Annotated[Placement | None, typer.Option(help="Which channel holds which request; else ch_idx")] = None,
    dual_row_buffer: Annotated[bool, typer.Option(help="A second row buffer in each bank, for compute")] = True,
    channels: Annotated[int, typer.Option(min=0, help="Channels; 0 takes the device's own")] = 0,
    fidelity: Annotated[Closeness, typer.Option(help="cycle: every command; fast: closed form")] = Closeness.cycle,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="An option of the device, such as lanes=8 or precharge=rank")
    ] = None,
    format: Annotated[Report, typer.Option("--format", "-f", help="How to print the report")] = Report.table,
    out: OutOption = "",
) -> None:
    """Run the attention of a batch on memory that computes.

    One layer, one decoded token of each request, command by command: cycles, load of the channels, commands.
    """
    from codesign.pim_commands import pim_report

    check_file(out)
    text = pim_report(
        requests, device, model, format is Report.json, placement=placement or "", dual_row_buffer=dual_row_buffer,
        channels=channels, changes=change or (), fast=fidelity is Closeness.fast,
    )  # fmt: skip
    emit(text, out)


@app.command("rtl-check")
def rtl_check(
    machine: MachineArgument,
    network: Annotated[str, typer.Option(help="Run this integer network on the RTL, such as digits")] = "",
    images: Annotated[int, typer.Option(min=1, help="Inputs of the network")] = 3,
    cases: Annotated[int, typer.Option(min=1, help="Random programs, when no network is given")] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first random program")] = 0,
    backend: BackendOption = Backend.verilator,
    random_weights: Annotated[int | None, typer.Option(min=0, help="Seed of weights and inputs of the network")] = None,
    registers: Annotated[bool, typer.Option("--registers", help="Compare all registers after every cycle too")] = False,
    waves: Annotated[str, typer.Option(help="On a difference: a .fst or .vcd of the cycles around the first")] = "",
    set: SetOption = [],
) -> None:
    """Run the RTL of a machine against its simulator.

    A network, layer by layer, or random programs: every cycle, counter and bit must be equal. With --registers (and
    --waves, which asks for it) a difference in random programs is reported with its first cycle, register and values.
    """
    from codesign.report.progress import layer_progress
    from codesign.rtl_commands import check_network_on_rtl, check_random_cases

    if network and (registers or waves):
        raise CodesignError("--registers and --waves go with random programs, not with --network")
    with layer_progress() as progress:
        if network:
            text, equal = check_network_on_rtl(
                machine, network, images, backend.value, set, random_weights, progress
            )  # fmt: skip
        else:
            text, equal = check_random_cases(
                machine, cases, seed, backend.value, set, progress, registers=registers or bool(waves), waves=waves
            )  # fmt: skip
    emit(text, "")
    if not equal:
        raise typer.Exit(1)


@app.command()
def synth(
    machine: MachineArgument,
    library: Annotated[list[str], typer.Option("--library", "-l", help="Liberty file or folder (repeatable)")] = [],
    flat: Annotated[bool, typer.Option("--flat", help="Also the flattened whole, to compare (minutes)")] = False,
    mapper: Annotated[Mapper, typer.Option(help="What the gates are chosen for")] = Mapper.area,
    target: Annotated[str, typer.Option(help="An FPGA instead of a library: xc7, ecp5, ice40")] = "",
    fmax: Annotated[bool, typer.Option("--fmax", help="With --target: place and route (minutes)")] = False,
    format: Annotated[Report, typer.Option("--format", "-f", help="How to print the report")] = Report.table,
    out: Annotated[str, typer.Option("--out", "-o", help="Write a cost table (.csv) for technology.arithmetic")] = "",
    node_nm: Annotated[int | None, typer.Option(min=1, help="Node of a library whose name does not tell it")] = None,
    set: SetOption = [],
) -> None:
    """Synthesize the RTL of a machine.

    Area and delay by component, from your Liberty library; or what it takes of an FPGA.
    """
    from codesign.report.progress import layer_progress
    from codesign.synth_commands import check_options, synthesize_machine
    from codesign.synth_fpga import fpga_report

    as_json = format is Report.json
    check_options(
        target=target, fmax=fmax, library=library, flat=flat, mapper=mapper.value, out=out, node_nm=node_nm
    )  # fmt: skip
    with layer_progress() as progress:
        if target:
            text = fpga_report(machine, target, set, routed=fmax, as_json=as_json, progress=progress)
        else:
            text = synthesize_machine(
                machine, library, set, flat=flat, as_json=as_json, mapper=mapper.value, out=out, node_nm=node_nm,
                progress=progress,
            )  # fmt: skip
    emit(text, "")


@app.command()
def validate(
    comparisons: Annotated[
        list[str] | None, typer.Argument(help="Some of them, such as eyeriss; all when none")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table")] = False,
) -> None:
    """Compare with silicon and vendors' models.

    Ours against theirs, a row a figure; 1 when a row is missed that was met, or worse than recorded.
    """
    from codesign.validate_commands import validate as run_comparisons

    text, good = run_comparisons(comparisons or [], json)
    emit(text, "")
    if not good:
        raise typer.Exit(1)


app.command()(reproduce)


@app.command()
def explain(
    figure: Annotated[str, typer.Argument(help="A reported figure or counter, such as utilization; else all")] = "",
) -> None:
    """Say what a reported figure means, its formula, its line in the source."""
    from codesign.explain import explain as explain_term
    from codesign.explain import explain_all

    emit(explain_term(figure) if figure else explain_all(), "")


@app.command()
def diff(
    first: Annotated[str, typer.Argument(help="A report's folder, or a .json of codesign run")],
    second: Annotated[str, typer.Argument(help="The other one")],
) -> None:
    """Say why one result is faster than another, layer by layer."""
    from codesign.diff import diff as compare

    emit(compare(first, second), "")


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and leave")] = False) -> None:
    if version:
        from codesign import __version__

        typer.echo(f"codesign {__version__}")
        raise typer.Exit


def _complain(error: CodesignError) -> None:
    for line in str(error).splitlines():
        sys.stderr.write(f"{line}\n")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code.

    0 done; 2 a fault in what the user gave, told in a line each; 130 interrupted; 141 the reader of our output left.
    """
    sys.exit(_outcome(sys.argv[1:] if arguments is None else arguments))


def _outcome(arguments: list[str]) -> int:
    try:
        code: Any = app(arguments, standalone_mode=False, prog_name="codesign")
        return code if isinstance(code, int) else 0
    except CodesignError as error:
        _complain(error)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except Exception as error:
        # Typer's own faults of usage: an unknown option, a bad value. Anything else is ours and shows its traceback.
        if not hasattr(error, "format_message"):
            raise
        sys.stderr.write(f"{error.format_message().replace('Value error, ', '')}\n")
        return int(getattr(error, "exit_code", 2))
