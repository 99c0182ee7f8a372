"""Which channel serves which request: the tokens of a request live in the banks of one channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workloads.errors import CodesignError, unknown_name


def round_robin(loads: Sequence[int], channels: int) -> list[int]:
    """Return a channel for each request, one after the other."""
    return [i % channels for i in range(len(loads))]


def longest_first(loads: Sequence[int], channels: int) -> list[int]:
    """Return a channel for each request: the longest first, each to the channel with the least load so far."""
    total, chosen = [0] * channels, [0] * len(loads)
    for i in sorted(range(len(loads)), key=lambda i: -loads[i]):
        chosen[i] = min(range(channels), key=total.__getitem__)
        total[chosen[i]] += loads[i]
    return chosen


PLACEMENTS: dict[str, Callable[[Sequence[int], int], list[int]]] = {
    "round_robin": round_robin,
    "longest_first": longest_first,
}


def place(name: str, loads: Sequence[int], channels: int) -> list[int]:
    """Return a channel for each request.

    Parameters
    ----------
    name : str
        One of PLACEMENTS.
    loads : sequence of int
        Expected work of each request, in any unit (tokens, tiles, clocks).
    channels : int

    Raises
    ------
    CodesignError
        For an unknown placement or no channel.
    """
    if name not in PLACEMENTS:
        raise unknown_name("placement", "placement", name, PLACEMENTS)
    if channels < 1:
        raise CodesignError(f"placement: channels {channels} is not at least 1")
    return PLACEMENTS[name](loads, channels)
