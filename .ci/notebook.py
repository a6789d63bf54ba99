"""Run docs/walkthrough.ipynb from top to bottom and keep what it printed: ``python .ci/notebook.py [FILE]``."""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "docs" / "walkthrough.ipynb"

CELL_SECONDS = 120


def main() -> None:
    """Write the notebook with its outputs into a file; without one, where it is."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    ).execute()
    # The versions of this machine.
    notebook.metadata.language_info = {"name": "python"}
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else NOTEBOOK
    target.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
