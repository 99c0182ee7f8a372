"""Area, delay and energy of RTL from its synthesis with a user's Liberty library; the libraries are never shipped.

`liberty` reads a library, `yosys` maps Verilog onto it, `timing` and `toggles` look at the mapped netlist, `energy`
makes energies per action of it, and `characterize` writes the tables that the cost model uses.
"""
