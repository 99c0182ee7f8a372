"""The command `run`: a network on a machine, or a language model on one whose memory computes."""

from __future__ import annotations

from typing import Annotated

import typer

from codesign.cli_options import (
    BatchOption,
    ContextOption,
    DimensionOption,
    Fidelity,
    FidelityOption,
    Formats,
    FormatsOption,
    HostOption,
    KvOption,
    MachineOption,
    NetworkArgument,
    Objective,
    ObjectiveOption,
    OutOption,
    Output,
    Partition,
    PartitionOption,
    PhaseOption,
    Placement,
    SetOption,
)
from codesign.cli_output import check_file, check_report, dimensions_of, emit, is_folder, rendered


def run(
    network: NetworkArgument,
    machine: MachineOption,
    set: SetOption = [],
    batch: BatchOption = 1,
    fidelity: FidelityOption = Fidelity.cycle,
    formats: FormatsOption = Formats.retype,
    format: Annotated[Output, typer.Option("--format", "-f", help="How to print the result")] = Output.table,
    mapping: Annotated[str, typer.Option(help="Pin the mapping of this file (see codesign map)")] = "",
    objective: ObjectiveOption = Objective.cycles,
    allow_host: HostOption = False,
    random_weights: Annotated[int | None, typer.Option(min=0, help="Seed of weights and inputs for exact")] = None,
    memory: Annotated[str, typer.Option(help="DRAM behind the DMA, cycle by cycle, such as lpddr4-2400")] = "",
    cores: Annotated[int | None, typer.Option(min=1, max=64, help="Equal cores that share the memory")] = None,
    partition: PartitionOption = Partition.best,
    inputs: Annotated[str, typer.Option(help="Real inputs, .npz by name: toggle rates are measured on them")] = "",
    dim: DimensionOption = [],
    phase: PhaseOption = None,
    context: ContextOption = None,
    kv_format: KvOption = "",
    requests: Annotated[str, typer.Option(help="PIM: CSV of the batch, seq_len of each request (ch_idx)")] = "",
    dual_row_buffer: Annotated[bool | None, typer.Option(help="PIM: a second row buffer in a bank")] = None,
    interleave: Annotated[bool | None, typer.Option(help="PIM: two sub-batches in turns; else the faster")] = None,
    placement: Annotated[Placement | None, typer.Option(help="PIM: channels of requests; else ch_idx")] = None,
    out: OutOption = "",
) -> None:
    """Run a network on a machine.

    Prints cycles, throughput, energy and area, and what binds each layer. --out FOLDER/ writes a report instead.
    A machine whose memory computes (neupims) runs language models; options that say PIM are for it.
    """
    from codesign.memory_commands import core_overrides, memory_overrides
    from codesign.neupims_run import PimOptions, described_with, refuse_options, refuse_overrides, run_language_model
    from codesign.report.progress import layer_progress
    from codesign.runner import read_machine
    from codesign.runner import run as run_network

    given = [*set, *memory_overrides(memory), *core_overrides(cores)]
    pim = PimOptions(requests, dual_row_buffer, interleave, placement.value if placement else "")
    report = format is Output.table and is_folder(out)
    check_report(out) if report else check_file(out)
    if (described := described_with(read_machine(machine, given), pim)).pim is not None:
        refuse_options(
            described.name, **{"fidelity exact": fidelity is Fidelity.exact}, formats=formats is not Formats.retype,
            mapping=bool(mapping), objective=objective is not Objective.cycles, allow_host=allow_host,
            random_weights=random_weights is not None, memory=bool(memory), partition=partition is not Partition.best,
            inputs=bool(inputs), dim=bool(dim), kv_format=bool(kv_format), out=report,
        )  # fmt: skip
        refuse_overrides(described.name, set)
        name = phase.value if phase else ""
        fast = fidelity is Fidelity.fast
        ran = run_language_model(network, described, batch, name, context, requests, fast, not pim.placement)
        emit(ran.rendered(format.value), out)
        return
    with layer_progress() as progress:
        result = run_network(
            network, machine, set=given, batch=batch, fidelity=fidelity.value, formats=formats.value,
            mapping=mapping or None, objective=objective.value, allow_host=allow_host, random_weights=random_weights,
            dimensions=dimensions_of(dim), inputs=inputs or None, phase=phase.value if phase else "", context=context,
            kv_format=kv_format, progress=progress, partition=partition.value,
        )  # fmt: skip
    if report:
        result.write_report(out)
    emit(rendered(result, format, "" if report else out), "" if report else out)
