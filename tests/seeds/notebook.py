"""A document as a notebook: its cells, run top to bottom in one namespace while an event loop is running."""

import ast
import asyncio
import inspect
import io
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from chatbot.emulator import Emulator
from tests.seeds import stand_ins
from tests.seeds.documents import Cell
from tests.seeds.reader import Reader


@dataclass(frozen=True, slots=True)
class Ran:
    """A cell that was run.

    Attributes:
        value: Of its last expression.
        names: All that the namespace held afterwards.
        writes: What it printed, write by write.
        requests: What the endpoint received meanwhile.
    """

    cell: Cell
    value: Any
    names: Mapping[str, Any]
    writes: Sequence[str]
    requests: Sequence[Any]

    @property
    def printed(self) -> str:
        return "".join(self.writes)

    @property
    def pieces(self) -> list[str]:
        """What it printed, piece by piece."""
        return [text for text in self.writes if text.strip()]

    @property
    def asked(self) -> list[list[tuple[str, str]]]:
        """The conversations that were sent, on either route."""
        bodies = [request.body for request in self.requests]
        sent = [body["messages"] if "messages" in body else body["input_data"]["input_string"] for body in bodies]
        return [[(message["role"], message["content"]) for message in conversation] for conversation in sent]

    @property
    def question(self) -> str:
        """The one text that was sent, in the one request there was."""
        [[(role, text)]] = self.asked
        assert role == "user"
        return text


@dataclass
class Notebook:
    """A document that was run, or is running."""

    reader: Reader
    emulator: Emulator
    namespace: dict[str, Any] = field(default_factory=lambda: {"__name__": "__main__", **stand_ins.NEVER_IMPORTED})
    ran: list[Ran] = field(default_factory=list)

    def run(self, cells: Sequence[Cell]) -> None:
        """Run the cells in one loop, the blocking ones in its way, as notebooks do."""
        with asyncio.Runner() as runner:
            for cell in cells:
                runner.run(self._run(cell))

    def under(self, heading: str) -> list[Ran]:
        """Return the cells under a heading; there must be some."""
        found = [ran for ran in self.ran if ran.cell.heading == heading]
        assert found, f"no cell was run under {heading!r}"
        return found

    async def _run(self, cell: Cell) -> None:
        before = len(self.emulator.requests)
        printed = _Printed()
        source = self.reader.adapted(cell.source)
        try:
            with redirect_stdout(printed):
                value = await self._value_of(source)
        except BaseException as error:
            error.add_note(f"in cell {len(self.ran) + 1}, under {cell.heading!r}:\n{source}")
            raise
        self.ran.append(Ran(cell, value, dict(self.namespace), printed.writes, self.emulator.requests[before:]))

    async def _value_of(self, source: str) -> Any:
        if source.startswith("!"):
            return _shell(source[1:])
        if source.startswith("pip install "):
            return [version(wanted.split("==")[0]) for wanted in source.split()[2:]]
        *statements, last = ast.parse(source).body
        if not isinstance(last, ast.Expr):
            return await self._exec(ast.Module([*statements, last], []), "exec")
        await self._exec(ast.Module(statements, []), "exec")
        return await self._exec(ast.Expression(last.value), "eval")

    async def _exec(self, tree: ast.Module | ast.Expression, mode: str) -> Any:
        code = compile(tree, "<document>", mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        value = eval(code, self.namespace)
        return await value if code.co_flags & inspect.CO_COROUTINE else value


def _shell(line: str) -> None:
    """Run a command as it stands, or with Python where the machine has no curl."""
    command = shlex.split(line)
    if shutil.which(command[0]) is None:
        command = [sys.executable, str(Path(__file__).with_name(f"{command[0]}.py")), *command[1:]]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    print(done.stdout, end="")


class _Printed(io.StringIO):
    """Text with its seams."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return len(text)
