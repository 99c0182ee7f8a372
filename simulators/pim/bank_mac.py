"""Values of the multipliers beside a bank: what COMP adds to its sum, and READRES returns and clears.

A COMP multiplies lane by lane a slice of the bank's open row by a slice of the channel's global buffer, sums the
products in a tree of neighbours (lanes 0+1, 2+3, ...; then pairs of these; and so on) and adds the tree's sum to the
accumulator, which begins at zero. bf16: every product and sum is rounded to binary32 (nearest, ties to even), the
accumulator comes first in its sum (so 0 + -0 = 0), any NaN is 0x7fc00000. Integers are exact and wrap at the end.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from workloads.errors import CodesignError, unknown_name

QUIET_NAN = 0x7FC00000


class MacForm(NamedTuple):
    """Formats of a bank's multipliers and of its sum, in `workloads.formats` names; bits of an operand."""

    operand: str
    total: str
    operand_bits: int


MAC_FORMS = {"int8": MacForm("int8", "int32", 8), "bf16": MacForm("bf16", "fp32", 16)}
TOTAL_BITS = 32


def mac_form(name: str) -> MacForm:
    """Return the formats of a kind of multiplier.

    Raises
    ------
    CodesignError
        Naming all kinds and the nearest one.
    """
    if name not in MAC_FORMS:
        raise unknown_name("bank MAC", "format", name, MAC_FORMS)
    return MAC_FORMS[name]


class BankMacs:
    """Sums of several banks.

    Parameters
    ----------
    form : str
        One of `MAC_FORMS`.
    lanes : int
        Multipliers of a bank, a power of two.
    banks : int

    Attributes
    ----------
    sums : ndarray (banks,)
        Accumulators: int64 of wrapped int32, or float32.
    """

    def __init__(self, form: str, lanes: int, banks: int = 1) -> None:
        if lanes < 1 or lanes & (lanes - 1):
            raise CodesignError(f"bank MAC: {lanes} lanes are no power of two: the adders are a tree of pairs")
        self.form, self.lanes, self.banks = mac_form(form), lanes, banks
        self.integer = self.form.total == "int32"
        self.sums: np.ndarray = np.zeros(banks, np.int64 if self.integer else np.float32)

    def comp(self, operands: np.ndarray, vector: np.ndarray) -> None:
        """Multiply and accumulate.

        Parameters
        ----------
        operands : uint64 (banks, lanes)
            Bit patterns of each bank's slice.
        vector : uint64 (lanes,)
            Bit patterns of the global buffer's slice.
        """
        with np.errstate(all="ignore"):
            level = self.values(operands) * self.values(vector)
            while level.shape[1] > 1:
                level = level[:, 0::2] + level[:, 1::2]
            self.sums = self._wrapped(self.sums + level[:, 0])

    def readres(self) -> np.ndarray:
        """Return the sums' bit patterns, uint32 (banks,), and clear them."""
        if self.integer:
            bits = (self.sums & 0xFFFFFFFF).astype(np.uint32)
        else:
            bits = self.sums.view(np.uint32).copy()
            bits[np.isnan(self.sums)] = QUIET_NAN
        self.sums = np.zeros_like(self.sums)
        return bits

    def values(self, bits: np.ndarray) -> np.ndarray:
        """Return the numbers of operands' bit patterns: int64 or float32."""
        width = self.form.operand_bits
        if self.integer:
            whole = np.asarray(bits).astype(np.int64)
            return whole - (whole >> (width - 1) << width)
        return (np.asarray(bits).astype(np.uint32) << np.uint32(32 - width)).view(np.float32)

    def _wrapped(self, sums: np.ndarray) -> np.ndarray:
        if not self.integer:
            return sums
        low = sums & 0xFFFFFFFF
        return low - (low >> 31 << 32)
