"""Binary32 arithmetic as combinational logic: the product of two bfloat16, and the sum of two binary32.

IEEE 754-2019: round to nearest, ties to even (section 4.3.1), subnormals kept, overflow to infinity (7.4), any NaN in
or an invalid operation gives the quiet NaN 0x7fc00000 (6.2). The sum of equal magnitudes of unlike signs is +0 (6.3).
"""

from __future__ import annotations

from typing import NamedTuple

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from rtl.parameters import address_bits

FRACTION_BITS, EXPONENT_BITS, BIAS = 23, 8, 127
GREATEST_EXPONENT = (1 << EXPONENT_BITS) - 1
QUIET_NAN = 0x7FC00000
BFLOAT16_FRACTION_BITS = 7


class Unpacked(NamedTuple):
    """A number in parts; `exponent` and `significand` are those of the value, subnormals included."""

    sign: Value
    exponent: Value
    significand: Value
    is_nan: Value
    is_infinite: Value


class RawProduct(NamedTuple):
    """A product before rounding: ``significand * 2^(exponent - 2 * (BIAS + BFLOAT16_FRACTION_BITS))``."""

    sign: Value
    exponent: Value
    significand: Value
    is_nan: Value
    is_infinite: Value


def _unpack(bits: Value, fraction_bits: int) -> Unpacked:
    fraction = bits[:fraction_bits]
    exponent = bits[fraction_bits : fraction_bits + EXPONENT_BITS]
    normal, special = exponent.any(), exponent.all()
    return Unpacked(
        bits[-1], Cat(exponent[0] | ~normal, exponent[1:]), Cat(fraction, normal), special & fraction.any(),
        special & ~fraction.any(),
    )  # fmt: skip


def _wire(m: Module, name: str, value: Value) -> Signal:
    """A named wire of the value's shape."""
    wire = Signal(value.shape(), name=name)
    m.d.comb += wire.eq(value)
    return wire


def _leading_zeros(m: Module, name: str, value: Value) -> Signal:
    """Return how many zeros precede the highest 1 (0 when there is none)."""
    found = Signal(address_bits(len(value)), name=name)
    for bit in range(len(value)):  # the last assignment, of the highest bit, wins
        with m.If(value[bit]):
            m.d.comb += found.eq(len(value) - 1 - bit)
    return found


def _shift_right_sticky(m: Module, name: str, value: Value, amount: Value) -> Signal:
    """Return ``value >> amount`` with all bits shifted out joined into bit 0."""
    width, stages = len(value), address_bits(len(value))
    for stage in range(stages):
        lost = value[: 1 << stage].any()
        moved = Cat(value[1 << stage] | lost, value[(1 << stage) + 1 :], Const(0, 1 << stage))
        value = _wire(m, f"{name}_{stage}", Mux(amount[stage], moved, value))
    beyond = amount[stages:].any()
    return _wire(m, name, Mux(beyond, Cat(value.any(), Const(0, width - 1)), value))


def _round(exponent: Value, significand: Value) -> Value:
    """Return exponent and fraction (31 bits) of 24 significand bits followed by guard, round and sticky bit.

    Without its top bit the number is subnormal. A carry out of the fraction raises the exponent, up to infinity.
    """
    up = significand[2] & (significand[:2].any() | significand[3])
    field = Mux(significand[-1], exponent[:EXPONENT_BITS], 0)
    return (Cat(significand[3:-1], field) + up)[: FRACTION_BITS + EXPONENT_BITS]


def _select(m: Module, name: str, sign: Value, magnitude: Value, is_infinite: Value, is_nan: Value) -> Signal:
    infinite = GREATEST_EXPONENT << FRACTION_BITS
    packed = Cat(Mux(is_infinite, infinite, magnitude)[: FRACTION_BITS + EXPONENT_BITS], sign)
    return _wire(m, name, Mux(is_nan, QUIET_NAN, packed)[:32])


