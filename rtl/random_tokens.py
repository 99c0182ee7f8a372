"""More tokens for a random program: every channel in turn, and orders between engines that the data do not ask for."""

from __future__ import annotations

import numpy as np

from simulators.program import CHANNELS, EXECUTE_ENGINE, QUEUE_OF_OPCODE, token

_COUNTERS = 16 * CHANNELS
_MOST_PAIRS = 8


def spread_tokens(rng: np.random.Generator, program: np.ndarray, token_bits: int) -> np.ndarray:
    """Return the program with the channels of each pair of engines permuted and further tokens on unused counters.

    A further token goes from a command to a later one, so that no circle arises; a counter gets at most as many at
    a time as it can hold.
    """
    waits, gives = _bits(program["waits"]), _bits(program["gives"])
    order = np.arange(_COUNTERS)
    for pair in range(16):
        own = slice(pair * CHANNELS, (pair + 1) * CHANNELS)
        order[own] = rng.permutation(order[own])
    waits, gives = waits[:, order], gives[:, order]
    opcodes = program["opcode"]
    unused = np.flatnonzero(~(waits | gives).any(axis=0))
    for counter in unused[rng.random(len(unused)) < rng.choice((0.0, 0.1, 0.4))]:
        _order_commands(rng, opcodes, int(counter), int(rng.integers(1, 1 << token_bits)), waits, gives)
    spread = program.copy()
    spread["waits"], spread["gives"] = _words(waits), _words(gives)
    return spread


def _order_commands(
    rng: np.random.Generator, opcodes: np.ndarray, counter: int, count: int, waits: np.ndarray, gives: np.ndarray
) -> None:
    """Let commands of a counter's source be waited for by later ones of its target, each by its own; up to `count` at
    a time."""
    source, target = divmod(counter // CHANNELS, 4)
    if source == target == EXECUTE_ENGINE or counter == _COUNTERS - 1:
        return  # the one has no counters in use; the other is the sign of a mask, where the simulators fail
    engines = np.array(QUEUE_OF_OPCODE)[opcodes]
    givers = np.flatnonzero(engines == source)
    if source == EXECUTE_ENGINE:  # preloads and matmuls need counters of their own
        givers = givers[opcodes[givers] == rng.choice(opcodes[givers])] if len(givers) else givers
    takers = [-1]
    for giver in np.sort(rng.permutation(givers)[: count if source != target else None]):
        if len(takers) > count and giver < takers[-count]:
            continue  # of one engine a command starts after the one before it: its token is taken by then
        later = np.flatnonzero(engines == target)
        later = later[later > max(giver, takers[-1])][:_MOST_PAIRS]
        if len(later) == 0:
            return
        takers.append(int(rng.choice(later)))
        gives[giver, counter] = waits[takers[-1], counter] = True


def _bits(masks: np.ndarray) -> np.ndarray:
    """Return masks as bool (commands, counters)."""
    return (masks.astype(np.uint64)[:, None] >> np.arange(_COUNTERS, dtype=np.uint64) & np.uint64(1)).astype(bool)


def _words(bits: np.ndarray) -> np.ndarray:
    """Return bool (commands, counters) as masks."""
    return (
        (bits * (np.uint64(1) << np.arange(_COUNTERS, dtype=np.uint64))).sum(axis=1, dtype=np.uint64).astype(np.int64)
    )


assert token(3, 3, CHANNELS - 1) == _COUNTERS - 1, "counters are numbered by source, target, channel"
