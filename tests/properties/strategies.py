"""What the laws are tried on: random cases of layers, and small machines and programs that Hypothesis can shrink."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from simulators.machine import Machine
from simulators.machine_files import load_machine
from tests.simulators.npu.layer_cases import layer_case
from workloads.trace import Layer, Window

#: The same examples in every run; one takes milliseconds once its kernels are compiled.
settings.register_profile("laws", derandomize=True, deadline=None, max_examples=60, database=None)
settings.load_profile("laws")

#: Cases beyond the seeds of the chain's tests.
cases = st.integers(10_000, 20_000).map(layer_case)

small = st.integers(1, 9)


def machine_with(**overrides: Any) -> Machine:
    """Return small_npu_8x8 with some fields changed; `__` stands for the dot."""
    texts = [f"{name.replace('__', '.')}={str(value).lower()}" for name, value in overrides.items()]
    return load_machine("small_npu_8x8", texts)


@st.composite
def arrays(draw: st.DrawFn, *dataflows: str) -> dict[str, Any]:
    """Return overrides for an array of up to 9 x 9, with its latencies and lanes."""
    flow = draw(st.sampled_from(dataflows))
    rows, cols = draw(small), draw(small)
    return {
        "array__rows": rows, "array__cols": cols, "array__dataflow": flow, "vector__lanes": draw(st.integers(1, cols)),
        "array__convolution": "im2col" if flow == "is" else draw(st.sampled_from(["shifted", "im2col"])),
        "array__os_drain": draw(st.sampled_from(["shifted", "parallel"])),
        "array__fold_overlap": draw(st.booleans()), "array__shadow_weights": draw(st.booleans()),
        "array__pe__latency_cycles": draw(st.integers(1, 3)), "scratchpad__latency_cycles": draw(st.integers(0, 3)),
        "weight_buffer__latency_cycles": draw(st.integers(0, 3)),
        "accumulator__latency_cycles": draw(st.integers(0, 3)),
    }  # fmt: skip


def gemm(m: int, k: int, n: int) -> Layer:
    """Return a matrix product M x K x N without values."""
    return Layer("gemm", "gemm", "matrix", Window(in_h=m, out_h=m, in_c=k, out_c=n), macs=m * k * n)


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    """Return a convolution, grouped or not, a product, or a pooling, without values."""
    kind = draw(st.sampled_from(["conv", "depthwise", "gemm", "max_pool"]))
    if kind == "gemm":
        return gemm(draw(st.integers(1, 60)), draw(st.integers(1, 200)), draw(st.integers(1, 60)))
    height, width, kernel = draw(st.integers(3, 20)), draw(st.integers(3, 20)), draw(st.integers(1, 3))
    channels, stride, pad = draw(st.integers(2, 40)), draw(st.integers(1, 2)), kernel // 2
    outputs = draw(st.integers(1, 40)) if kind == "conv" else channels
    window = Window(
        draw(st.integers(1, 2)), height, width, channels, (height + 2 * pad - kernel) // stride + 1,
        (width + 2 * pad - kernel) // stride + 1, outputs, kernel, kernel, stride, stride, 1, 1, pad, pad,
        channels if kind == "depthwise" else 1,
    )  # fmt: skip
    if kind == "max_pool":
        return Layer(kind, kind, "vector", window, function=kind)
    return Layer(kind, "conv", "matrix", window, macs=window.macs)
