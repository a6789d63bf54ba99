"""What a page is loaded from is made once, is small, and is what Gradio has."""

import re
from pathlib import Path

import gradio as gr
import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route

from chatbot.ui import assets
from chatbot.ui.assets import Assets
from tests.support.scripted_model import ScriptedModel

pytestmark = pytest.mark.asyncio

ENCODED = {"accept-encoding": "gzip, deflate, br"}


class Files:
    """An application that counts what it is asked for."""

    def __init__(self):
        self.asked = []

    async def file(self, request):
        self.asked.append(request.url.path)
        status = 404 if "missing" in request.url.path else 200
        encoding = request.headers.get("accept-encoding", "")
        return Response(f"{request.url.path} {encoding}", status, {"vary": "accept-encoding", "x-count": "1"})


@pytest.fixture
def files():
    return Files()


@pytest_asyncio.fixture
async def client(files):
    routes = [Route("/", files.file), Route("/assets/{name}", files.file), Route("/other/{name}", files.file)]
    app = Starlette(routes=routes, middleware=[Middleware(Assets)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        yield client


async def test_a_file_is_made_once_for_each_encoding(client, files):
    for _ in range(3):
        for encoding in ("gzip, deflate, br", "gzip", "identity"):
            reply = await client.get("/assets/a.js", headers={"accept-encoding": encoding})
            assert reply.text == f"/assets/a.js {encoding}"
            assert reply.headers["cache-control"] == assets.FOREVER
            assert int(reply.headers["content-length"]) == len(reply.content)
    assert len(files.asked) == 3


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/assets/missing.js", {}),
        ("/other/a.js", {}),
        ("/assets/a.js", {"if-none-match": '"x"'}),
        ("/assets/a.js", {"range": "bytes=0-1"}),
        ("/assets/a.js", {"origin": "https://elsewhere.test"}),
    ],
)
async def test_nothing_else_is_kept(client, files, path, headers):
    for _ in range(2):
        reply = await client.get(path, headers=headers)
        assert reply.headers.get("cache-control") != assets.FOREVER
    assert len(files.asked) == 2


async def test_what_is_kept_is_bounded(client, files, monkeypatch):
    monkeypatch.setattr(assets, "MAX_KEPT", 100)
    for _ in range(2):
        for number in range(10):
            await client.get(f"/assets/{number}.js")
    assert 10 < len(files.asked) < 20


async def test_the_page_is_compressed_and_its_files_are_gradios(tmp_path):
    from chatbot.conversation import ConversationService, ConversationStore, Deployment, Deployments, WindowMemory
    from chatbot.server import create_page_app
    from chatbot.ui import Branding

    store = ConversationStore(f"sqlite:///{tmp_path}/chat.db")
    service = ConversationService(Deployments(Deployment("test", ScriptedModel(), WindowMemory())), store)
    app = create_page_app(service, Branding("Test"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        page = await client.get("/", headers=ENCODED)
        assert page.headers["content-encoding"] == "gzip"
        [entry] = re.findall(r'src="\./(assets/index-[^"]+\.js)"', page.text)
        frontend = Path(gr.routes.BUILD_PATH_LIB)
        for _ in range(2):
            reply = await client.get(f"/{entry}", headers=ENCODED)
            assert reply.headers["content-encoding"] == "br"
            assert reply.text == (frontend.parent / entry).read_text(encoding="utf-8")
    await service.aclose()
    await store.aclose()
