"""What our chat model costs beside its peers and beside bare HTTP libraries, in one run.

    python -m pip install -r benchmarks/requirements.txt
    python benchmarks/chat_model.py [--quick] [--output FILE]

Figures are medians over rounds. In a round every client has its turn, in fresh processes of its own, against one server
in a process of its own that costs less than any of them. A client whose packages are missing is said to be "not
installed". CPU is user and system time of the client's process. Times drift with what else the machine does, so only
what was measured in one run may be compared. Ends with what is asked of our class, and whether it holds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from chat_clients import CLIENTS, OURS
from chat_report import Results, bar_table, client_table

HERE: Final = Path(__file__).parent
PACKAGES: Final = (
    "langchain-core",
    "langchain-openai",
    "langchain-azure-ai",
    "langchain-community",
    "openai",
    "aiohttp",
    "urllib3",
    "httpx",
    "httpx2",
)
# Ours is imported after LangChain's, for what it adds: CPython 3.11 takes up to a third longer for one and the same
# import where it begins a few calls deeper in the stack, as LangChain's does when ours brings it in.
IMPORT: Final = """
from time import process_time as now
times = [now()]
from langchain_core.language_models.chat_models import BaseChatModel
times.append(now())
from chatbot.azureml import AzureMLChatOnlineEndpoint
times.append(now())
print(times[1] - times[0], times[2] - times[0])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the chat model with its peers.")
    parser.add_argument("--quick", action="store_true", help="one short round: for a look, not for figures")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the tables there as well, as Markdown")
    arguments = parser.parse_args()
    rounds, effort = (1, 1) if arguments.quick else (5, 2)

    results = Results()
    with serving() as url:
        for number in range(1, rounds + 1):
            for client in CLIENTS:
                say(f"round {number} of {rounds}: {client}")
                measure(client, url, effort, results)
    for number in range(4 * rounds + 1):
        say(f"import {number} of {4 * rounds}")
        base, both = map(float, run("-c", IMPORT).split())
        if number:  # the first may have had to compile
            results.add(OURS, {"import": both / base})
    say("")

    report = "\n\n".join([machine(rounds), client_table(results), bar_table(results)]) + "\n"
    print(report)
    if arguments.output:
        arguments.output.write_text(report, encoding="utf-8")


@contextmanager
def serving() -> Iterator[str]:
    """Run the server; hand out its URL."""
    process = subprocess.Popen([sys.executable, HERE / "chat_server.py"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


def measure(client: str, url: str, effort: int, results: Results) -> None:
    """Let one client have its turn."""
    if client in results.left_out:
        return
    for method in ("calls", "streams", "stop") if client == OURS else ("calls", "streams"):
        try:
            printed = run(str(HERE / "chat_measures.py"), method, client, url, str(effort))
        except RuntimeError as error:
            results.left_out[client] = f"failed: {error}"
            return
        figures = json.loads(printed)
        if "missing" in figures:
            results.left_out[client] = f"not installed ({figures['missing']})"
            return
        results.add(client, {f"{method}: {name}": figure for name, figure in figures.items()})


def run(*arguments: str) -> str:
    """Return what a fresh interpreter prints.

    Raises:
        RuntimeError: It failed; the last line of what it said.
    """
    # Settings that one client obeys and another does not, and one that would have ours compiled at each import.
    foreign = ("LANGSMITH_", "LANGCHAIN_", "OPENAI_", "AZURE", "PYTHONDONTWRITEBYTECODE")
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(foreign) and not name.lower().endswith("_proxy")
    }
    environment["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep)
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(" ".join(done.stderr.split("\n")[-2:]).strip() or "without a word")
    return done.stdout


def machine(rounds: int) -> str:
    """Say where the figures come from."""
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    where = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    return f"Medians of {rounds} interleaved rounds. {where}; {', '.join(versions)}."


def say(progress: str) -> None:
    """Show where the run is, to a person only."""
    if sys.stderr.isatty():
        print(f"\r\033[K{progress}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
