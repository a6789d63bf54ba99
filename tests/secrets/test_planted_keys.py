"""Keys planted everywhere a key can be, an endpoint that repeats them in every way it fails and answers, and a search
through everything that leaves the process: a real one, whose log has all that there is to log."""

import asyncio
import io
import json
import sqlite3
import zipfile
from contextlib import closing
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from tests.conversation.conversing import until
from tests.support.app_process import AppProcess
from tests.support.leaks import every_writing, leaks
from tests.support.page_events import act, headers
from tests.support.wire import DONE, Reply, WireServer, event, json_reply, stream_reply, text_reply

pytestmark = pytest.mark.timeout(900)
in_one_loop = pytest.mark.asyncio(loop_scope="module")

IN_FILE = "3fK9aZ8QmV3s7yRx2LpT0wBcD5eF6gHjN1oUiYtR4kEwQaZsXdCvBnM9JQQJ99BAACAAAAAAINFRAZML2abc"
OF_DEPLOYMENT = "Qm7sVx2Lp9TwBc4DeF6gHjN1oUiYtR8k"
IN_QUERY = "Zq8Rt5Yw2Ux7Pv4Ns1Mk6Lj3"
IN_ARGUMENTS = "Gateway-Sub-4471-9920-8853"
OF_PROXY = "proxy-Passw0rd-of-the-house"
OF_CLIENT = "oauth~Cl1ent~Secret~77231"
SECRETS = [IN_FILE, OF_DEPLOYMENT, IN_QUERY, IN_ARGUMENTS, OF_PROXY, OF_CLIENT]

ECHO = every_writing(SECRETS)
LINE = " ".join(SECRETS)

VERBOSE = "import logging\nlogging.basicConfig(level=logging.DEBUG)\n"


def delta(**said):
    return f"data: {json.dumps({'choices': [{'index': 0, 'delta': said, 'finish_reason': None}]})}\n\n".encode()


def completion(**message):
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return {"id": ECHO, "model": LINE, "system_fingerprint": ECHO, "choices": [choice]}


def in_headers(reply):
    ids = dict.fromkeys(("x-request-id", "apim-request-id", "x-ms-error-code", "x-ratelimit-reset-tokens"), LINE)
    return replace(reply, headers={**reply.headers, **ids})


STOP = event(finish_reason="stop")
PIECES = [event(ECHO[at : at + 7]) for at in range(0, len(ECHO), 7)]
LOOK_UP = {"name": "look_up", "arguments": json.dumps({"q": ECHO})}
CALL = {"index": 0, "id": LINE, "type": "function", "function": LOOK_UP}
BLOCKED = {LINE: {"filtered": True, "severity": LINE}, "violence": {"filtered": True, "severity": "high"}}

