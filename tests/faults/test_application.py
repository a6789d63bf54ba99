"""The whole application in front of everything that can go wrong.

After each fault the page is usable, what was typed is there, and each turn that ended is there once.
``python -m tests.faults`` writes what was injected and what was seen into docs/faults.md.
"""

import asyncio
import json
import socket
import sqlite3
import subprocess
from contextlib import closing, contextmanager

import psycopg
import pytest
import trustme
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from chatbot.emulator import Emulator
from chatbot.emulator.faults import FAULTS
from chatbot.ui.i18n import Language
from tests.conversation.conftest import SERVER
from tests.conversation.conversing import until
from tests.faults.page import Page
from tests.support.app_process import AppProcess, several
from tests.support.relay import TLSFront

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]

QUESTION, NEXT = "My name is Ada", "what is my name?"
LONG = "give me a long answer"

QUICKER = {
    "delay": "delay:0.2",
    "slow-drip": "slow-drip:0.0002",
    **{name: f"{name}:1" for name in FAULTS if name.startswith("rate-limit")},
}
"""The same, where what they take for a value would have a test wait for most of a minute."""

OF_EACH_SORT = {
    *("unauthorized-managed", "rate-limit", "content-filter", "server-error", "hang-up"),
    *("reset-after-events", "stall-after-events", "cut-mid-event", "error-in-200", "empty-body"),
}
"""What runs with all other tests; each of the others differs from one of these by words, a status or a place."""

MODE = {"complete": "answered", "stopped": "stopped, what had arrived is kept"}


class Database:
    """What is really kept, read past the application."""

    def __init__(self, url):
        self._engine = create_engine(url)

    def turns(self, owner_text):
        """The shown turns of the conversation that a question is in: question, status, and kind of failure."""
        query = (
            'SELECT t."user", t.status, t.failure FROM turns t WHERE t.shown AND t.conversation_id IN'
            ' (SELECT conversation_id FROM turns WHERE "user" = :text) ORDER BY t."index"'
        )
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query), {"text": owner_text})]

    def close(self):
        self._engine.dispose()


def told_of(failure):
    """What the page says above it, and the class of the error."""
    data = json.loads(failure) if isinstance(failure, str) else failure
    return Language("en").condition("blocked" if data.get("blocked") else data["kind"]), data["kind"]


async def until_true(condition):
    async def holds():
        return condition()

    await until(holds)


async def goes_on(page, database, question, follow_up=NEXT):
    """The page does: returns what became of the first question."""
    [(asked, status, failure)] = database.turns(question)
    assert asked == question
    assert status != "streaming"
    seen = MODE.get(status)
    if failure is not None:
        headline, name = told_of(failure)
        assert headline in page.text
        seen = seen or f"“{headline}” ({name})"
    await page.ask(follow_up)
    turns = database.turns(question)
    assert [each[0] for each in turns] == [question, follow_up], "words are missing, or there twice"
    assert turns[1][1] == "complete", turns
    return seen


@pytest.fixture
def seen(record_property):
    """Note what was injected, and what a visitor saw of it."""

    def note(injected, what):
        record_property("injected", injected)
        record_property("seen", what)

    return note


@pytest.fixture(scope="module")
def endpoint():
    with Emulator(token_delay=0) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def untrusted(endpoint):
    """The endpoint behind a certificate that nobody here trusts."""

    class Plain:
        url = endpoint.base_url

    with TLSFront(Plain, trustme.CA().issue_cert("127.0.0.1")) as front:
        yield front.url


