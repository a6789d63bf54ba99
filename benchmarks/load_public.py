"""What a public address costs: the application with limits, budget, password, metrics and a stand-in, beside itself.

    python -m pip install -r tests/requirements.txt -r benchmarks/requirements.txt
    python benchmarks/load_public.py [--quick] [--postgres URL] [--output FILE]

The visitors, the endpoint and the figures are those of ``load.py``. Each round has one process with nothing set, one
with everything that a public address is advised to have (nobody comes near a limit, all of them are counted), and two
processes with all of it but the password, behind the nginx of docs/operating.md, on one PostgreSQL database. Then the
first two run side by side, and one visitor after the other has a few turns alone at each: what they cost where nothing
waits.
Server and clients have a core each as in ``load.py``: the two processes and nginx share the server's, PostgreSQL goes
where the system puts it and is in no figure. Without PostgreSQL or nginx that system is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import psutil
import psycopg
from chat_report import Bar
from chat_server import Scenario
from load import TOKENS, Run, machine, measure_served, publish, say
from load_report import Results, bar_table, failure_list, load_table, number, table
from load_servers import HERE, Cores, Server, application_settings, command, endpoint, free_port, started
from load_visitors import OURS, PASSWORD, PUBLIC, REPLICAS, VISITORS
from sqlalchemy.engine import make_url

sys.path.append(str(HERE.parent))

from chatbot.access.passwords import hash_password
from tests.replicas.nginx import PLACES, Nginx

SYSTEMS: Final = (OURS, PUBLIC, REPLICAS)
PAIR: Final = (OURS, PUBLIC)
LEVEL: Final = 200
QUICK_LEVEL: Final = 20
VISITS: Final = 16
"""Of one visitor each, at each of the pair; the first warms up."""
VISIT_TURNS: Final = 5
VISIT_PAUSE_MS: Final = 3
"""Between two tokens of a visitor who is alone: 300 of them in a second."""
POSTGRES: Final = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"

DEPLOYMENTS: Final = """[[deployment]]
name = "Backup"
endpoint_url = "{url}"
api_key_variable = "AZUREML_ENDPOINT_API_KEY"
input_price = 0.30
output_price = 0.61
"""


def main() -> None:
    arguments = _arguments()
    rounds, level = (1, QUICK_LEVEL) if arguments.quick else (arguments.rounds, LEVEL)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    busy, results, cores = os.getloadavg()[0], Results(), Cores()
    cores.leave()
    with endpoint() as model:
        run = Run(model, cores, arguments.within, arguments.clients)
        for count in range(1, rounds + 1):
            # What comes first finds the machine rested: each has its turn at that.
            for system in SYSTEMS[count % 3 :] + SYSTEMS[: count % 3]:
                say(f"round {count} of {rounds}: {system}")
                with serving(system, run, 2 * level, arguments.postgres, results) as served:
                    if served is not None:
                        measure_served(system, served, level, run, results)
        say("one visitor at a time")
        alone = measure_alone(run, 3 if arguments.quick else VISITS)
    say("")
    parts = [
        f"**A quick run (`{' '.join(sys.argv[1:])}`): for a look, not for figures.**" if arguments.quick else "",
        machine(rounds, busy, run, results),
        load_table(results, [level], SYSTEMS),
        failure_list(results),
        _ratios(results, level),
        _alone_table(alone),
        bar_table(_bars(results, level, alone)),
    ]
    publish(parts, arguments.output)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare the application as a public address has it with itself.")
    parser.add_argument("--quick", action="store_true", help="one round with few visitors: for a look, not for figures")
    parser.add_argument("--rounds", type=int, default=6, metavar="N", help="interleaved rounds (6)")
    parser.add_argument("--within", type=float, default=2.0, metavar="S", help="begin to type within S seconds (2)")
    parser.add_argument("--clients", type=int, default=2, metavar="N", help="client processes (2)")
    parser.add_argument("--postgres", default=POSTGRES, metavar="URL", help=f"a server ({POSTGRES})")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the tables there as well, as Markdown")
    return parser.parse_args()


@dataclass(slots=True)
class Alone:
    """What one visitor at a time found, by visit; seconds.

    Attributes:
        first: Until the first word: the median of its turns.
        cpu: Of the server, per turn.
    """

    first: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def measure_alone(run: Run, visits: int) -> dict[str, Alone]:
    """Let visitors come one at a time, to each of the pair in turn, while both are running."""
    found = {system: Alone() for system in PAIR}
    with ExitStack() as stack:
        nothing = Results()
        served = {
            system: stack.enter_context(serving(system, run, visits * VISIT_TURNS, "", nothing)) for system in PAIR
        }
        for visit in range(visits):
            for system in PAIR[:: 1 if visit % 2 else -1]:
                server = served[system]
                assert server is not None
                first, cpu = asyncio.run(_visit(system, server, visit))
                if visit:
                    found[system].first.append(first)
                    found[system].cpu.append(cpu)
    return found


async def _visit(system: str, server: Server, number: int) -> tuple[float, float]:
    visitor = VISITORS[system](server.url)
    prompt = Scenario(TOKENS, pause_ms=VISIT_PAUSE_MS).prompt
    await visitor.open()
    await asyncio.sleep(0.3)
    before, first = server.cpu(), []
    for count in range(VISIT_TURNS):
        turn = await visitor.ask(f"Visit {number}.{count}: {prompt}")
        assert turn.first is not None
        first.append(turn.first - turn.asked)
    await asyncio.sleep(0.5)  # what a server does after an answer is the answer's cost too
    cpu = (server.cpu() - before) / VISIT_TURNS
    await visitor.close()
    return median(first), cpu


@contextmanager
def serving(system: str, run: Run, max_answers: int, postgres: str, results: Results) -> Iterator[Server | None]:
    """Run the application in one of its three ways; None where this machine cannot."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        database = ""
        if system == REPLICAS:
            if shutil.which("nginx", path=PLACES) is None:
                results.left_out[system] = "no nginx"
            try:
                database = stack.enter_context(_database(postgres))
            except psycopg.OperationalError:
                results.left_out[system] = "no PostgreSQL"
            if system in results.left_out:
                yield None
                return
        processes = []
        ports = [free_port() for _ in range(2 if system == REPLICAS else 1)]
        for port in ports:
            own = folder / str(port)
            own.mkdir()
            settings = application_settings(run.endpoint.url, max_answers, port)
            if system != OURS:
                settings |= _public(own, settings["AZUREML_ENDPOINT_URL"])
            if system == PUBLIC:
                settings["CHATBOT_PASSWORD_HASH"], settings["CHATBOT_DOOR"] = hash_password(PASSWORD), "password"
            if database:
                settings["CHATBOT_STORE_URL"] = database
            url = f"http://127.0.0.1:{port}"
            processes.append(stack.enter_context(started(system, command(OURS, port), own, settings, url, run.cores)))
        if system == REPLICAS:
            with run.cores.of_the_server():
                nginx = stack.enter_context(Nginx(folder, [f"127.0.0.1:{port}" for port in ports]))
            processes.append(psutil.Process(nginx.pid))
            url = nginx.url
        yield Server(url, processes)


