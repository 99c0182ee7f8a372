"""A layer's real values as the machine's memories hold them: tensors, packed weights and parameters in DRAM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from simulators.npu.config import IS
from simulators.npu.plan import MATRIX, VECTOR_LAYER, G
from simulators.npu.planner import Compiled, Plan
from simulators.npu.tflite_values import add_parameters, average_parameters, once_parameters
from simulators.program import (
    ADD,
    AVERAGE_POOL,
    DEPTHWISE,
    MAX_POOL,
    MUL,
    PARAMETER_NONE,
    PARAMETER_WORDS,
    REQUANTIZE,
    VALUE_FUNCTIONS,
)  # fmt: skip
from workloads.errors import CodesignError
from workloads.formats import Format, parse_format
from workloads.integer.layers import as_image
from workloads.integer.tflite_tables import TABLES
from workloads.requantize import dyadic, shared_exponent
from workloads.trace import Layer, Quantization


def offset_to(layer_format: str, machine_format: Format, where: str) -> int:
    """Return what is taken from a stored value so that the machine's format holds it (128 for uint8 on int8).

    Raises
    ------
    CodesignError
        When the machine's format is too narrow.
    """
    given = parse_format(layer_format)
    offset = 1 << (given.bits - 1) if machine_format.is_signed and not given.is_signed else 0
    if not given.is_integer or given.low - offset < machine_format.low or given.high - offset > machine_format.high:
        raise CodesignError(f"{where}: {layer_format} values do not fit the machine's {machine_format.name}")
    return offset


def pack_elements(values: np.ndarray, bits: int) -> np.ndarray:
    """Return integers (rows, elements) as bytes (rows, ceil(elements*bits/8)): little-endian, low bits first."""
    if bits >= 8:
        return np.ascontiguousarray(values).astype(f"<i{bits // 8}").view(np.uint8).reshape(len(values), -1)
    per_byte = 8 // bits
    padded = np.zeros((len(values), -(-values.shape[1] // per_byte) * per_byte), np.uint8)
    padded[:, : values.shape[1]] = values & ((1 << bits) - 1)
    return np.bitwise_or.reduce(
        padded.reshape(len(values), -1, per_byte) << (np.arange(per_byte, dtype=np.uint8) * bits), axis=2
    )


def unpack_elements(data: np.ndarray, elements: int, bits: int, signed: bool) -> np.ndarray:
    """Return (rows, elements) integers of (rows, bytes); the inverse of `pack_elements`."""
    if bits >= 8:
        return (
            np.ascontiguousarray(data)
            .view(f"<{'i' if signed else 'u'}{bits // 8}")
            .reshape(len(data), -1)[:, :elements]
            .astype(np.int64)
        )
    shifts = np.arange(8 // bits, dtype=np.uint8) * bits
    values = ((data[:, :, None] >> shifts) & ((1 << bits) - 1)).reshape(len(data), -1)[:, :elements].astype(np.int64)
    return np.where(values >> (bits - 1), values - (1 << bits), values) if signed else values


class LayerValues:
    """One layer's values for one plan: builds its DRAM, reads its output back.

    Parameters
    ----------
    inputs : sequence of numpy.ndarray
        The activation operands, stored integers in the network's order (see `workloads.integer.layers`).
    """

    def __init__(
        self, compiled: Compiled, plan: Plan, arrays: Mapping[str, np.ndarray], inputs: Sequence[np.ndarray]
    ) -> None:
        self.compiled, self.plan, self.layer = compiled, plan, plan.layer
        pe = compiled.machine.array.pe
        self.activation, self.weight = parse_format(pe.activation), parse_format(pe.weight)
        where = f"layer '{self.layer.name}'"
        self.input_offset = offset_to(self.layer.input_format, self.activation, where)
        self.output_offset = offset_to(self.layer.output_format, self.activation, where)
        self.quantization = _quantization(self.layer)
        self.images = [
            as_image(np.asarray(x), self.layer.window).astype(np.int64).transpose(0, 2, 3, 1) - self.input_offset
            for x in inputs
        ]
        if self.layer.engine == "vector":  # an operand that broadcasts lies whole in DRAM, as it is timed
            w = self.layer.window
            self.images = [np.broadcast_to(image, (w.batch, w.in_h, w.in_w, w.in_c)) for image in self.images]
        self.weights = self._weights(arrays)
        #: What in the rounding is not as the layer says, empty when every output is, whatever the operands.
        self.off = ""
        self.parameters = self._parameters(arrays)

    def input_zero_point(self, operand: int = 0) -> int:
        """Return an operand's zero point as the machine stores it."""
        return self.quantization.input_zero_points[operand] - self.input_offset

    def set_plan_values(self) -> None:
        """Write the clamp and zero points, in the machine's format, into the plan."""
        g, q = self.plan.g, self.quantization
        g[G["low"]], g[G["high"]] = q.low - self.output_offset, q.high - self.output_offset
        g[G["zo"]] = q.output_zero_point - self.output_offset
        g[G["z0"]] = self.input_zero_point()
        g[G["z1"]] = self.input_zero_point(1) if self.plan.at("operands") > 1 else 0
        g[G["pad_value"]] = self.activation.low if self.layer.function == "max_pool" else self.input_zero_point()

    def _weights(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray | None:
        """Return (O, I/groups, R, S) weights in the machine's format, zero point 0."""
        layer = self.layer
        if layer.engine != "matrix":
            return None
        offset = offset_to(layer.weight_format, self.weight, f"layer '{layer.name}'")
        values = arrays[layer.weights].astype(np.int64) - offset
        if any(zero != offset for zero in self.quantization.input_zero_points[1:]):
            raise CodesignError(
                f"layer '{layer.name}': the array takes weights without a zero point; requantize them symmetrically"
            )
        return values.reshape(*values.shape, *[1] * (4 - values.ndim))

    def _parameters(self, arrays: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return int32 (entries, 3): bias, multiplier, shift."""
        q, layer, function = self.quantization, self.layer, self.plan.at("function")
        multiplier = np.atleast_1d(np.asarray(arrays[q.multiplier], np.float64)).reshape(-1)
        if function == MAX_POOL and self.plan.at("kind") == VECTOR_LAYER:
            zero = q.output_zero_point - self.output_offset
            if multiplier.tolist() != [1.0] or zero != self.input_zero_point():
                raise CodesignError(
                    f"layer '{layer.name}': a maximum that changes the scale has no integer form on the machine"
                )
        if self.plan.at("parameter_mode") == PARAMETER_NONE:
            return np.zeros((1, PARAMETER_WORDS), np.int32)
        if function == ADD:
            m, e = self._add_parameters(multiplier)
            return np.stack([np.zeros_like(m), m, np.full_like(m, e)], axis=1).astype(np.int32)
        m, e = self._scaling(multiplier)
        if self.weights is not None:
            bias = -self.input_zero_point() * self.weights.sum(axis=(1, 2, 3))
            if layer.bias:
                bias = bias + arrays[layer.bias].astype(np.int64)
            m, e = np.broadcast_to(m, bias.shape), np.broadcast_to(e, bias.shape)
        else:
            bias = np.zeros(1, np.int64)
            if len(np.unique(multiplier)) > 1 and self.quantization.rounding != "tflite_mean":
                raise CodesignError(
                    f"layer '{layer.name}': an average that leaves padding out has no integer form on the machine"
                )
            if function in (AVERAGE_POOL, REQUANTIZE):
                bias = np.array([-self.input_zero_point() * layer.window.kernel_h * layer.window.kernel_w])
            m, e = m[:1], e[:1]
        if np.abs(bias).max(initial=0) >= 1 << 31:
            raise CodesignError(f"layer '{layer.name}': a bias with its zero-point correction exceeds 32 bits")
        entries = np.stack([bias, m, e], axis=1).astype(np.int32)
        return np.repeat(entries, max(1, self.plan.at("operands")), axis=0) if function == MUL else entries

    def _add_parameters(self, multiplier: np.ndarray) -> tuple[np.ndarray, int]:
        """Return the multipliers of an addition's operands and their shift."""
        q = self.quantization
        if q.rounding != "tflite_add":
            return shared_exponent(multiplier)
        given = tuple(multiplier.tolist()), q.input_zero_points, q.output_zero_point, q.low, q.high
        m, e, wrong = add_parameters(*given)
        self.off = f"{wrong} of 65,536 pairs of operands are rounded otherwise" if wrong else ""
        return np.array(m), e

    def _scaling(self, multiplier: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return multipliers and shifts of sums, int64, one or as many as channels."""
        q, mode = self.quantization, self.compiled.machine.vector.requantize if self.compiled.machine.vector else ""
        if q.rounding == "tflite_average" and len(np.unique(multiplier)) == 1:
            pairs = [average_parameters(round(1 / multiplier[0]), f"layer '{self.layer.name}'")]
        elif q.rounding == "half_away":
            zero = q.output_zero_point
            found = [once_parameters(float(each), q.low - zero, q.high - zero) for each in multiplier]
            wrong, steps = sum(off for _, _, off in found), len(found) * (q.high - q.low)
            self.off = f"{wrong} of {steps} steps between outputs lie one sum beside theirs" if wrong else ""
            pairs = [(m, e) for m, e, _ in found]
        elif q.rounding == "tflite_mean":
            self.off = self._other_mode("tflite_double", mode)
            pairs = [(int(multiplier[0]), int(multiplier[1]))]
        else:
            self.off = self._other_mode(q.rounding, mode)
            return dyadic(multiplier)
        m, e = np.array(pairs, np.int64).T
        return m, e

    @staticmethod
    def _other_mode(wanted: str, mode: str) -> str:
        return f"the requantizer rounds {mode}, not {wanted}" if wanted not in ("", mode) else ""

    def packed_weights(self) -> list[np.ndarray]:
        """Return the weight blocks in DRAM order, each a flat integer array."""
        plan, flow = self.plan, int(self.compiled.config[2])
        if self.weights is None:
            return []
        if plan.at("kind") != MATRIX:
            taps = self.weights[:, 0].transpose(1, 2, 0).reshape(-1, plan.at("c"))
            return [taps[:, k : k + plan.at("tc")].reshape(-1) for k in range(0, plan.at("c"), plan.at("tc"))]
        groups, n, c, tn, tc = (plan.at(name) for name in ("groups", "n", "c", "tn", "tc"))
        blocks = []
        for group in range(groups):
            dense = self._group_weights(group)  # R, S, C, N of the super-group
            for n0 in range(0, n, tn):
                for c0 in range(0, c, tc):
                    blocks.append(self._block(dense[:, :, c0 : c0 + tc, n0 : n0 + tn], flow))
        return blocks

    def _group_weights(self, group: int) -> np.ndarray:
        """Return the dense weights (R, S, C, N) of a super-group, block-diagonal over the groups packed in it."""
        assert self.weights is not None
        packed, n, c = self.plan.tiling.packed_groups, self.plan.at("n"), self.plan.at("c")
        mine = self.weights[group * n : (group + 1) * n]
        dense = np.zeros((mine.shape[2], mine.shape[3], c, n), np.int64)
        for p in range(packed):
            ns, cs = slice(p * n // packed, (p + 1) * n // packed), slice(p * c // packed, (p + 1) * c // packed)
            dense[:, :, cs, ns] = mine[ns].transpose(2, 3, 1, 0)
        return dense

    def _block(self, block: np.ndarray, flow: int) -> np.ndarray:
        """Return one weight block as its folds lie in the weight buffer."""
        rows, cols = self.compiled.machine.array.rows, self.compiled.machine.array.cols
        r, s, c, n = block.shape
        if self.compiled.config[6]:  # os, shifted: channels padded to whole words
            block = np.concatenate([block, np.zeros((r, s, -c % rows, n), np.int64)], axis=2)
        flat = block.reshape(-1, n)
        if flow == IS:
            return np.concatenate([flat[k : k + rows].T.reshape(-1) for k in range(0, len(flat), rows)])
        return np.concatenate([flat[:, f : f + cols].reshape(-1) for f in range(0, n, cols)])

    def dram(self) -> np.ndarray:
        """Return the layer's DRAM before it runs, uint8."""
        plan, bits = self.plan, self.activation.bits
        dram = np.zeros(plan.at("dram_end"), np.uint8)
        for operand, image in enumerate(self.images):
            at = plan.at("dram_in") if operand == 0 else plan.at("dram_in2")
            _put(dram, at, pack_elements(image.reshape(-1, image.shape[-1]), bits))
        at = plan.at("dram_weights")
        for block in self.packed_weights():
            packed = pack_elements(block[None], self.weight.bits)
            _put(dram, at, packed)
            at += packed.size
        _put(dram, plan.at("dram_parameters"), self.parameters.astype("<i4").view(np.uint8))
        return dram

    def output(self, dram: np.ndarray) -> np.ndarray:
        """Return the layer's output, stored integers N, C, H, W in the network's format."""
        w, bits = self.layer.window, self.activation.bits
        pixels, pitch = w.batch * w.out_h * w.out_w, -(-w.out_c * bits // 8)
        data = dram[self.plan.at("dram_out") :][: pixels * pitch].reshape(pixels, pitch)
        values = unpack_elements(data, w.out_c, bits, self.activation.is_signed) + self.output_offset
        return values.reshape(w.batch, w.out_h, w.out_w, w.out_c).transpose(0, 3, 1, 2)


def _put(dram: np.ndarray, at: int, data: np.ndarray) -> None:
    flat = data.reshape(-1)
    dram[at : at + flat.size] = flat


def _quantization(layer: Layer) -> Quantization:
    if layer.quantization is None:
        raise CodesignError(f"layer '{layer.name}': its tensors have no scale, so it has no integer result for exact")
    return layer.quantization


def has_values(layer: Layer) -> bool:
    """Whether the machine computes integer values for a layer."""
    if layer.quantization is None or layer.weights_are_activations or layer.repeat != 1:
        return False
    if set(layer.fused) - {"relu", "clip"}:
        return False
    if layer.engine == "matrix":
        return bool(layer.weights)
    return layer.engine == "vector" and layer.function in VALUE_FUNCTIONS and len(layer.inputs) == layer.operands <= 2


def on_host(layer: Layer, arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether a layer that the machine only times has values that the host computes.

    That is a softmax, a table, and an average over windows of different counts.
    """
    rounding = layer.quantization.rounding if layer.quantization else ""
    if layer.quantization is not None and rounding == "tflite_average":
        return len(np.unique(arrays[layer.quantization.multiplier])) > 1
    return rounding in ("tflite_softmax", *(f"tflite_{name}" for name in TABLES))


assert VALUE_FUNCTIONS[DEPTHWISE] == "depthwise"
