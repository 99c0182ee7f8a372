"""What the commands `rtl` and `rtl-check` do: Verilog of a machine, and the proof that it is the simulated machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from codesign.files import write_atomically
from codesign.runner import prepare, read_machine
from workloads.errors import CodesignError

Progress = Callable[[int, int, str], None]


def write_rtl(machine: str, out: str, overrides: list[str]) -> str:
    """Write a machine's Verilog and the README of its ports into folder `out`; return what was done, a line a file.

    Raises
    ------
    CodesignError
        When the machine has no RTL, or the folder cannot be made.
    """
    from rtl.design import Design
    from rtl.readme import readme_of

    described = read_machine(machine, overrides)
    design, folder = Design.of(described), Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CodesignError(f"--out {out}: {error.strerror or error}") from error
    files = {"npu.v": design.verilog, "README.md": readme_of(design.parameters)}
    for name, text in files.items():
        write_atomically(str(folder / name), text)
    told = "".join(f"{folder / name}: {len(text.splitlines()):,} lines\n" for name, text in files.items())
    return told + f"one core of {described.cores}, without the memory that they share\n" * (described.cores > 1)


def check_random_cases(
    machine: str, cases: int, seed: int, backend: str, overrides: list[str], progress: Progress | None,
    *, registers: bool = False, waves: str = "",
) -> tuple[str, bool]:  # fmt: skip
    """Run random programs on the RTL and on the simulators; return the report and whether all agreed."""
    from rtl.check_cases import check_cases

    read = read_machine(machine, overrides)
    check = check_cases(read, cases, seed, backend, progress, registers=registers, waves=waves)
    lines = [f"seed {s}: {line}" for s, found in check.failures.items() for line in found]
    lines.append(
        f"{machine} on {backend}: {check.cases - len(check.failures)} of {check.cases} programs equal the simulator "
        f"(seeds {seed} to {seed + cases - 1}; {check.stalled} with stalls): {check.cycles:,} cycles, "
        f"{check.commands:,} commands, every start, end, counter and byte"
        + (f", and {check.registers:,} registers after every cycle" if check.registers else "")
    )
    return "\n".join(lines) + "\n", not check.failures


def check_network_on_rtl(
    machine: str, network: str, images: int, backend: str, overrides: list[str], seed: int | None, progress: Any
) -> tuple[str, bool]:
    """Run a network's layers on the RTL for some inputs; return the report and whether every layer agreed.

    Inputs are the test split of `digits`, else the network's own samples, else (with `seed`) random.
    """
    from rtl.check_network import check_network

    ready = prepare(network, machine, overrides, 1, "retype", seed, None, None)
    inputs, labels = _inputs(network, ready.trace, images, seed)
    check = check_network(ready.machine, ready.trace, inputs, backend, progress)
    lines = [*ready.notes, *check.faults[:20]]
    for layer in check.layers.values():
        lines.append(
            f"{layer.name:24s} {layer.operator:14s} {layer.cycles:>9,} cycles {layer.values:>9,} values  "
            + layer.verdict
        )
    lines.append(
        f"{network} on {machine}, {backend}: {len(inputs)} inputs, {check.cycles:,} cycles of RTL; "
        + ("cycles, counters and bits equal in every layer" if not check.faults else f"{len(check.faults)} faults")
    )
    if labels is not None:
        right = sum(int(np.argmax(logits)) == int(label) for logits, label in zip(check.outputs, labels, strict=True))
        lines.append(f"accuracy on the RTL: {right} of {len(labels)} test images ({right / len(labels):.2%})")
    return "\n".join(lines) + "\n", not check.faults


def _inputs(network: str, trace: Any, images: int, seed: int | None) -> tuple[list[dict[str, np.ndarray]], Any]:
    if network == "digits" and seed is None:
        from workloads.zoo.digits import load_digits_network, load_test_images, quantized_inputs

        pictures, labels = load_test_images()
        count = min(images, len(pictures))
        stored = quantized_inputs(load_digits_network(), pictures[:count])
        ((name, values),) = stored.items()
        return [{name: values[i : i + 1]} for i in range(count)], labels[:count]
    from workloads.transforms.random_values import random_inputs

    lacking = [layer.name for layer in trace.layers if layer.engine == "matrix" and layer.quantization is None]
    if lacking:
        raise CodesignError(
            f"{network}: '{lacking[0]}' has no scales; give a seed for random ones (--random-weights SEED)"
        )
    return [random_inputs(trace, (seed or 0) + i) for i in range(images)], None
