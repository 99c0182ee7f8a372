"""Does the simple memory keep latency, bandwidth, order and its bound, as docs/npu.md says? Against a plain twin."""

from fractions import Fraction
from math import ceil

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.memory import simple
from simulators.npu.config import NAMES, C


def make_config(**given):
    config = np.ones(len(NAMES), np.int64)
    values = {"ratio_num": 1, "ratio_den": 1, "bytes_per_cycle": 8, "memory_latency": 20, "memory_spread": 0,
              "memory_depth": 4, "burst_bytes": 64} | given  # fmt: skip
    for name, value in values.items():
        config[C[name]] = value
    return config


class Twin:
    """The page's sentences, one each, in plain Python."""

    def __init__(self, ratio, rate, latency, spread, depth, burst):
        self.ratio, self.rate, self.latency, self.spread, self.depth, self.burst = (
            ratio,
            rate,
            latency,
            spread,
            depth,
            burst,
        )
        self.busy, self.held = 0, []

    def offer(self, cycle, identity, address, size):
        if len(self.held) >= self.depth:
            return False
        self.busy = max(ceil(cycle * self.ratio), self.busy) + -(-size // self.rate)
        extra = (((address // self.burst) * 2654435761) % 2**32 >> 16) % (self.spread + 1)
        done = ceil((self.busy + self.latency + extra) / self.ratio)
        self.held.append((max(cycle + 1, done), identity))
        return True

    def pop(self, cycle):
        due = [entry for entry in self.held if entry[0] <= cycle]
        if not due:
            return -1
        first = min(due, key=lambda entry: (entry[0], self.held.index(entry)))
        self.held.remove(first)
        return first[1]


REQUESTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1 << 16), st.sampled_from([8, 16, 64])), max_size=40)


@settings(max_examples=60, deadline=None)
@given(
    REQUESTS,
    st.integers(1, 9),
    st.integers(1, 9),
    st.integers(1, 70),
    st.integers(0, 40),
    st.integers(0, 30),
    st.integers(1, 6),
)
def test_every_answer_equals_the_twin(requests, num, den, rate, latency, spread, depth):
    config = make_config(ratio_num=num, ratio_den=den, bytes_per_cycle=rate, memory_latency=latency,
                         memory_spread=spread, memory_depth=depth)  # fmt: skip
    state, twin = simple.new_memory(config), Twin(Fraction(num, den), rate, latency, spread, depth, 64)
    cycle = 0
    for identity, (gap, address, size) in enumerate(requests):
        cycle += gap
        assert simple.has_room(state, config) == (len(twin.held) < depth)
        assert simple.offer(state, config, cycle, identity, address, size) == twin.offer(cycle, identity, address, size)
        earliest = min((entry[0] for entry in twin.held), default=simple.NEVER)
        assert simple.next_event(state, config) == earliest
        assert simple.pop(state, config, cycle) == twin.pop(cycle)
    while twin.held:
        cycle += 1
        assert simple.pop(state, config, cycle) == twin.pop(cycle)


def test_requests_can_overtake_each_other():
    config = make_config(memory_spread=30)
    state = simple.new_memory(config)
    for identity in range(4):
        assert simple.offer(state, config, identity, identity, 64 * identity, 64)
    order = [simple.pop(state, config, cycle) for cycle in range(200)]
    arrived = [identity for identity in order if identity >= 0]
    assert sorted(arrived) == [0, 1, 2, 3] and arrived != [0, 1, 2, 3]


def test_a_full_queue_refuses():
    config = make_config(memory_depth=2)
    state = simple.new_memory(config)
    assert [bool(simple.offer(state, config, 0, i, 0, 8)) for i in range(3)] == [True, True, False]
