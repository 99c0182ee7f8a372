"""Gate-level simulation of a mapped netlist, 64 independent streams at once, and how often everything toggles.

Zero delay: each gate takes its final value once a cycle, so glitches are not in it. A word holds a net's values in the
64 lanes. The program is straight-line code over words, made of the cells' Liberty functions; a numba kernel runs it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numba import njit

from rtl.synthesis.boolean import Expression, parse_function
from rtl.synthesis.netlist import ONE, Netlist
from workloads.errors import CodesignError

LANES = 64
_AND, _OR, _XOR, _NOT, _COPY = range(5)
_CODES = {"and": _AND, "or": _OR, "xor": _XOR, "not": _NOT}


@dataclass
class GateProgram:
    """Straight-line code of a netlist.

    Attributes
    ----------
    slots : int
        Words: nets first, then states of flip-flops, then temporaries.
    outputs : ndarray
        (operations, 4): code, target, two sources; flip-flop outputs from their states.
    gates : ndarray
        The same for gates in order, then the flip-flops' next states.
    states : ndarray
        (flip-flops, 3): slot of the state and of the next state, and the state that stands for a register at 0.
    passive : ndarray
        (gate inputs, 3): net of the pin, and nets of up to two outputs (the second may repeat the first).
    """

    slots: int
    outputs: np.ndarray
    gates: np.ndarray
    states: np.ndarray
    passive: np.ndarray


@dataclass(frozen=True)
class ToggleCounts:
    """What happened in a run, summed over lanes and counted cycles.

    Attributes
    ----------
    lane_cycles : int
        Lanes x cycles counted.
    nets : ndarray of int64
        Toggles of each net; a toggle is a change from one cycle to the next.
    passive : ndarray of int64
        By gate input (`GateProgram.passive`): toggles of the pin that change none of the gate's outputs.
    states : ndarray of int64
        (flip-flops, 2, 2): rising edges by next state and state.
    values : dict
        Output words (cycles, bits) by port, all cycles, as they stand before each rising edge.
    """

    lane_cycles: int
    nets: np.ndarray
    passive: np.ndarray
    states: np.ndarray
    values: dict[str, np.ndarray] = field(repr=False)


def lane_words(values: np.ndarray, width: int) -> np.ndarray:
    """Pack integers (cycles, lanes) of `width` <= 64 bits into words (cycles, width), a bit a lane.

    Raises
    ------
    CodesignError
        For other than 64 lanes.
    """
    if values.shape[1] != LANES:
        raise CodesignError(f"gate-level simulation runs {LANES} lanes, not {values.shape[1]}")
    bits = (values.astype(np.uint64)[:, None, :] >> np.arange(width, dtype=np.uint64)[None, :, None]) & np.uint64(1)
    return np.packbits(bits.astype(np.uint8), axis=2, bitorder="little").view(np.uint64)[:, :, 0]


def compile_gates(netlist: Netlist) -> GateProgram:
    """Return the program of a netlist."""
    compiler = _Compiler(netlist)
    states, outputs, gates = [], [], []
    for instance in netlist.flip_flops:
        state = instance.cell.flip_flop
        assert state is not None
        if state.clear or state.preset:
            raise CodesignError(f"{netlist.top}: {instance.cell.name} has an asynchronous set or reset")
        slot = compiler.slot()
        compiler.state_slots.append(slot)
        for pin in instance.cell.outputs():
            if pin.name in instance.nets:
                names = {state.state: slot, state.inverse: ~slot}
                outputs += compiler.code(parse_function(pin.function), names, instance.nets[pin.name])
    for gate in netlist.gates:
        for pin in gate.cell.outputs():
            if pin.name in gate.nets:
                gates += compiler.code(parse_function(pin.function), dict(gate.nets), gate.nets[pin.name])
    for instance, slot in zip(netlist.flip_flops, compiler.state_slots, strict=True):
        assert instance.cell.flip_flop is not None
        names = dict(instance.nets) | {instance.cell.flip_flop.state: slot, instance.cell.flip_flop.inverse: ~slot}
        following, function = compiler.slot(), parse_function(instance.cell.flip_flop.next_state)
        gates += compiler.code(function, names, following)
        states.append((slot, following, function.value(dict.fromkeys(function.names(), 0))))
    return GateProgram(
        compiler.slots,
        np.array(outputs, np.int64).reshape(-1, 4),
        np.array(gates, np.int64).reshape(-1, 4),
        np.array(states, np.int64).reshape(-1, 3),
        np.array(_passive_pins(netlist), np.int64).reshape(-1, 3),
    )


def _passive_pins(netlist: Netlist) -> list[tuple[int, int, int]]:
    pins = []
    for gate in netlist.gates:
        outputs = [gate.nets[pin.name] for pin in gate.cell.outputs() if pin.name in gate.nets]
        for pin in gate.cell.inputs():
            if outputs:
                pins.append((gate.nets.get(pin.name, 0), outputs[0], outputs[-1]))
    return pins


class _Compiler:
    """Allocates slots and turns expressions into operations."""

    def __init__(self, netlist: Netlist) -> None:
        self.slots = len(netlist.net_names)
        self.state_slots: list[int] = []

    def slot(self) -> int:
        self.slots += 1
        return self.slots - 1

    def code(self, expression: Expression, names: Mapping[str, int], target: int) -> list[tuple[int, int, int, int]]:
        """Return operations that leave the expression's value in `target`; a slot ``~s`` is s inverted."""
        code: list[tuple[int, int, int, int]] = []
        source = self._emit(expression, names, code, target)
        if source != target:
            code.append((_COPY, target, source, source))
        return code

    def _emit(self, expression: Expression, names: Mapping[str, int], code: list, target: int) -> int:
        if expression.operator == "constant":
            return ONE if expression.name == "1" else 0
        if expression.operator == "name":
            source = names.get(expression.name, 0)
            if source >= 0:
                return source
            code.append((_NOT, target, ~source, ~source))
            return target
        sources = []
        for operand in expression.operands:
            sources.append(self._emit(operand, names, code, self.slot()))
        code.append((_CODES[expression.operator], target, sources[0], sources[-1]))
        return target