def _public(folder: Path, url: str) -> dict[str, str]:
    """What docs/operating.md advises for a public address, in numbers that nobody reaches here."""
    (folder / "deployments.toml").write_text(DEPLOYMENTS.format(url=url), encoding="utf-8")
    return {
        "CHATBOT_DEPLOYMENTS_FILE": "deployments.toml",
        "CHATBOT_FALLBACK": "Backup",
        "CHATBOT_INPUT_PRICE": "0.30",
        "CHATBOT_OUTPUT_PRICE": "0.61",
        "CHATBOT_VISITOR_MESSAGES": "1000/hour,10000/day",
        "CHATBOT_VISITOR_TOKENS": "10000000/day",
        "CHATBOT_ADDRESS_MESSAGES": "100000/hour",
        "CHATBOT_ADDRESS_TOKENS": "100000000/day",
        "CHATBOT_DAILY_BUDGET": "100000",
        "CHATBOT_METRICS_PORT": str(free_port()),
        "CHATBOT_OWNER_TOKEN": secrets.token_urlsafe(24),
        "CHATBOT_RETENTION_DAYS": "30",
        "CHATBOT_MAX_CONVERSATIONS": "200",
        "CHATBOT_MAX_STORED_MB": "20",
    }


@contextmanager
def _database(server: str) -> Iterator[str]:
    """A database of its own for each round, on a server that is there."""
    url, name = make_url(server), f"chatbot_load_{secrets.token_hex(4)}"
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True, connect_timeout=5) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        try:
            yield url.set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _ratios(results: Results, level: int) -> str:
    head = ("of nothing set, in the same round", "first word p50", "first word p99", "turn p50", "server CPU per token")
    names = ("first_p50", "first_p99", "turn_p50", "cpu")
    rows = [
        [system, *(number(results.of(OURS, level, name, system), 2, "×") for name in names)]
        for system in (PUBLIC, REPLICAS)
        if system not in results.left_out
    ]
    return table(head, rows)


def _alone_table(alone: dict[str, Alone]) -> str:
    head = (
        "one visitor at a time",
        "first word, ms",
        "server CPU per turn, ms",
        "first word, of nothing set",
        "CPU, of nothing set",
    )
    rows = [
        [
            system,
            number(1000 * median(found.first), 1),
            number(1000 * median(found.cpu), 1),
            number(_pairs(alone, "first"), 3, "×") if system == PUBLIC else "",
            number(_pairs(alone, "cpu"), 3, "×") if system == PUBLIC else "",
        ]
        for system, found in alone.items()
    ]
    return table(head, rows)


def _pairs(alone: dict[str, Alone], name: str) -> float:
    """The median over the visits of what all of it set takes, of what nothing set does."""
    bare, public = (getattr(alone[system], name) for system in PAIR)
    return median(one / other for one, other in zip(public, bare, strict=True))


def _bars(results: Results, level: int, alone: dict[str, Alone]) -> Sequence[Bar]:
    return [
        Bar("one at a time, with all of it set: server CPU per turn, of nothing set", 1.05, _pairs(alone, "cpu")),
        Bar("one at a time, with all of it set: first word, of nothing set", 1.05, _pairs(alone, "first")),
        Bar("with all of it set: failed turns", 0, results.failed(PUBLIC, level), ""),
        Bar("with all of it set: server CPU per token, of nothing set", 1.05, results.of(OURS, level, "cpu", PUBLIC)),
        Bar("with all of it set: first word p50, of nothing set", 1.05, results.of(OURS, level, "first_p50", PUBLIC)),
        Bar("two processes: failed turns", 0, results.failed(REPLICAS, level), ""),
    ]


if __name__ == "__main__":
    main()
