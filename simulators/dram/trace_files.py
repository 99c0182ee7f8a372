"""Request traces: CSV with an address and R or W on each line, or lines as DRAMsim3 reads them; read in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from workloads.errors import CodesignError, quoted

CHUNK = 1 << 16
OPERATIONS = {"R": False, "READ": False, "W": True, "WRITE": True}
_HEADERS = ("addr_hex", "address", "addr")
_MOST = 1 << 56


def read_requests(path: str | Path, chunk: int = CHUNK) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield byte addresses (int64) and write flags of a trace file, `chunk` requests at a time.

    A line is ``0x3079080,R`` (hexadecimal with 0x, else decimal; a header line is skipped, and one that starts with
    ``addr_hex`` makes all addresses hexadecimal), or ``0x3079080 READ 0``, whose third field (a clock) is ignored.

    Raises
    ------
    CodesignError
        Naming the file, the line, and what is allowed.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            yield from _chunks(str(path), file, chunk)
    except OSError as error:
        raise CodesignError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise CodesignError(f"{path}: not a text file") from None


def _chunks(path: str, file: Iterator[str], chunk: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    addresses: list[int] = []
    writes: list[bool] = []
    base, found = 0, False
    for number, line in enumerate(file, 1):
        if number == 1 and line.lower().startswith(_HEADERS):
            base = 16 if line.lower().startswith("addr_hex") else 0
            continue
        fields = line.replace(",", " ").split()
        if not fields or fields[0].startswith("#"):
            continue
        found = True
        try:
            addresses.append(int(fields[0], base))
            writes.append(OPERATIONS[fields[1].upper()])
            good = 0 <= addresses[-1] < _MOST
        except (ValueError, KeyError, IndexError):
            good = False
        if not good:
            raise _fault(f"{path}:{number}", fields, base)
        if len(writes) == chunk:
            yield np.array(addresses, np.int64), np.array(writes, np.bool_)
            addresses, writes = [], []
    if not found:
        raise CodesignError(f"{path}: holds no request; a line is an address and R or W, such as 0x40,R")
    if writes:
        yield np.array(addresses, np.int64), np.array(writes, np.bool_)


def _fault(where: str, fields: list[str], base: int) -> CodesignError:
    try:
        address = int(fields[0], base)
    except ValueError:
        kind = "a hexadecimal number" if base == 16 else "a number (0x for hexadecimal)"
        return CodesignError(f"{where}: address {quoted(fields[0])} is not {kind}")
    if not 0 <= address < _MOST:
        return CodesignError(f"{where}: address {quoted(fields[0])[1:-1]} is not within 0 and 2^56 - 1")
    given = f"{quoted(fields[1])} is not an operation" if len(fields) > 1 else "no operation after the address"
    return CodesignError(f"{where}: {given}; use R or W")
