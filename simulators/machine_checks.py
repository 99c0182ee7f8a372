"""What must hold between the fields of a machine. Each check names the fields that it reads, so that a file
with other faults is still checked as far as its sound fields go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from simulators.program import FUNCTIONS
from simulators.technology_names import ARITHMETIC_PROFILES, MEMORY_TECHNOLOGIES, PIM_DEVICES, SCALING_LAWS
from workloads.errors import CodesignError, unknown_name
from workloads.formats import Format, parse_format

Path = tuple[str, ...]
Finding = tuple[Path, str]

#: Functions that a vector unit may have.
VECTOR_FUNCTIONS = FUNCTIONS
#: Terms of the clock ratio stay below this, so that its arithmetic fits 64 bits.
CLOCK_TERM_LIMIT = 1 << 31
PARAMETER_BYTES = 12

_CHECKS: list[tuple[tuple[Path, ...], Callable[..., Iterator[Finding]]]] = []


def conflicts(
    get: Callable[[Path], Any], faulty: Callable[[Path], bool] = lambda _: False
) -> list[tuple[Path, str, tuple[Path, ...]]]:
    """Return every conflict between fields, as (field to blame, message, fields that had a part in it).

    Parameters
    ----------
    get : callable
        Value of a field by its path; None for the fields of an absent section.
    faulty : callable
        Whether a field is known to be bad; checks that read it are left out.
    """
    found: list[tuple[Path, str, tuple[Path, ...]]] = []
    for paths, check in _CHECKS:
        if not any(faulty(path) for path in paths):
            found += [(path, message, paths) for path, message in check(*(get(path) for path in paths))]
    return found


def _reads(*fields: str) -> Callable[[Callable[..., Iterator[Finding]]], Callable[..., Iterator[Finding]]]:
    paths = tuple(tuple(field.split(".")) for field in fields)

    def register(check: Callable[..., Iterator[Finding]]) -> Callable[..., Iterator[Finding]]:
        _CHECKS.append((paths, check))
        return check

    return register


def _format(name: str) -> Format | None:
    try:
        return parse_format(name)
    except CodesignError:
        return None


def _check_format(field: str) -> None:
    @_reads(field)
    def check(name: str) -> Iterator[Finding]:
        try:
            parse_format(name, field)
        except CodesignError as error:
            yield tuple(field.split(".")), str(error).removeprefix(f"{field}: ")


for _field in ("array.pe.activation", "array.pe.weight", "array.pe.accumulator"):
    _check_format(_field)


@_reads("array.pe.activation", "array.pe.weight", "array.pe.accumulator", "array.rows")
def _accumulator_is_wide(activation: str, weight: str, accumulator: str, rows: int) -> Iterator[Finding]:
    a, w, s = _format(activation), _format(weight), _format(accumulator)
    path = ("array", "pe", "accumulator")
    if a is None or w is None or s is None:
        return
    if a.is_integer and w.is_integer and s.is_integer:
        products = [x * y for x in (a.low, a.high) for y in (w.low, w.high)]
        low, high = min(0, rows * min(products)), rows * max(products)
        if low < s.low or high > s.high:
            sums = f"the sum of {rows} products of {activation} and {weight}"
            yield path, f"{accumulator} cannot hold {sums} ({low} to {high})"
    elif a.is_integer and w.is_integer:
        yield path, f"{accumulator} cannot sum products of {activation} and {weight}; use an integer format"
    elif s.is_integer:
        yield path, f"{accumulator} cannot sum products of {activation} and {weight}; use a floating-point format"
    elif s.bits < (width := max(f.bits for f in (a, w) if not f.is_integer)):
        yield path, f"{accumulator} is narrower than the operands {activation} and {weight}; use {width} bits or more"


@_reads("array.dataflow", "array.convolution")
def _input_stationary_needs_im2col(dataflow: str, convolution: str) -> Iterator[Finding]:
    if dataflow == "is" and convolution != "im2col":
        yield (
            ("array", "convolution"),
            "dataflow 'is' gathers its stationary operand pixel by pixel; use im2col",
        )


@_reads("array.style", "array.dataflow")
def _dot_products_keep_weights(style: str, dataflow: str) -> Iterator[Finding]:
    if style == "dot_product" and dataflow != "ws":
        yield ("array", "style"), f"'dot_product' has weights that stay, dataflow '{dataflow}' has none; use ws"


@_reads("dma.burst_bytes", "dma.bus_bytes")
def _bursts_are_whole_beats(burst_bytes: int, bus_bytes: int) -> Iterator[Finding]:
    if burst_bytes & (burst_bytes - 1):
        yield ("dma", "burst_bytes"), f"{burst_bytes} is not a power of two"
    elif burst_bytes % bus_bytes:
        yield ("dma", "burst_bytes"), f"{burst_bytes} is not a multiple of dma.bus_bytes ({bus_bytes})"


@_reads("vector.functions")
def _functions_are_known(functions: dict[str, Any] | None) -> Iterator[Finding]:
    if functions is not None and not functions:
        yield ("vector", "functions"), "a vector unit has at least one function; use 'vector: null' for none"
    for name in functions or ():
        if name not in VECTOR_FUNCTIONS:
            error = unknown_name("", "vector function", name, VECTOR_FUNCTIONS)
            yield ("vector", "functions", name), str(error).removeprefix(": ")


@_reads("vector.lanes", "array.cols")
def _lanes_fit_a_word(lanes: int | None, cols: int) -> Iterator[Finding]:
    if lanes is not None and lanes > cols:
        yield ("vector", "lanes"), f"{lanes} is more than the {cols} sums of an accumulator word (array.cols)"


@_reads("memory.clock_hz", "clock_hz")
def _clock_ratio_is_small(memory_hz: int | None, clock_hz: int) -> Iterator[Finding]:
    ratio = Fraction(memory_hz or clock_hz, clock_hz)
    if max(ratio.numerator, ratio.denominator) >= CLOCK_TERM_LIMIT:
        yield (
            ("memory", "clock_hz"),
            f"{memory_hz} to clock_hz ({clock_hz}) is a ratio with terms of 2^31 and more; round one of the clocks",
        )


def _check_name(field: str, kind: str, known: tuple[str, ...], file: str = "") -> None:
    @_reads(field)
    def check(name: str | None) -> Iterator[Finding]:
        if name is not None and name not in known and not (file and name.endswith(file)):
            yield tuple(field.split(".")), str(unknown_name("", kind, name, known)).removeprefix(": ")


_check_name("technology.arithmetic", "profile of arithmetic", ARITHMETIC_PROFILES, ".csv")
_check_name("technology.scaling", "scaling law", SCALING_LAWS)
_check_name("memory.technology", "memory technology", MEMORY_TECHNOLOGIES)
_check_name("pim.device", "PIM device", PIM_DEVICES)


def _check_banks(buffer: str) -> None:
    @_reads(f"{buffer}.size_bytes", f"{buffer}.banks")
    def check(size_bytes: int, banks: int) -> Iterator[Finding]:
        if size_bytes % banks:
            yield (buffer, "banks"), f"{banks} banks do not share {size_bytes} bytes evenly"


for _field in ("scratchpad", "weight_buffer", "accumulator", "parameter_buffer"):
    _check_banks(_field)

_FOLD_FIELDS = ("memory.model", "array.dataflow", "array.rows", "array.cols")


def _check_room(buffer: str, format_field: str, least: Callable[[str, int, int], tuple[int, str]]) -> None:
    """Register the check that a buffer (or its half) holds what one fold needs at once."""

    @_reads(*_FOLD_FIELDS, format_field, f"{buffer}.size_bytes", f"{buffer}.double_buffered")
    def check(model: str, dataflow: str, rows: int, cols: int, name: str, size: int, halved: bool) -> Iterator[Finding]:
        element = _format(name)
        if element is None or model == "resident":
            return
        elements, what = least(dataflow, rows, cols)
        need = -(-elements * element.bits // 8)
        if size // (2 if halved else 1) < need:
            half = " in each half" if halved else ""
            yield (
                (buffer, "size_bytes"),
                f"{size} bytes do not hold {what} of {need} bytes{half}; use at least {need * (2 if halved else 1)}",
            )


def _activations(dataflow: str, rows: int, cols: int) -> tuple[int, str]:
    return (rows * cols, "a stationary tile") if dataflow == "is" else (rows, "a row of operands")


def _weights(dataflow: str, rows: int, cols: int) -> tuple[int, str]:
    if dataflow == "ws":
        return rows * cols, "a stationary tile"
    return (cols if dataflow == "os" else rows), "a row of operands"


def _sums(dataflow: str, rows: int, cols: int) -> tuple[int, str]:
    return (rows * cols, "a tile of sums") if dataflow == "os" else (cols, "a row of sums")


_check_room("scratchpad", "array.pe.activation", _activations)
_check_room("weight_buffer", "array.pe.weight", _weights)
_check_room("accumulator", "array.pe.accumulator", _sums)


@_reads("memory.model", "array.cols", "vector.lanes", "parameter_buffer.size_bytes", "parameter_buffer.double_buffered")
def _parameters_fit(model: str, cols: int, lanes: int | None, size: int, halved: bool) -> Iterator[Finding]:
    need = PARAMETER_BYTES * cols * (2 if halved else 1)
    if model != "resident" and lanes is not None and size < need:
        half = " in each half" if halved else ""
        yield (
            ("parameter_buffer", "size_bytes"),
            f"{size} bytes do not hold {PARAMETER_BYTES} bytes a column of the array{half}; use at least {need}",
        )
