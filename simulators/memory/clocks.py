"""Crossing between two clocks whose periods relate by a ratio of integers."""

from simulators.kernels import kernel


@kernel
def to_memory(cycle: int, num: int, den: int) -> int:
    """Return the first memory clock edge at or after a machine cycle; num/den memory clocks a machine clock."""
    return -((-cycle * num) // den)


@kernel
def to_machine(edge: int, num: int, den: int) -> int:
    """Return the first machine cycle at or after a memory clock edge."""
    return -((-edge * den) // num)
