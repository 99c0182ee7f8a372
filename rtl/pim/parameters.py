"""What the RTL takes from a PIM device's description: widths, and clocks between commands from its timing table.

No issue cycle of a simulator comes here: only organization, formats and the delays of `PimDevice.constraints`.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulators.dram.constraints import tCCD_L, tCCD_S
from simulators.pim.bank_mac import TOTAL_BITS, MacForm, mac_form
from simulators.pim.commands import ADDER_TREE_STEPS, COMP, READRES, SAME
from simulators.pim.device import PimDevice
from workloads.errors import CodesignError


@dataclass(frozen=True)
class MacParameters:
    """The multipliers beside a bank.

    Attributes
    ----------
    form : MacForm
    lanes : int
        Multipliers.
    latency : int
        Clocks from a slice's arrival to its place in the sum.
    """

    form: MacForm
    lanes: int
    latency: int

    def __post_init__(self) -> None:
        if self.lanes < 2 or self.lanes & (self.lanes - 1):
            raise CodesignError(f"bank MAC: {self.lanes} lanes are no power of two of at least 2")
        if self.product_stages < 1:
            raise CodesignError(
                f"bank MAC: {self.lanes} lanes need {self.levels + 2} clocks (product, {self.levels} levels of adders, "
                f"accumulator); the device gives {self.latency} from COMP to READRES"
            )

    @property
    def levels(self) -> int:
        """Levels of the adder tree."""
        return self.lanes.bit_length() - 1

    @property
    def product_stages(self) -> int:
        """Registers of a product; what the device's latency leaves beside adders and accumulator."""
        return self.latency - self.levels - 1

    @property
    def slice_bits(self) -> int:
        """Bits of a slice: an operand for each lane."""
        return self.lanes * self.form.operand_bits


@dataclass(frozen=True)
class UnitParameters:
    """Everything of a channel that computes, but its scheduler.

    Attributes
    ----------
    mac : MacParameters
    banks : int
    columns, column_bits : int
        Column accesses of a row, as GWRITE moves it, and bits of one.
    column_clocks : int
        Clocks from one column access of a GWRITE to the next.
    step, fill_steps : int
        Clocks from COMP to COMP; least COMPs' time of a DOT.
    """

    mac: MacParameters
    banks: int
    columns: int
    column_bits: int
    column_clocks: int
    step: int
    fill_steps: int

    @property
    def slices_of_column(self) -> int:
        """Slices in a column access."""
        return self.column_bits // self.mac.slice_bits

    @property
    def slices(self) -> int:
        """Slices of a row."""
        return self.columns * self.slices_of_column

    @property
    def result_bits(self) -> int:
        """Bits of all banks' results."""
        return self.banks * TOTAL_BITS


def mac_parameters(device: PimDevice, form: str) -> MacParameters:
    """Return the multipliers of a device's banks in a format of as many bytes as its operands.

    Raises
    ------
    CodesignError
        When the format's width is not the device's, or the adder tree takes longer than from COMP to READRES.
    """
    formats = mac_form(form)
    if formats.operand_bits != 8 * device.operand_bytes:
        raise CodesignError(
            f"bank MAC: {form} is not of {device.operand_bytes} bytes, as operands of {device.name} are"
        )
    wait = next(r for r in device.constraints if (r.scope, r.before, r.after) == (SAME, COMP, READRES))
    return MacParameters(formats, device.lanes, device.standard.clocks(wait.delay))


def unit_parameters(device: PimDevice, form: str) -> UnitParameters:
    """Return the compute unit of a device's channel.

    Raises
    ------
    CodesignError
        As of `mac_parameters`; when banks share a MAC, the vector comes over the bus, or a row is not whole slices.
    """
    if device.unit_banks > 1 or not device.vector_in_bank:
        raise CodesignError(
            f"device {device.name}: the compute unit has a MAC a bank, and takes its vector from bank 0"
        )
    mac = mac_parameters(device, form)
    clocks = device.standard.clocks
    column_clocks = clocks(tCCD_S + tCCD_L)
    columns = clocks(device.gwrite) // column_clocks
    row_bits = device.page_operands * mac.form.operand_bits
    if row_bits % columns or row_bits // columns % mac.slice_bits:
        raise CodesignError(f"device {device.name}: a row of {row_bits} bits is not {columns} columns of whole slices")
    return UnitParameters(
        mac, device.banks, columns, row_bits // columns, column_clocks, device.comp_clocks, ADDER_TREE_STEPS
    )
