"""The notebook of the manual: it runs from top to bottom, and prints what it says it prints."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "walkthrough.ipynb"


def cells(path: Path) -> list[tuple[str, list[tuple[str, str]]]]:
    """The cells of a notebook: what stands in each, and what it printed to which stream."""
    notebook = nbformat.read(path, as_version=4)
    return [(cell.source, [shown(output) for output in cell.get("outputs", ())]) for cell in notebook.cells]


def shown(output: nbformat.NotebookNode) -> tuple[str, str]:
    return output.get("name", output.output_type), output.get("text") or output.data["text/plain"]


def unseamed(text: str) -> str:
    """Without the marks between the pieces of a stream: on a busy machine two of them may arrive as one."""
    return text.replace("|", "")


@pytest.mark.slow
def test_the_notebook_prints_what_it_did_when_it_was_kept(tmp_path):
    again = tmp_path / NOTEBOOK.name
    subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "notebook.py"), str(again)],
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
        check=True,
    )
    now, kept = cells(again), cells(NOTEBOOK)
    assert len(now) == len(kept)
    for (source, outputs), (_, before) in zip(now, kept, strict=True):
        printed, expected = ([(where, unseamed(text)) for where, text in each] for each in (outputs, before))
        assert printed == expected, f"run `python .ci/notebook.py`, and look at what this cell prints:\n{source}"


def test_the_notebook_is_whole_and_shows_no_machine_and_no_warning():
    kept = cells(NOTEBOOK)
    assert sum(bool(outputs) for _, outputs in kept) > 15
    assert {where for _, outputs in kept for where, _ in outputs} == {"stdout", "execute_result"}
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert re.findall(r"/(?:root|home|tmp|usr|Users)/|[A-Z]:\\\\|\w+Warning:|127\.0\.0\.1:\d", text) == []


def test_every_page_the_notebook_links_to_exists():
    targets = [target for source, _ in cells(NOTEBOOK) for target in re.findall(r"\]\(([^)#]+)", source)]
    assert targets
    assert [target for target in targets if not (NOTEBOOK.parent / target).exists()] == []
