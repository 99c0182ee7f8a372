"""What every transform needs of a graph: who writes and reads a tensor, a copy to change, leftovers removed."""

from __future__ import annotations

from dataclasses import replace

from workloads.network import Network, Operator


class Graph:
    """Writers and readers of a network's tensors, fixed when made."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.writer: dict[str, Operator] = {}
        self.readers: dict[str, list[Operator]] = {}
        for operator in network.operators:
            self.writer.update(dict.fromkeys(operator.outputs, operator))
            for name in operator.inputs:
                self.readers.setdefault(name, []).append(operator)

    def only_reader(self, name: str) -> Operator | None:
        """Return the one operator that reads `name`, None when there are more or the network's user reads it."""
        readers = self.readers.get(name, [])
        return readers[0] if len(readers) == 1 and name not in self.network.outputs else None


def copy_network(network: Network) -> Network:
    """Return a network whose operators, tensors and lists can be changed freely; arrays are shared."""
    return replace(
        network,
        operators=[replace(operator, attributes=dict(operator.attributes)) for operator in network.operators],
        tensors={name: replace(tensor) for name, tensor in network.tensors.items()},
    )


def drop_unused_tensors(network: Network) -> None:
    """Remove tensors that no operator touches, in place."""
    used = {name for operator in network.operators for name in (*operator.inputs, *operator.outputs)}
    used.update(network.inputs, network.outputs)
    network.tensors = {name: tensor for name, tensor in network.tensors.items() if name in used}
