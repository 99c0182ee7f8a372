"""Does a wrong parameter get one clear line?"""

import gc

import pytest

from rtl.functions.divider import IterativeDivider, PipelinedDivider
from rtl.functions.i_layernorm import ILayerNorm
from rtl.functions.reference import requantize
from rtl.functions.requantize import DyadicRequantize, Requantizer
from rtl.functions.row_buffer import RowBuffer
from rtl.functions.shift_exp import ShiftExp
from rtl.functions.shift_gelu import ShiftGELU
from rtl.functions.shiftmax import Shiftmax
from workloads.errors import CodesignError

MODES = "use dyadic_half_even, dyadic_half_up, tflite_double or tflite_single (did you mean 'dyadic_half_up'?)"
CASES = [
    (lambda: Requantizer("dyadic_half"), f"requantizer: 'dyadic_half' is not a mode; {MODES}"),
    (lambda: requantize(1, 1, 1, 1, "dyadic_half"), f"requantizer: 'dyadic_half' is not a mode; {MODES}"),
    (lambda: Requantizer("tflite_single", 64), "requantizer: sum_bits is 64; use 2..63"),
    (lambda: DyadicRequantize("tflite_single", stages=5), "requantizer: stages is 5; use 0..4"),
    (lambda: Requantizer("tflite_single", 40, factor_bits=42), "requantizer: factor_bits is 42; use 2..41"),
    (lambda: ShiftExp(9, n=31), "ShiftExp: n is 31; use 1..30"),
    (lambda: ShiftExp(9, n=23, x0_bits=9), "ShiftExp: x0_bits is 9; use 1..8 with n = 23"),
    (lambda: ShiftExp(1), "ShiftExp: in_bits is 1; use 2 or more"),
    (lambda: ShiftGELU(x0_bits=16), "ShiftExp: x0_bits is 16; use 1..8 with n = 23"),
    (lambda: Shiftmax(out_bits=32), "Shiftmax: out_bits is 32; use 2..31"),
    (lambda: ShiftGELU(out_bits=1), "ShiftGELU: out_bits is 1; use 2..31"),
    (lambda: ILayerNorm(17), "ILayerNorm: in_bits is 17; use 2..16"),
    (lambda: ILayerNorm(8, 1 << 17), "ILayerNorm: max_length is 131072; use 2..65536"),
    (lambda: ILayerNorm(8, 192, 17), "ILayerNorm: steps is 17; use 1..16"),
    (lambda: RowBuffer(8, 1, {}), "row buffer: max_length is 1; use 2 or more"),
    (lambda: IterativeDivider(0, 3), "divider: dividend_bits is 0; use 1 or more"),
    (lambda: PipelinedDivider(3, 0), "divider: divisor_bits is 0; use 1 or more"),
    (lambda: PipelinedDivider(3, 3, 0), "divider: quotient_bits is 0; use 1 or more"),
    (lambda: PipelinedDivider(3, 3, 3, 0), "divider: bits_per_clock is 0; use 1 or more"),
    (lambda: PipelinedDivider(3, 3, 3, 1, -1), "divider: tag_bits is -1; use 0 or more"),
]


@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")  # of the components half built
@pytest.mark.parametrize(("build", "message"), CASES, ids=[message for _, message in CASES])
def test_message(build, message):
    with pytest.raises(CodesignError) as caught:
        build()
    assert str(caught.value) == message
    del caught
    gc.collect()
