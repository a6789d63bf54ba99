"""The five lines of the operator's page, as a person sets them: limits, a password, numbers and usage."""

import asyncio
import os
import re
import subprocess
import sys

import httpx
import pytest

from tests.access.conftest import PASSWORD
from tests.support.app_process import ROOT, AppProcess
from tests.support.page_events import act, headers

pytestmark = pytest.mark.asyncio(loop_scope="session")

OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")


def lines_of_the_page() -> dict[str, str]:
    block = re.search(r"## Going public\n.*?```sh\n(.*?)```", OPERATING, re.DOTALL)[1]
    return dict(line.split("=", 1) for line in block.splitlines())


def hash_of(password: str) -> str:
    command = [sys.executable, "-m", "chatbot.hash_password"]
    done = subprocess.run(command, input=f"{password}\n", capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.strip().splitlines()[-1].removeprefix("CHATBOT_PASSWORD_HASH=")


@pytest.mark.timeout(900)
async def test_five_lines_are_limits_a_password_numbers_and_usage(tmp_path):
    lines = lines_of_the_page()
    assert len(lines) == 5
    lines |= {"CHATBOT_PASSWORD_HASH": hash_of(PASSWORD), "CHATBOT_VISITOR_MESSAGES": "1/day"}
    store = f"sqlite:///{tmp_path / 'chat.db'}"
    with AppProcess(tmp_path, {"CHATBOT_STORE_URL": store, **lines}) as process:
        owner = {"authorization": f"Bearer {lines['CHATBOT_OWNER_TOKEN']}"}
        async with httpx.AsyncClient(base_url=process.url, timeout=60) as client:
            assert (await client.get("/")).status_code == 401
            assert (await client.get("/metrics")).status_code == 401
            assert (await client.get("/owner/usage")).status_code == 401
            answer = await client.post("/sign-in", data={"password": PASSWORD, "next": "/"})
            assert answer.status_code == 303
            page = await client.get("/")
            assert page.status_code == 200
            async with client.stream("GET", "/chat/updates", headers=headers("a page")) as updates:
                assert updates.status_code == 200
                told = updates.aiter_lines()
                await act(client, "send", ["hello"], "a page")
                while "tokens in" not in await anext(told):
                    pass
                await act(client, "send", ["and again"], "a page")
                while '"notices"' not in await anext(told):
                    pass
            numbers = (await client.get("/metrics", headers=owner)).text
            assert 'chatbot_refusals_total{kind="LimitError' in numbers
            assert "chatbot_tokens_total" in numbers
            usage = await client.get("/owner/usage", headers=owner)
            assert usage.status_code == 200
            assert "Demo endpoint" in usage.text
            assert (await client.get("/owner/doctor")).status_code == 401
            assert (await client.get("/owner/doctor", headers=owner)).status_code == 200
        command = [sys.executable, "-m", "chatbot.usage", "--by", "day"]
        known = {**os.environ, "CHATBOT_STORE_URL": store, "PYTHONPATH": str(ROOT)}
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, cwd=tmp_path, env=known)
        assert re.search(r"^all +1 +1 +0 ", done.stdout, re.MULTILINE)