def raw_product(m: Module, one: Value, other: Value) -> RawProduct:
    """Return the exact product of two bfloat16."""
    a, b = _unpack(one, BFLOAT16_FRACTION_BITS), _unpack(other, BFLOAT16_FRACTION_BITS)
    zero = ~a.significand.any() | ~b.significand.any()
    invalid = (a.is_infinite | b.is_infinite) & zero
    return RawProduct(
        _wire(m, "product_sign", a.sign ^ b.sign),
        _wire(m, "exponent_sum", a.exponent + b.exponent),
        _wire(m, "significand_product", a.significand * b.significand),
        _wire(m, "product_is_nan", a.is_nan | b.is_nan | invalid),
        _wire(m, "product_is_infinite", a.is_infinite | b.is_infinite),
    )


def rounded_product(m: Module, raw: RawProduct) -> Signal:
    """Return a product as binary32: exact but for subnormal results and overflow."""
    zeros = _leading_zeros(m, "product_zeros", raw.significand)
    normal = _wire(m, "product_normal", (raw.significand << zeros)[: len(raw.significand)])
    exponent = _wire(m, "product_exponent", raw.exponent - (BIAS - 1) - zeros)
    wide = Cat(Const(0, FRACTION_BITS + 4 - len(normal)), normal)  # 24 bits and guard, round, sticky
    below = Signal(len(exponent), name="product_below")  # a subnormal's distance from exponent 1
    m.d.comb += below.eq(Mux(exponent < 1, 1 - exponent, 0))
    aligned = _shift_right_sticky(m, "product_aligned", wide, below)
    magnitude = _round(exponent.as_unsigned(), aligned)
    overflow = (exponent >= GREATEST_EXPONENT) & raw.significand.any()
    return _select(m, "product", raw.sign, magnitude, raw.is_infinite | overflow, raw.is_nan)


def add(m: Module, one: Value, other: Value) -> Signal:
    """Return the sum of two binary32."""
    magnitude = slice(0, FRACTION_BITS + EXPONENT_BITS)
    swap = _wire(m, "swap", one[magnitude] < other[magnitude])
    big = _unpack(_wire(m, "big", Mux(swap, other, one)[:32]), FRACTION_BITS)
    small = _unpack(_wire(m, "small", Mux(swap, one, other)[:32]), FRACTION_BITS)
    distance = _wire(m, "distance", (big.exponent - small.exponent)[:EXPONENT_BITS])
    aligned = _shift_right_sticky(m, "small_aligned", Cat(Const(0, 3), small.significand), distance)
    subtract = _wire(m, "subtract", big.sign ^ small.sign)
    whole = Cat(Const(0, 3), big.significand)
    total = _wire(m, "total", (whole + (aligned ^ subtract.replicate(len(aligned))) + subtract)[: len(whole) + 1])
    carry = total[-1] & ~subtract  # of a subtraction it only says that nothing was borrowed
    kept = _wire(m, "kept", total[: len(whole)])
    # Shifted left until the top bit is 1, or, of a subnormal, the exponent is 1.
    room, zeros = big.exponent - 1, _leading_zeros(m, "sum_zeros", kept)
    left = _wire(m, "left", Mux(zeros > room, room, zeros)[: len(zeros)])
    carried = Cat(kept[0] | kept[1], kept[2:], 1)
    normal = _wire(m, "normal", Mux(carry, carried, kept << left)[: len(whole)])
    exponent = _wire(m, "sum_exponent", Mux(carry, big.exponent + 1, big.exponent - left)[:EXPONENT_BITS])
    overflow = carry & (big.exponent == GREATEST_EXPONENT - 1)
    exact_zero = ~total[: len(whole)].any() & ~carry
    sign = Mux(exact_zero & subtract, 0, big.sign)
    invalid = big.is_infinite & small.is_infinite & subtract
    return _select(
        m, "sum", sign, _round(exponent, normal), big.is_infinite | overflow,
        big.is_nan | small.is_nan | invalid,
    )  # fmt: skip
