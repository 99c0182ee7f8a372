"""Check each node of an ONNX graph against the operator's own schema: inputs, outputs, attributes and their types."""

from __future__ import annotations

from pathlib import Path

import onnx

from workloads.errors import CodesignError, did_you_mean
from workloads.importers.onnx_graph import node_label


def check_schema(node: onnx.NodeProto, opset: int, path: Path) -> None:
    """Refuse a node that is not an instance of its operator in operator set `opset`; other domains pass.

    Raises
    ------
    CodesignError
        Naming the node and the attribute or the number of inputs.
    """
    if node.domain not in ("", "ai.onnx") or not onnx.defs.has(node.op_type, opset, ""):
        return
    schema = onnx.defs.get_schema(node.op_type, opset, "")
    where = f"{path}: {node_label(node)}"
    for kind, count, least, most in (
        ("inputs", len(node.input), schema.min_input, schema.max_input),
        ("outputs", len(node.output), schema.min_output, schema.max_output),
    ):
        if not least <= count <= most:
            allowed = str(least) if least == most else f"{least} to {most}" if most < 2**31 - 1 else f"at least {least}"
            raise CodesignError(f"{where}: {count} {kind}; the operator has {allowed}")
    for position in range(schema.min_input):
        if not node.input[position] and schema.inputs[min(position, len(schema.inputs) - 1)].option.name != "Optional":
            raise CodesignError(f"{where}: input {position} is left out, but needed")
    given = {attribute.name for attribute in node.attribute}
    for attribute in node.attribute:
        known = schema.attributes.get(attribute.name)
        if known is None:
            nearest = did_you_mean(attribute.name, schema.attributes)
            raise CodesignError(f"{where}: attribute '{attribute.name}' is not known{nearest}")
        if int(attribute.type) != known.type.value:
            found = onnx.AttributeProto.AttributeType.Name(attribute.type)
            raise CodesignError(f"{where}: attribute '{attribute.name}' is {found}, not {known.type.name}")
    for name, known in schema.attributes.items():
        if known.required and name not in given:
            raise CodesignError(f"{where}: attribute '{name}' is missing")