FAULTS = {
    "401 in JSON": json_reply({"error": {"message": ECHO, "code": LINE, "param": LINE, "type": IN_FILE}}, 401),
    "401 in words": text_reply(ECHO, 401),
    "403 in HTML": text_reply(f"<html><title>{ECHO}</title></html>", 403, "text/html"),
    "404 in a header": in_headers(text_reply("", 404)),
    "400 with a parameter": json_reply({"error": {"message": ECHO, "param": LINE, "code": "BadRequest"}}, 400),
    "422 with places": json_reply({"detail": [{"loc": ["header", LINE], "msg": ECHO, "input": LINE}]}, 422),
    "400 of a filter": json_reply(
        {"error": {"message": ECHO, "code": "content_filter", "innererror": {"content_filter_result": BLOCKED}}}, 400
    ),
    "400 too long": json_reply(
        {"error": {"message": f"maximum context length is 4096 tokens {ECHO}", "code": "context_length_exceeded"}}, 400
    ),
    "400 extra parameters": json_reply({"detail": f"Extra parameters ['{OF_DEPLOYMENT}'] are not allowed {ECHO}"}, 400),
    "413 cut in the middle": text_reply(f"{'x' * 500} {IN_FILE} {ECHO}", 413),
    "424 with a reason": text_reply(ECHO, 424, ms_azureml_model_error_reason=LINE),
    "429 with a wait": in_headers(json_reply({"error": {"message": ECHO, "code": LINE}}, 429, retry_after="600")),
    "501": in_headers(text_reply(ECHO, 501)),
    "302 elsewhere": text_reply(ECHO, 302, Location=f"https://example.com/?code={IN_FILE}"),
    "an error in a good reply": json_reply({"error": {"message": ECHO, "code": LINE}}),
    "a reply of no shape": json_reply({OF_DEPLOYMENT: ECHO}),
    "no JSON at all": text_reply(ECHO, 200, "application/json"),
    "an error in a stream": stream_reply(event(ECHO), f"data: {json.dumps({'error': {'message': ECHO}})}\n\n"),
    "a stream that breaks off": stream_reply(event(ECHO), end="reset"),
    "a stream without an end": stream_reply(event(ECHO), end="close"),
    "a stream cut in a key": stream_reply(event(f"it is {IN_FILE[:50]}"), end="cut"),
    "nothing": Reply(end="mute"),
    "an answer": stream_reply(event(ECHO), STOP, DONE),
    "an answer in pieces": stream_reply(*PIECES, STOP, DONE),
    "thoughts": stream_reply(delta(reasoning_content=ECHO), event("So."), STOP, DONE),
    "a tool call": stream_reply(delta(tool_calls=[CALL]), event(finish_reason="tool_calls"), DONE),
    "a whole answer": in_headers(json_reply(completion(content=ECHO, reasoning_content=ECHO))),
    "an odd finish": in_headers(stream_reply(event("Well."), event(finish_reason=LINE, model=LINE, id=LINE), DONE)),
}


@dataclass
class Sent:
    """All that left the process, by what it was."""

    parts: dict[str, list[str]] = field(default_factory=dict)

    def add(self, what, content):
        self.parts.setdefault(what, []).append(content if isinstance(content, str) else content.decode("latin-1"))

    def add_reply(self, what, reply):
        self.add(what, f"{reply.headers} {reply.text}")


