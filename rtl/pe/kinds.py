# amaranth: UnusedElaboratable=no
# (a datapath is also made to read its formats)
"""The PEs by name, and the right one for three formats."""

from __future__ import annotations

from typing import NamedTuple

from rtl.parameters import Element
from rtl.pe.bfloat16 import BFloat16MultiplyAdd
from rtl.pe.integer import IntegerMultiplyAdd
from rtl.pe.interface import MultiplyAdd, Operands
from workloads.errors import CodesignError, unknown_name
from workloads.formats import Format, parse_format


class PeKind(NamedTuple):
    """Formats of a PE's operands and sum."""

    activation: str
    weight: str
    accumulator: str


#: The family. Integer PEs of other widths are made alike.
PE_KINDS = {
    "int4": PeKind("int4", "int4", "int24"),
    "int8": PeKind("int8", "int8", "int32"),
    "int8x4": PeKind("int8", "int4", "int24"),
    "int16": PeKind("int16", "int16", "int48"),
    "bf16": PeKind("bf16", "bf16", "fp32"),
}
_FLOATS = ("bf16", "bf16", "fp32")


def _element(form: Format) -> Element:
    """An integer, or the bits of a float."""
    return Element(form.bits, form.is_signed and form.is_integer)


def make_multiply_add(
    activation: str, weight: str, accumulator: str, latency_cycles: int = 1, *, exchanged: bool = False,
    probe: bool = False,
) -> MultiplyAdd:  # fmt: skip
    """Return the datapath for activations and weights of these formats.

    Parameters
    ----------
    activation, weight, accumulator : str
        `workloads.formats` names.
    latency_cycles : int
        Registers from operands to sum.
    exchanged : bool
        Weights stream and activations stay (is).

    Raises
    ------
    CodesignError
        When no PE of the family holds them.
    """
    forms = [parse_format(name, "PE") for name in (activation, weight, accumulator)]
    stream, held = (forms[1], forms[0]) if exchanged else (forms[0], forms[1])
    operands = Operands(_element(stream), _element(held), _element(forms[2]))
    if all(form.is_integer for form in forms):
        return IntegerMultiplyAdd(operands, latency_cycles, probe=probe)
    if tuple(form.name for form in forms) == _FLOATS:
        return BFloat16MultiplyAdd(operands, latency_cycles, probe=probe)
    made = f"{activation} x {weight} + {accumulator}"
    raise CodesignError(f"PE: {made} has no RTL; use integers throughout, or bf16 x bf16 + fp32")


def make_kind(name: str, latency_cycles: int = 1, *, probe: bool = False) -> MultiplyAdd:
    """Return the datapath of one of `PE_KINDS`.

    Raises
    ------
    CodesignError
        When there is none of that name, naming the nearest.
    """
    if name not in PE_KINDS:
        raise unknown_name("PE", "kind of PE", name, PE_KINDS)
    return make_multiply_add(*PE_KINDS[name], latency_cycles, probe=probe)
