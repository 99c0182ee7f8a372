"""Does a crossing between clocks round up to the consumer's next edge?"""

from fractions import Fraction
from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from simulators.memory.clocks import to_machine, to_memory

CYCLES = st.integers(0, 1 << 40)
TERM = st.integers(1, 4000)


@given(CYCLES, TERM, TERM)
def test_an_edge_is_the_first_at_or_after(cycle, num, den):
    assert to_memory(cycle, num, den) == ceil(Fraction(cycle * num, den))
    assert to_machine(cycle, num, den) == ceil(Fraction(cycle * den, num))


@given(CYCLES, TERM, TERM)
def test_there_and_back_never_arrives_early(cycle, num, den):
    assert to_machine(to_memory(cycle, num, den), num, den) >= cycle


@given(CYCLES)
def test_equal_clocks_cost_nothing(cycle):
    assert to_memory(cycle, 7, 7) == to_machine(cycle, 7, 7) == cycle