@njit(cache=True)
def _ones(word):
    """Bits set in a word."""
    x = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@njit(cache=True)
def _execute(code: np.ndarray, words: np.ndarray) -> None:
    for i in range(len(code)):
        kind, target = code[i, 0], code[i, 1]
        a, b = words[code[i, 2]], words[code[i, 3]]
        if kind == 0:
            words[target] = a & b
        elif kind == 1:
            words[target] = a | b
        elif kind == 2:
            words[target] = a ^ b
        elif kind == 3:
            words[target] = ~a
        else:
            words[target] = a


@njit(cache=True)
def _simulate(outputs, gates, states, passive, words, inputs, input_nets, output_nets, counted, results):
    """Run all cycles; return counts from cycle `counted` on. `results` takes the output words of every cycle."""
    nets = np.zeros(results[0], np.int64)
    pins = np.zeros(len(passive), np.int64)
    pairs = np.zeros((len(states), 2, 2), np.int64)
    values = np.zeros((len(inputs), len(output_nets)), np.uint64)
    before = words[: len(nets)].copy()
    for cycle in range(len(inputs)):
        for i in range(len(input_nets)):
            words[input_nets[i]] = inputs[cycle, i]
        _execute(outputs, words)
        _execute(gates, words)
        for i in range(len(output_nets)):
            values[cycle, i] = words[output_nets[i]]
        if cycle >= counted:
            for net in range(len(nets)):
                nets[net] += _ones(words[net] ^ before[net])
            for i in range(len(passive)):
                net, first, last = passive[i]
                changed = (words[first] ^ before[first]) | (words[last] ^ before[last])
                pins[i] += _ones((words[net] ^ before[net]) & ~changed)
            for i in range(len(states)):
                state, following = words[states[i, 0]], words[states[i, 1]]
                pairs[i, 0, 0] += _ones(~following & ~state)
                pairs[i, 0, 1] += _ones(~following & state)
                pairs[i, 1, 0] += _ones(following & ~state)
                pairs[i, 1, 1] += _ones(following & state)
        before[:] = words[: len(before)]
        for i in range(len(states)):
            words[states[i, 0]] = words[states[i, 1]]
    return nets, pins, pairs, values


def simulate(netlist: Netlist, program: GateProgram, inputs: Mapping[str, np.ndarray], counted: int) -> ToggleCounts:
    """Run a netlist.

    Parameters
    ----------
    netlist, program
        A netlist and its program (`compile_gates`).
    inputs : mapping
        Words (cycles, bits) for every input port but the clock (`lane_words`); one that is absent stays 0.
    counted : int
        First cycle that counts, at least 1; what comes before fills pipelines and resets.

    Raises
    ------
    CodesignError
        For a port that is not there or words of another width.
    """
    cycles = max(len(words) for words in inputs.values())
    columns, nets = [], []
    for name, words in inputs.items():
        if name not in netlist.inputs or words.shape != (cycles, len(netlist.inputs[name])):
            raise CodesignError(f"{netlist.top}: no input '{name}' of {words.shape[1]} bits for {cycles} cycles")
        columns.append(words)
        nets += netlist.inputs[name]
    words = np.zeros(program.slots, np.uint64)
    words[ONE] = ~np.uint64(0)
    words[program.states[:, 0]] = np.where(program.states[:, 2] > 0, ~np.uint64(0), np.uint64(0))
    output_nets = [net for port in netlist.outputs.values() for net in port]
    found = _simulate(
        program.outputs, program.gates, program.states, program.passive, words,
        np.ascontiguousarray(np.concatenate(columns, axis=1)), np.array(nets, np.int64),
        np.array(output_nets, np.int64), max(counted, 1), (len(netlist.net_names),),
    )  # fmt: skip
    values, at = {}, 0
    for name, port in netlist.outputs.items():
        values[name] = found[3][:, at : at + len(port)]
        at += len(port)
    return ToggleCounts(LANES * (cycles - max(counted, 1)), found[0], found[1], found[2], values)
