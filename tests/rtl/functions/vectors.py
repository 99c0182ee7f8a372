"""The golden vectors of I-ViT's integer functions, from tests/data (see its README)."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np
from amaranth.lib import wiring

from rtl.functions import reference
from rtl.functions.i_layernorm import ILayerNorm
from rtl.functions.shift_gelu import ShiftGELU
from rtl.functions.shiftmax import Shiftmax

FILE = Path(__file__).parents[2] / "data" / "ivit_integer_vectors.csv"


class Vector(NamedTuple):
    """One row of the file."""

    op: str
    x0: int
    n_or_steps: int
    out_bits: int
    inputs: np.ndarray
    outputs: np.ndarray

    def name(self) -> str:
        return f"{self.op}-x0={self.x0}-{self.out_bits}b-{len(self.inputs)}"

    def golden(self) -> np.ndarray:
        """Return the numpy reference's results."""
        if self.op == "i_layernorm":
            return reference.i_layernorm(self.inputs, self.n_or_steps)
        function = {"shiftmax": reference.shiftmax, "shiftgelu": reference.shift_gelu}[self.op]
        return function(self.inputs, self.x0, self.n_or_steps, self.out_bits)

    def component(self) -> wiring.Component:
        """Return the hardware for it."""
        if self.op == "i_layernorm":
            return ILayerNorm(steps=self.n_or_steps)
        kind = {"shiftmax": Shiftmax, "shiftgelu": ShiftGELU}[self.op]
        return kind(out_bits=self.out_bits, n=self.n_or_steps)

    def held(self) -> dict[str, int]:
        """Return the hardware's held inputs."""
        return {} if self.op == "i_layernorm" else {"minus_x0": -self.x0}


def _read() -> list[Vector]:
    with FILE.open(newline="") as file:
        return [
            Vector(
                row["op"],
                int(row["x0_int"]),
                int(row["n_or_iters"]),
                int(row["out_bits"]),
                np.array(row["input_ints"].split(), np.int64),
                np.array(row["output_ints"].split(), np.int64),
            )
            for row in csv.DictReader(file)
        ]


VECTORS = _read()