class Stand:
    """The application in front of endpoints that know its keys, and all that was seen of it."""

    def __init__(self, wire, process, client):
        self.wire = wire
        self.process = process
        self.client = client
        self.sent = Sent()
        self.asked = 0

    async def ask(self, reply):
        """Let a visitor of their own ask on a page, and an API client; gather what both are sent."""
        self.wire.default = reply
        self.asked += 1
        page, visitor = f"page {self.asked}", f"visitor {self.asked}"
        asked = headers(page, visitor)
        following = asyncio.Event()
        opened = asyncio.create_task(self._follow(asked, following))
        await following.wait()
        assert await act(self.client, "send", ["What did I send you?"], page, visitor) == 204
        await until(lambda: self._has_ended(asked))
        await act(self.client, "name", [self._newest()], page, visitor)
        for kind in ("markdown", "json", "all"):
            exported = await self.client.get(f"/chat/export/{kind}", headers=asked)
            self.sent.add_reply(f"export as {kind}", exported)
            if kind == "all":
                packed = zipfile.ZipFile(io.BytesIO(exported.content))
                for name in packed.namelist():
                    self.sent.add("export as all", packed.read(name))
        self.sent.add_reply("page", await self.client.get("/", headers=asked))
        opened.cancel()
        await asyncio.wait([opened])
        # Once more from the store, as after a reload.
        async with self.client.stream("GET", "/chat/updates", headers=asked) as again:
            self.sent.add("page drawn anew", await anext(again.aiter_lines()))
        called = await self.client.post("/gradio_api/call/chat", json={"data": ["What did I send you?"]})
        async with self.client.stream("GET", f"/gradio_api/call/chat/{called.json()['event_id']}") as answer:
            self.sent.add("reply of the API", "".join([text async for text in answer.aiter_text()]))

    async def _follow(self, asked, following):
        async with self.client.stream("GET", "/chat/updates", headers=asked) as reply:
            self.sent.add("stream", str(reply.headers))
            async for text in reply.aiter_text():
                self.sent.add("stream", text)
                following.set()

    def _newest(self):
        with closing(sqlite3.connect(self.process.folder / "data" / "conversations.db")) as database:
            [newest] = database.execute("SELECT id FROM conversations ORDER BY updated_at DESC LIMIT 1").fetchone()
        return newest

    async def _has_ended(self, asked):
        exported = await self.client.get("/chat/export/json", headers=asked)
        return exported.status_code == 200 and exported.json()["turns"][-1]["status"] != "streaming"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stand(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    (folder / "sitecustomize.py").write_text(VERBOSE)
    with WireServer() as wire:
        url = f"{wire.url}/v1/chat/completions?code={IN_QUERY}"
        (folder / ".env").write_text(f"AZUREML_ENDPOINT_API_KEY={IN_FILE}\nMY_OTHER_KEY={OF_DEPLOYMENT}\n")
        (folder / "deployments.toml").write_text(
            f'[[deployment]]\nname = "Other"\nendpoint_url = "{url}"\napi_key_variable = "MY_OTHER_KEY"\n'
            f'[deployment.model_arguments]\ngateway_key = "{IN_ARGUMENTS}"\n'
        )
        settings = {
            "AZUREML_ENDPOINT_URL": url,
            "CHATBOT_DEPLOYMENTS_FILE": str(folder / "deployments.toml"),
            "CHATBOT_SHOW_ENDPOINT_ERRORS": "true",
            "MY_CLIENT_SECRET": OF_CLIENT,
            "HTTPS_PROXY": f"http://user:{OF_PROXY}@127.0.0.1:9",
        }
        with AppProcess(folder, settings, forked=False) as process:
            async with httpx.AsyncClient(base_url=process.url, timeout=60) as client:
                yield Stand(wire, process, client)


@in_one_loop
@pytest.mark.parametrize("fault", FAULTS)
async def test_no_key_leaves_the_process(stand, fault):
    stand.sent = Sent()
    logged = len(stand.process.log)
    await stand.ask(FAULTS[fault])
    stand.sent.add("log", stand.process.log[logged:])
    assert {"page", "stream", "page drawn anew", "reply of the API", "log"} <= stand.sent.parts.keys()
    assert "What did I send you?" in "".join(stand.sent.parts["export as json"])
    for what, several in stand.sent.parts.items():
        assert_none_is_in("\n".join(several), what)


@in_one_loop
async def test_no_key_is_in_the_database(stand):
    """After all of the above."""
    await stand.ask(FAULTS["an answer"])
    stored = [file.read_bytes().decode("latin-1") for file in (stand.process.folder / "data").iterdir()]
    assert "What did I send you?" in "".join(stored)
    assert_none_is_in("\n".join(stored), "database")


def assert_none_is_in(sent, what):
    found = {secret: leaks(secret, sent)[:3] for secret in SECRETS}
    assert not any(found.values()), (what, found)


@in_one_loop
async def test_the_keys_were_used_and_the_log_was_full(stand):
    await stand.ask(FAULTS["401 in words"])
    assert stand.wire.requests[-1].headers["Authorization"] == f"Bearer {IN_FILE}"
    assert IN_QUERY in urlsplit(stand.wire.requests[-1].path).query
    assert "DEBUG" in stand.process.log
    assert "The endpoint did not accept the key" in stand.process.log
    assert "What did I send you?" not in "".join(
        line for line in stand.process.log.splitlines() if "aiosqlite" not in line
    )


def test_what_searches_finds_every_key_in_what_the_endpoint_says():
    for secret in SECRETS:
        assert leaks(secret, ECHO)
        assert leaks(secret, json.dumps(ECHO))