@pytest.fixture(scope="module")
def app(endpoint, untrusted, tmp_path_factory):
    """The application with a deployment that works, and one for each way not to be reached."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = closed.getsockname()[1]
    unreachable = {
        "no such host": "https://endpoint.invalid",
        "nobody listens": f"http://127.0.0.1:{nobody}",
        "untrusted certificate": untrusted,
        "no TLS there": endpoint.base_url.replace("http:", "https:"),
    }
    folder = tmp_path_factory.mktemp("app")
    entries = {"works": endpoint.chat_url, **{name: f"{url}/v1/chat/completions" for name, url in unreachable.items()}}
    (folder / "deployments.toml").write_text(
        "\n".join(
            f'[[deployment]]\nname = "{name}"\nendpoint_url = "{url}"\napi_key_variable = "ENDPOINT_KEY"\n'
            for name, url in entries.items()
        )
    )
    settings = {"CHATBOT_DEPLOYMENTS_FILE": "deployments.toml", "ENDPOINT_KEY": endpoint.key, "AZUREML_TIMEOUT": "5"}
    with AppProcess(folder, settings) as process:
        yield process


@pytest.fixture(scope="module")
def database(app):
    database = Database(f"sqlite:///{app.folder}/data/conversations.db")
    yield database
    database.close()


# ------------------------------------------------------------------------------------------ the endpoint


@pytest.mark.parametrize(
    "fault",
    [pytest.param(name, marks=() if name in OF_EACH_SORT else pytest.mark.exhaustive) for name in FAULTS],
)
async def test_the_endpoint(app, endpoint, database, seen, fault):
    question = f"{QUESTION}, and this is {fault}"
    async with Page.open(app, fault) as page:
        endpoint.fail(QUICKER.get(fault, fault), times=None)
        try:
            if fault.startswith("stall"):
                # Sixty seconds of silence end it; a visitor does sooner.
                await page.begin(question)
                await until_true(lambda: endpoint.active_streams)
                await page.act("stop")
                await page.until(lambda: page.is_idle)
            else:
                await page.ask(question)
        finally:
            endpoint.heal()
        seen(f"endpoint: {FAULTS[fault].about}", await goes_on(page, database, question))
    assert "Traceback" not in app.log, app.log[-3_000:]


@pytest.mark.parametrize("name", ["no such host", "nobody listens", "untrusted certificate", "no TLS there"])
async def test_the_way_to_the_endpoint(app, database, seen, name):
    question = f"{QUESTION}, and there is {name}"
    async with Page.open(app, name) as page:
        await page.act("set_deployment", name)
        await page.ask(question)
        await page.act("set_deployment", "works")
        seen(f"network: {name}", await goes_on(page, database, question))


# ------------------------------------------------------------------------------------------ the store


class Disk:
    """A disk of four megabytes."""

    def __init__(self, folder):
        self.folder = folder
        self.folder.mkdir()
        self._mount("-t", "tmpfs", "-o", "size=4m", "tmpfs")

    def remount(self, how):
        self._mount("-o", f"remount,{how}")

    def unmount(self):
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def _mount(self, *options):
        subprocess.run(["mount", *options, str(self.folder)], check=True, capture_output=True)


@pytest.fixture
def disk(tmp_path):
    try:
        disk = Disk(tmp_path / "disk")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("a small disk has to be mounted, which only root may")
    yield disk
    disk.unmount()


@pytest.fixture
def start(tmp_path):
    """Start an application of a test's own, which takes its time to answer."""
    with several(tmp_path, CHATBOT_DEMO_TOKEN_DELAY="0.01") as start:
        yield start


UNSAVED = "An answer could not be saved"


