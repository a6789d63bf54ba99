"""The owner's page that examines the configured endpoints: shut without the token, one examination at a time."""

import asyncio
import re
import threading
from contextlib import ExitStack

import httpx
import pytest
import pytest_asyncio

from chatbot.access.owner import OwnerDoor
from chatbot.conversation import ConversationService, ConversationStore, Deployment, Deployments, WindowMemory
from chatbot.doctor.endpoints import examined
from chatbot.doctor.examination import COST
from chatbot.doctor.findings import Section, tick
from chatbot.emulator import Emulator
from chatbot.server import create_page_app
from chatbot.settings import Settings
from chatbot.shutdown import Step
from chatbot.ui import DOCTOR, USAGE, Branding, Doctor
from tests.support.scripted_model import ScriptedModel
from tests.support.serving import serving
from tests.support.wire import PATIENCE

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(360)]

TOKEN = "correct horse battery"
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest_asyncio.fixture(loop_scope="session")
async def serve(tmp_path):
    """Yields a function that serves the page with what examines."""
    with ExitStack() as stack:

        async def serve(examine, door=True):
            store = ConversationStore(f"sqlite:///{tmp_path}/chat.db")
            service = ConversationService(Deployments(Deployment("One", ScriptedModel(), WindowMemory())), store)
            closing = [Step("close", store.aclose, 5)]
            owner = OwnerDoor(TOKEN) if door else None
            doctor = None if examine is None else Doctor(COST, examine)
            app = create_page_app(service, Branding("Test"), closing, owner=owner, doctor=doctor)
            return stack.enter_context(serving(app))

        yield serve


async def ended(client):
    """Return the page once nothing is examined any more."""
    for _ in range(100):
        page = (await client.get(DOCTOR)).text
        if "Examining" not in page:
            return page
        await asyncio.sleep(PATIENCE / 100)
    pytest.fail("the examination did not end")


async def test_a_stranger_can_neither_see_nor_begin_anything(serve):
    begun = []
    url = await serve(lambda stop: iter(begun.append(stop) or ()))
    async with httpx.AsyncClient(base_url=url) as client:
        assert (await client.get(DOCTOR)).status_code == 401
        assert (await client.post(DOCTOR, data={"run": "1"})).status_code == 401
    assert begun == []


async def test_without_the_setting_it_is_not_there(serve):
    async with httpx.AsyncClient(base_url=await serve(lambda _: iter(()), door=False), headers=BEARER) as client:
        assert (await client.get(DOCTOR)).status_code == 404
        assert (await client.post(DOCTOR, data={"run": "1"})).status_code == 404


async def test_one_examination_runs_at_a_time_and_shows_what_it_has(serve):
    go_on, begun = threading.Event(), []

    def examine(stop):
        begun.append(stop)
        yield Section("First <b>", (tick("name", "All is well & good."),))
        go_on.wait(PATIENCE)
        yield Section("Second", ())

    async with httpx.AsyncClient(base_url=await serve(examine), headers=BEARER) as client:
        assert "few models count more" in (await client.get(DOCTOR)).text
        for _ in range(3):
            assert (await client.post(DOCTOR, data={"run": "1"})).headers["location"] == DOCTOR
        page = (await client.get(DOCTOR)).text
        assert "Examining" in page
        assert 'http-equiv="refresh"' in page
        go_on.set()
        page = await ended(client)
        assert len(begun) == 1
        assert "First &lt;b&gt;" in page
        assert "All is well &amp; good." in page
        assert "Second" in page
        assert 'http-equiv="refresh"' not in page
        assert "default-src 'none'" in (await client.get(DOCTOR)).headers["content-security-policy"]


async def test_it_examines_what_is_configured_and_shows_no_key(serve, tmp_path, monkeypatch):
    with Emulator("serverless", token_delay=0.002) as emulator:
        monkeypatch.setenv("AZUREML_ENDPOINT_URL", emulator.chat_url)
        monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", emulator.key)
        monkeypatch.setenv("CHATBOT_STORE_URL", f"sqlite:///{tmp_path}/other.db")
        settings = Settings.load(None)
        url = await serve(lambda stop: examined(settings, stop=stop))
        async with httpx.AsyncClient(base_url=url, headers=BEARER) as client:
            await client.post(DOCTOR, data={"run": "1"})
            page = await ended(client)
    assert "It calls tools." in page
    assert "Conversations are kept (sqlite)." in page
    assert "does not work" not in page
    assert emulator.key not in page


async def test_who_signed_in_to_one_of_the_owners_pages_is_in_the_other_too(serve):
    async with httpx.AsyncClient(base_url=await serve(lambda _: iter(()))) as client:
        await client.post(USAGE, data={"token": TOKEN})
        assert (await client.get(DOCTOR)).status_code == 200
        await client.post(DOCTOR, data={"out": "1"})
        assert (await client.get(USAGE)).status_code == 401


@pytest.mark.parametrize(("has_doctor", "pages"), [(True, {"Usage", "Doctor"}), (False, {"Usage"})])
async def test_each_of_the_owners_pages_leads_to_all_that_there_are_and_to_the_chat(serve, has_doctor, pages):
    url = await serve((lambda _: iter(())) if has_doctor else None)
    async with httpx.AsyncClient(base_url=url, follow_redirects=True, timeout=PATIENCE) as client:

        async def links_of(page):
            found = re.findall(r'<a href="([^"?]*)"[^>]*>([^<]*)</a>', page.text)
            return {words: await client.get(page.url.join(path)) for path, words in found}

        linked = await links_of(await client.post(USAGE, data={"token": TOKEN}))
        assert linked.keys() == pages | {"Chat"}
        assert linked["Chat"].url.path == "/"
        assert {page.status_code for page in linked.values()} == {200}
        for each in pages:
            assert (await links_of(linked[each])).keys() == linked.keys()
