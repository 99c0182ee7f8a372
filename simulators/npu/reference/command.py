"""One command of the program as plain integers, and its address nests."""

from __future__ import annotations

import numpy as np

from simulators.program import FIELDS, OPCODES, QUEUE_OF_OPCODE


def nest(i: int, n0: int, s0: int, n1: int, s1: int, s2: int) -> int:
    """Return the offset of index `i` in a nest of three counters."""
    return (i % n0) * s0 + (i // n0 % n1) * s1 + (i // (n0 * n1)) * s2


class Command:
    """A row of the program: every field an attribute of its own name.

    Attributes
    ----------
    index : int
        Position in the program.
    engine : int
        Queue that it belongs to.
    """

    def __init__(self, index: int, row: np.void) -> None:
        self.index = index
        for name in FIELDS:
            setattr(self, name, int(row[name]))
        self.engine = QUEUE_OF_OPCODE[self.opcode]

    @property
    def name(self) -> str:
        """How messages name it."""
        return f"command {self.index} ({OPCODES[self.opcode]})"

    def offset(self, i: int) -> int:
        """Return the offset of position `i` of the command."""
        return nest(self.start + i, self.n0, self.s0, self.n1, self.s1, self.s2)

    def lane_offset(self, lane: int) -> int:
        """Return the offset of a lane (vector: of a tap)."""
        index = self.lane_start + lane
        return nest(index, self.lane_n0, self.lane_s0, self.lane_n1, self.lane_s1, self.lane_s2)

    @property
    def taps(self) -> int:
        """Taps of a vector command."""
        return self.lane_n0 * self.lane_n1
