"""The plain-Python twin of the NPU core: ``docs/npu.md`` register by register, values included, written for clarity."""

from simulators.npu.reference.run import ReferenceRun, run_reference

__all__ = ["ReferenceRun", "run_reference"]
