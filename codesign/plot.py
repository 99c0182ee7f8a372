"""`Result.plot`: figures of a result in a notebook, ``r.plot.roofline()`` and so on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from codesign.result import Result


class Plot:
    """Draws one result; each method returns a matplotlib Figure, which a notebook shows and ``savefig`` saves."""

    def __init__(self, result: Result) -> None:
        self._result = result

    def roofline(self) -> Any:
        """Operations a second over operations a DRAM byte, a marker a layer."""
        from codesign.report.figures import roofline

        return roofline(self._result)

    def layers(self) -> Any:
        """Cycles of each layer, working and waiting."""
        from codesign.report.figures import layers

        return layers(self._result)

    def energy(self) -> Any:
        """Energy by component."""
        from codesign.report.figures import energy_figure

        return energy_figure(self._result)

    def area(self) -> Any:
        """Area by component."""
        from codesign.report.figures import area_figure

        return area_figure(self._result)

    def timeline(self) -> Any:
        """Engines over time; needs the simulation, so not a result read from a file."""
        from codesign.report.figures import timeline

        return timeline(self._result)

    def __repr__(self) -> str:
        names = [name for name in vars(Plot) if not name.startswith("_")]
        return f"<plot: {', '.join(f'{name}()' for name in names)}>"
