"""The independent interpreter of TFLite models: reference kernels, every tensor preserved."""

from __future__ import annotations

import numpy as np
import pytest

litert = pytest.importorskip("ai_edge_litert.interpreter", reason="needs ai-edge-litert (extra litert)")


class Interpreted:
    """One model in the interpreter.

    Parameters
    ----------
    content : bytes
        The file.
    """

    def __init__(self, content: bytes) -> None:
        self.interpreter = litert.Interpreter(
            model_content=content, experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=True, num_threads=1,
        )  # fmt: skip
        self.interpreter.allocate_tensors()

    def run(self, inputs: list[np.ndarray]) -> dict[str, np.ndarray]:
        """Return every tensor by name after one inference; inputs in the model's order."""
        for detail, values in zip(self.interpreter.get_input_details(), inputs, strict=True):
            self.interpreter.set_tensor(detail["index"], values)
        self.interpreter.invoke()
        return {detail["name"]: self.interpreter.get_tensor(detail["index"]) for detail in self._details()}

    def written_by_operators(self) -> set[str]:
        """Return the names of the tensors that operators write."""
        written = {int(index) for op in self.interpreter._get_ops_details() for index in op["outputs"]}
        return {detail["name"] for detail in self._details() if detail["index"] in written}

    def _details(self) -> list[dict]:
        return [detail for detail in self.interpreter.get_tensor_details() if detail["name"]]


def edge_inputs(shape: tuple[int, ...]) -> list[np.ndarray]:
    """Return constant and alternating inputs of int8: both ends, zero, a checkerboard of the ends."""
    ends = np.where(np.indices(shape).sum(axis=0) % 2, 127, -128).astype(np.int8)
    return [*(np.full(shape, value, np.int8) for value in (-128, 0, 127)), ends]
