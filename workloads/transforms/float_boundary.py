"""Leave the first quantization and the last dequantization of an integer network to the host."""

from __future__ import annotations

from workloads.network import Network
from workloads.transforms.graph import Graph, copy_network, drop_unused_tensors


def without_float_boundary(network: Network) -> tuple[Network, str]:
    """Return `network` with integer inputs and outputs, and one line that says so (empty: nothing was float).

    A float input that only `quantize` operators read is replaced by what they write; a float output that `dequantize`
    writes, by what it reads. A machine of integers begins and ends there.
    """
    network = copy_network(network)
    graph = Graph(network)
    gone: set[int] = set()
    said: list[str] = []
    inputs: list[str] = []
    for name in network.inputs:
        readers = [operator for operator in network.operators if name in operator.inputs]
        if network.tensors[name].format.is_integer or any(operator.kind != "quantize" for operator in readers):
            inputs.append(name)
            continue
        gone.update(id(operator) for operator in readers)
        inputs += [operator.outputs[0] for operator in readers]
        said.append(f"'{name}' is quantized")
    outputs: list[str] = []
    for name in network.outputs:
        writer = graph.writer.get(name)
        read = name in graph.readers or writer is None
        if network.tensors[name].format.is_integer or read or writer.kind != "dequantize":
            outputs.append(name)
            continue
        gone.add(id(writer))
        outputs.append(writer.inputs[0])
        said.append(f"'{name}' is dequantized")
    network.operators = [operator for operator in network.operators if id(operator) not in gone]
    network.inputs, network.outputs = tuple(inputs), tuple(outputs)
    drop_unused_tensors(network)
    return network, f"{', '.join(said)} on the host" if said else ""
