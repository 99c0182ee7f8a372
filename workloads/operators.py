"""The operators that a network may have: their attributes, the engine that runs them, the vector function they need.

Shapes and meanings follow ONNX; attributes here are already normalised (two spatial axes, explicit padding,
axes not negative), so that no reader after an importer repeats the work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from workloads.errors import CodesignError, did_you_mean
from workloads.network import Operator

_WINDOW = {"pads": (0, 0, 0, 0), "strides": (1, 1), "dilations": (1, 1)}


@dataclass(frozen=True)
class OperatorKind:
    """What all operators of one kind have in common.

    Attributes
    ----------
    engine : str
        One of `workloads.trace.ENGINES`.
    function : str
        The vector unit's function, empty for the other engines.
    attributes : dict
        Every attribute allowed, with its default. A default of None means that the attribute must be given.
    fusible : bool
        The vector unit can apply it to each output of the operator before (one input, element by element).
    """

    engine: str
    function: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    fusible: bool = False


def _matrix(**attributes: Any) -> OperatorKind:
    return OperatorKind("matrix", "", attributes)


def _vector(function: str, fusible: bool = False, **attributes: Any) -> OperatorKind:
    return OperatorKind("vector", function, attributes, fusible)


def _each(function: str, **attributes: Any) -> OperatorKind:
    return _vector(function, fusible=True, **attributes)


_MATRIX = {
    # pads are top, left, bottom, right; inputs are activation, weights and perhaps bias.
    "conv": _matrix(**_WINDOW, groups=1),
    "conv_transpose": _matrix(**_WINDOW, groups=1),
    "gemm": _matrix(transpose_a=False, transpose_b=False, alpha=1.0, beta=1.0),
    "matmul": _matrix(),
    # x (tokens, K), weights (experts, N, K): each token through some experts; which, only the run knows.
    "expert_gemm": _matrix(experts_per_token=None),
}
_POOLING = {
    "max_pool": _vector("max_pool", kernel=None, **_WINDOW),
    "average_pool": _vector("average_pool", kernel=None, count_include_pad=False, **_WINDOW),
    "global_max_pool": _vector("max_pool"),
    "global_average_pool": _vector("average_pool"),
}
_NORMALISATION = {
    "batch_norm": _vector("scale_shift", epsilon=1e-5),  # x, scale, bias, mean, variance
    "scale_shift": _vector("scale_shift"),               # x, scale per channel, shift per channel
    "lrn": _vector("lrn", size=None, alpha=1e-4, beta=0.75, bias=1.0),
    "softmax": _vector("softmax", axis=-1, flatten=False),
    "log_softmax": _vector("log_softmax", axis=-1, flatten=False),
    "layer_norm": _vector("layer_norm", axis=-1, epsilon=1e-5),
    "rms_norm": _vector("rms_norm", axis=-1, epsilon=1e-5),
    "instance_norm": _vector("instance_norm", epsilon=1e-5),
    "group_norm": _vector("group_norm", groups=None, epsilon=1e-5),
}
_ACTIVATIONS = {
    "relu": _each("relu"),
    "clip": _each("clip", low=float("-inf"), high=float("inf")),
    "leaky_relu": _each("leaky_relu", alpha=0.01),
    "prelu": _vector("prelu"),
    "elu": _each("elu", alpha=1.0),
    "selu": _each("selu", alpha=1.6732632, gamma=1.0507010),
    "gelu": _each("gelu", approximate="none"),
    "silu": _each("silu"),
    "sigmoid": _each("sigmoid"),
    "hard_sigmoid": _each("hard_sigmoid", alpha=0.2, beta=0.5),
    "hardswish": _each("hardswish"),
    "tanh": _each("tanh"),
    "softplus": _each("softplus"),
    "mish": _each("mish"),
}
_ELEMENTWISE = {
    name: _vector(name)
    for name in (
        "add", "sub", "mul", "div", "pow", "mod", "maximum", "minimum", "exp", "log", "sqrt", "erf", "abs", "neg",
        "reciprocal", "floor", "ceil", "round", "sign", "sin", "cos", "equal", "greater", "greater_equal", "less",
        "less_equal", "logical_and", "logical_or", "logical_not", "where",
    )
}  # fmt: skip
_REDUCTIONS = {
    f"reduce_{name}": _vector("reduce", axes=None, keepdims=True)
    for name in ("sum", "mean", "max", "min", "prod", "l2", "sum_square")
} | {
    "arg_max": _vector("reduce", axis=0, keepdims=True),
    "arg_min": _vector("reduce", axis=0, keepdims=True),
    "top_k": _vector("top_k", axis=-1),
    "cumulative_sum": _vector("cumulative_sum"),
    "rotary": _vector("rotary", interleaved=False),
}
_CONVERSIONS = {
    "quantize": _each("requantize"),
    "dequantize": _each("requantize"),
    "requantize": _each("requantize"),
    "dynamic_quantize": _vector("dynamic_quantize"),
    "cast": _vector("cast"),
}
_VIEWS = {
    # Addresses alone where memory allows (`workloads.tracing` decides), else a copy.
    "reshape": OperatorKind("view"),  # flatten, squeeze and unsqueeze too: the output's shape says all
    "identity": OperatorKind("view"),
    "concat": OperatorKind("view", "", {"axis": None}),
    "split": OperatorKind("view", "", {"axis": 0}),
    "slice": OperatorKind("view", "", {"starts": None, "steps": None}),
    "expand": OperatorKind("view"),
    # (tokens, heads * size) as (heads, rows, size) and back: a head's row is contiguous, so that loads gather it.
    "split_heads": OperatorKind("view"),
    "merge_heads": OperatorKind("view"),
    "zero_insertion": OperatorKind("view", "", {"strides": None}),  # zeros between pixels: loads write them
    "transpose": OperatorKind("move", "", {"permutation": None}),
    "gather": OperatorKind("move", "", {"axis": 0}),
    "gather_elements": OperatorKind("move", "", {"axis": 0}),
    "scatter": OperatorKind("move"),
    "embedding": OperatorKind("move"),  # table, indices
    "pad": OperatorKind("move", "", {"before": None, "after": None, "mode": "constant", "value": 0.0}),
    "tile": OperatorKind("move"),
    "resize": OperatorKind("move", "", {"mode": "nearest"}),
    "depth_to_space": OperatorKind("move", "", {"block": None, "mode": "DCR"}),
    "space_to_depth": OperatorKind("move", "", {"block": None}),
}

#: Every kind, by name.
OPERATORS: dict[str, OperatorKind] = {
    **_MATRIX, **_POOLING, **_NORMALISATION, **_ACTIVATIONS, **_ELEMENTWISE, **_REDUCTIONS, **_CONVERSIONS, **_VIEWS,
}  # fmt: skip

#: Every function that a layer may ask of the vector unit (`requantize` stands for the bare change of scale).
VECTOR_FUNCTIONS = tuple(sorted({kind.function for kind in OPERATORS.values() if kind.function}))

#: The attribute that `workloads.transforms.fuse` adds: ((kind, attributes), ...) applied to each output in turn.
FUSED = "fused"


def operator_kind(name: str, where: str = "operator") -> OperatorKind:
    """Return the kind called `name`.

    Raises
    ------
    CodesignError
        When there is none, naming the nearest.
    """
    if name not in OPERATORS:
        raise CodesignError(f"{where}: '{name}' is not an operator{did_you_mean(name, OPERATORS)}")
    return OPERATORS[name]


def attributes_of(operator: Operator) -> dict[str, Any]:
    """Return all attributes of `operator`, defaults filled in.

    Raises
    ------
    CodesignError
        When an attribute is unknown or one that must be given is missing.
    """
    kind = operator_kind(operator.kind, f"operator '{operator.name}'")
    for name in operator.attributes:
        if name not in kind.attributes and name != FUSED:
            raise CodesignError(
                f"operator '{operator.name}': {operator.kind} has no attribute '{name}'"
                f"{did_you_mean(name, kind.attributes)}"
            )
    merged = {**kind.attributes, **operator.attributes}
    for name, value in merged.items():
        if value is None:
            raise CodesignError(f"operator '{operator.name}': {operator.kind} needs the attribute '{name}'")
    return merged


def fused_with(operator: Operator) -> tuple[tuple[str, dict[str, Any]], ...]:
    """Return the operators fused into this one: (kind, attributes) in the order of application."""
    return tuple(operator.attributes.get(FUSED, ()))
