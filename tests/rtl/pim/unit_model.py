"""Random commands for a compute unit, no sooner than the timing table lets them; and the results they must give."""

from __future__ import annotations

import numpy as np

from rtl.pim.parameters import UnitParameters
from simulators.pim.bank_mac import BankMacs
from simulators.pim.commands import COMP, DOT, GWRITE, HEADER, READRES

#: bf16: zero, least and greatest subnormal, greatest, infinity, quiet and signalling NaN.
CORNERS = {"bf16": (0x0000, 0x0001, 0x007F, 0x7F7F, 0x7F80, 0x7FC0, 0x7F81), "int8": (0x80, 0x7F, 0x00, 0xFF)}


def random_rows(p: UnitParameters, count: int, seed: int, corners: float = 0.002) -> np.ndarray:
    """Return what banks hold, uint8 (count, banks, columns, bytes of a column); floats are near each other."""
    rng = np.random.default_rng(seed)
    form = p.mac.form
    shape = (count, p.banks, p.columns, p.column_bits // form.operand_bits)
    bits = rng.integers(0, 1 << form.operand_bits, shape)
    if form.operand == "bf16":
        bits = (bits & 0x807F) | rng.integers(117, 135, shape) << 7
    special = rng.choice(CORNERS[form.operand], shape) | rng.integers(0, 2, shape) << form.operand_bits - 1
    bits = np.where(rng.random(shape) < corners, special, bits)
    return np.ascontiguousarray(bits.astype(f"<u{form.operand_bits // 8}")).view(np.uint8)


def random_commands(p: UnitParameters, operations: int, rows: int, seed: int) -> np.ndarray:
    """Return commands, int64 (commands, 4): clock, command, COMPs, open row; at least so many COMPs, READRES."""
    rng = np.random.default_rng(seed)
    commands: list[tuple[int, int, int, int]] = [(0, GWRITE, 0, 0)]
    clock, done = p.columns * p.column_clocks, 0
    while done < operations:
        row = int(rng.integers(0, rows))
        if rng.random() < 0.02:
            commands.append((clock, GWRITE, 0, row))
            clock += p.columns * p.column_clocks
            continue
        commands.append((clock, HEADER, 0, row))
        clock, left = clock + 1, p.slices
        while left > 0 and rng.random() < 0.9:
            comps = int(rng.integers(1, min(left, 12) + 1))
            left -= comps
            done += comps + 1
            if rng.random() < 0.5:
                commands.append((clock, DOT, comps, row))
                clock += p.step * (max(comps, p.fill_steps) + 1) + int(rng.integers(0, 3))
                continue
            for _ in range(comps):
                commands.append((clock, COMP, 0, row))
                clock += p.step + int(rng.integers(0, 2)) * int(rng.integers(0, 9))
            clock += int(rng.integers(0, 2)) * p.mac.latency  # as the table has it, or right behind
            commands.append((clock, READRES, 0, row))
            clock += p.step
        clock += 2  # a column read late is still of the row that was open
    return np.array(commands, np.int64)


def expected(p: UnitParameters, commands: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the results, uint32 (results, banks)."""
    form = p.mac.form
    slices = rows.view(f"<u{form.operand_bits // 8}").reshape(len(rows), p.banks, p.slices, p.mac.lanes)
    macs = BankMacs(form.operand, p.mac.lanes, p.banks)
    vector = np.zeros((p.slices, p.mac.lanes), np.int64)
    results, place = [], 0
    for _, command, comps, row in commands.tolist():
        if command == GWRITE:
            vector = slices[row, 0]
        place = 0 if command == HEADER else place
        for _ in range(comps if command == DOT else command == COMP):
            macs.comp(slices[row, :, place], vector[place])
            place += 1
        if command in (READRES, DOT):
            results.append(macs.readres())
    return np.array(results)
