"""Does the memory that an FPGA gets hold and give, cycle by cycle, what the macro of the RTL does?"""

import numpy as np
import pytest

from rtl.design import Design
from rtl.npu.memories import macro_verilog
from rtl.synthesis.block_ram import BANK, RAM_MODULE, MemoryShape, block_ram_verilog
from rtl.synthesis.fpga import TARGETS, cells_of, memory_resources, resources_of
from rtl.synthesis.rtl_run import run_rtl
from rtl.synthesis.toggles import lane_words
from simulators.machine_files import load_machine

CYCLES, LANES = 300, 64
PLAIN = """\
module plain(input clk, input [{read_bits}-1:0] read_address, output [{read_data}-1:0] read_data,
    input [{enables}-1:0] write_enable, input [{write_bits}-1:0] write_address, input [{write_data}-1:0] write_data);
    codesign_memory #(.WIDTH({width}), .DEPTH({depth}), .ADDRESS({address}), .READS({reads}), .WRITES({enables})) one (
        .clk(clk), .read_address(read_address), .read_data(read_data), .write_enable(write_enable),
        .write_address(write_address), .write_data(write_data));
endmodule
"""


def traffic(shape: MemoryShape) -> dict[str, np.ndarray]:
    """Random words by port: contiguous addresses, no element written by two ports in a cycle."""
    rng = np.random.default_rng(7)
    reads = [rng.integers(0, shape.depth - lanes + 1, (CYCLES, LANES)) for lanes in shape.reads]
    taken = np.zeros((CYCLES, LANES, shape.depth), bool)
    addresses, enables = [], []
    for lanes in shape.writes:
        first = rng.integers(0, shape.depth - lanes + 1, (CYCLES, LANES))
        for lane in range(lanes):
            place = (first + lane)[:, :, None]
            free = ~np.take_along_axis(taken, place, 2)[:, :, 0]
            enable = free & (rng.random((CYCLES, LANES)) < 0.7)
            np.put_along_axis(taken, place, ~free[:, :, None] | enable[:, :, None], 2)
            addresses.append(first + lane)
            enables.append(enable)
    read = [first + lane for first, lanes in zip(reads, shape.reads, strict=True) for lane in range(lanes)]
    data = [rng.integers(0, 1 << shape.width, (CYCLES, LANES)) for _ in addresses]

    def packed(many: list[np.ndarray], bits: int) -> np.ndarray:
        return np.concatenate([lane_words(one.astype(np.uint64), bits) for one in many], axis=1)

    return {
        "read_address": packed(read, shape.address_bits), "write_enable": packed(enables, 1),
        "write_address": packed(addresses, shape.address_bits), "write_data": packed(data, shape.width),
    }  # fmt: skip


@pytest.mark.parametrize(
    "shape",
    [
        MemoryShape(16, 8, (1, 1), (1,)),
        MemoryShape(64, 4, (1, 4, 3), (4, 1, 1)),
        MemoryShape(24, 6, (6,), (2,)),
    ],
    ids=str,
)
def test_every_read_is_that_of_the_macro(shape):
    inputs = traffic(shape)
    bits = {"read_data": sum(shape.reads) * shape.width}
    text = PLAIN.format(
        read_bits=sum(shape.reads) * shape.address_bits, read_data=bits["read_data"], enables=sum(shape.writes),
        write_bits=sum(shape.writes) * shape.address_bits, write_data=sum(shape.writes) * shape.width,
        width=shape.width, depth=shape.depth, address=shape.address_bits, reads=sum(shape.reads),
    )  # fmt: skip
    wanted = run_rtl(text + macro_verilog(), "plain", inputs, bits)["read_data"]
    found = run_rtl(block_ram_verilog(shape) + BANK, RAM_MODULE, inputs, bits)["read_data"]
    assert np.bitwise_count(wanted).sum() > 10_000
    assert np.array_equal(found, wanted)


@pytest.mark.slow
def test_banks_are_block_ram_as_many_as_there_are_copies():
    shape = MemoryShape(8192, 8, (1, 4), (4, 1))
    family = TARGETS["xc7"]
    whole = resources_of(family, cells_of(block_ram_verilog(shape) + BANK, RAM_MODULE, family))
    assert shape.copies == 6
    assert whole.block_rams == shape.copies * 4 * 0.5
    assert whole.flip_flops == whole.multipliers == 0
    apart = memory_resources(family, shape)
    assert apart.block_rams == whole.block_rams and apart.luts == pytest.approx(whole.luts, rel=0.1)


def test_a_design_names_its_memories_and_their_ports():
    design = Design.of(load_machine("small_npu_8x8", ["array.rows=2", "array.cols=3", "vector.lanes=2"]))
    shapes = {name: (one.depth, one.width) for name, one in design.memories.items()}
    assert set(shapes) == {"scratchpad", "weight_buffer", "parameter_buffer", *(f"accumulator_{c}" for c in range(3))}
    assert shapes["scratchpad"] == (16384, 8)
    assert all(one.reads and one.writes for one in design.memories.values())