@contextmanager
def locked(file):
    with closing(sqlite3.connect(file, isolation_level=None, timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def full(folder):
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as out:
        try:
            while True:
                out.write(b"x" * 4096)
        except OSError:
            pass
    yield
    filler.unlink()


@contextmanager
def moved(file):
    names = [file, file.with_name(file.name + "-wal"), file.with_name(file.name + "-shm")]
    for name in names:
        name.rename(name.with_name("away " + name.name))
    yield
    for name in names:
        name.with_name("away " + name.name).rename(name)


async def in_the_midst_of_an_answer(page, process, broken):
    """Break the store while an answer grows, and mend it once it could not be saved."""
    await page.begin(LONG)
    with broken:
        await until_true(lambda: UNSAVED in process.log)
        await page.until(lambda: page.is_idle)


@pytest.mark.parametrize("fault", ["locked", pytest.param("moved away", marks=pytest.mark.exhaustive), "disk full"])
async def test_sqlite(request, start, tmp_path, seen, fault):
    folder = request.getfixturevalue("disk").folder if fault == "disk full" else tmp_path / "data"
    file = folder / "chat.db"
    process = start(CHATBOT_STORE_URL=f"sqlite:///{file}")
    database = Database(f"sqlite:///{file}")
    broken = {"locked": locked(file), "moved away": moved(file), "disk full": full(folder)}[fault]
    async with Page.open(process, "ada") as page:
        await page.ask(QUESTION)
        await in_the_midst_of_an_answer(page, process, broken)
        await until_true(lambda: database.turns(LONG)[-1][1] != "streaming")
        assert [each[:2] for each in database.turns(LONG)] == [(QUESTION, "complete"), (LONG, "complete")]
        await page.ask(NEXT)
        assert [each[:2] for each in database.turns(LONG)][2:] == [(NEXT, "complete")]
    database.close()
    seen(f"SQLite: {fault} in the midst of an answer", "shown as not saved yet, then saved, once")


async def test_sqlite_that_cannot_be_written_to(disk, tmp_path, seen):
    file = disk.folder / "chat.db"
    settings = {"CHATBOT_STORE_URL": f"sqlite:///{file}"}
    with AppProcess(tmp_path, settings) as process:
        async with Page.open(process, "ada") as page:
            await page.ask(QUESTION)
    disk.remount("ro")
    with pytest.raises(RuntimeError, match=r"CHATBOT_STORE_URL: the database cannot be opened"):
        AppProcess(tmp_path, settings).start()
    disk.remount("rw")
    database = Database(f"sqlite:///{file}")
    with AppProcess(tmp_path, settings) as process:
        async with Page.open(process, "ada") as page:
            await goes_on(page, database, QUESTION)
    database.close()
    seen("SQLite: read-only at the start", "refused at the start, in words; all there once it can be written to")


class Server:
    """A database of PostgreSQL that is taken away and given back."""

    def __init__(self, url):
        self.name = url.database
        server = make_url(SERVER).set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection = psycopg.connect(server, autocommit=True)

    def terminate(self):
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        return len(self._connection.execute(ended, [self.name]).fetchall())

    def let_in(self, *, nobody=False):
        self._connection.execute(f'ALTER DATABASE "{self.name}" ALLOW_CONNECTIONS {"false" if nobody else "true"}')

    def close(self):
        self._connection.close()


@pytest.fixture
def server(postgres):
    server = Server(postgres)
    yield server
    server.let_in()
    server.close()


@pytest.mark.parametrize("fault", ["terminated again and again", "away until the answer could not be saved"])
async def test_postgresql(postgres, server, start, seen, fault):
    url = postgres.render_as_string(hide_password=False)
    process = start(CHATBOT_STORE_URL=url)
    database = Database(url)
    question = f"{QUESTION}, {fault}"
    long = f"{LONG}, please, {fault}"
    async with Page.open(process, fault) as page:
        await page.ask(question)
        await page.begin(long)
        database.close()
        if fault.startswith("terminated"):
            while not page.is_idle:
                server.terminate()
                await asyncio.sleep(0.3)
        else:
            server.let_in(nobody=True)
            server.terminate()
            await until_true(lambda: UNSAVED in process.log)
            server.let_in()
        await until_true(lambda: database.turns(long)[-1][1] != "streaming")
        await page.until(lambda: page.is_idle)
        await page.ask(NEXT)
        turns = [each[:2] for each in database.turns(long)]
        assert turns == [(question, "complete"), (long, "complete"), (NEXT, "complete")]
    database.close()
    seen(f"PostgreSQL: {fault}", "answered, saved once")


# ------------------------------------------------------------------------------------------ the process


@pytest.mark.parametrize("fault", ["kill -9", "SIGTERM"])
async def test_the_process(start, tmp_path, seen, fault):
    # Otherwise an answer that is told to end soon would have the time to end well.
    process = start(CHATBOT_DRAIN_SECONDS="0")
    database = Database(f"sqlite:///{tmp_path}/data/conversations.db")
    async with Page.open(process, "ada") as page:
        await page.ask(QUESTION)
        await page.begin(LONG)
        # So much has arrived that some of it has been kept.
        await page.until(lambda: len(page.messages[-1]["content"][0]["text"].split()) > 60)
        streams = page.streams
        if fault == "SIGTERM":
            assert await asyncio.to_thread(process.stop) == 0
        else:
            await asyncio.to_thread(process.kill)
        await asyncio.to_thread(process.start)
        await page.until(lambda: page.streams > streams)
        if fault == "kill -9":
            # Until it is known for dead, nobody goes on in its stead.
            await page.until(lambda: "The application ended" in page.text)
        await page.ask(NEXT)
        turns = [each[:2] for each in database.turns(LONG)]
        ended = {"SIGTERM": "stopped", "kill -9": "failed"}[fault]
        assert turns == [(QUESTION, "complete"), (LONG, ended), (NEXT, "complete")]
    database.close()
    told = {"SIGTERM": "exit 0; what had arrived is kept as stopped", "kill -9": "what had arrived is kept, with Retry"}
    seen(f"process: {fault} in the midst of an answer", told[fault])
