"""The command `reproduce`: a publication's comparison run again, ours beside theirs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from codesign.cli_output import emit
from workloads.errors import CodesignError


class Publication(StrEnum):
    """What can be run again."""

    neupims = "neupims"


def reproduce(
    publication: Annotated[Publication, typer.Argument(help="What to run again")],
    models: Annotated[list[str], typer.Option("--model", help="Some of its models (repeatable); all when none")] = [],
    batches: Annotated[list[int], typer.Option("--batch", help="Some of its batches (repeatable)")] = [],
    out: Annotated[str, typer.Option("--out", "-o", help="Folder for the CSV and the figure")] = "",
) -> None:
    """Run a publication's comparison again.

    neupims: throughput over GPU, NPU and NPU with a blocked PIM, each mechanism taken away in turn (some minutes).
    """
    from codesign.neupims_reproduce import BATCHES, MODELS, check_choices
    from codesign.neupims_reproduce import reproduce as run
    from codesign.report.neupims_table import table
    from codesign.report.progress import layer_progress

    check_choices(models, batches)
    folder = _folder(out)
    with layer_progress() as progress:
        found = run(models or MODELS, batches or BATCHES, progress=progress)
    if folder is not None:
        from codesign.files import write_atomically
        from codesign.report.neupims_figure import speedups

        write_atomically(str(folder / f"{publication.value}.csv"), found.to_csv())
        speedups(found).savefig(folder / f"{publication.value}.png", dpi=150)
    emit(table(found), "")


def _folder(out: str) -> Path | None:
    """Return the folder to write to, made where there is none; refused before the work when it cannot be."""
    if not out:
        return None
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CodesignError(f"--out {out}: {(error.strerror or 'cannot be made').lower()}") from None
    return folder
