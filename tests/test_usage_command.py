"""``python -m chatbot.usage`` beside the running application: it tells what was used, and nothing that was said."""

import asyncio
import csv
import io
import json
import os
import subprocess
import sys

import httpx
import pytest

from chatbot.conversation import UsageLine
from chatbot.usage import table, write_csv
from tests.support.app_process import ROOT, AppProcess
from tests.support.page_events import act, headers

pytestmark = pytest.mark.timeout(360)

SECRET = "xylophone"


def usage(folder, *arguments, check=True):
    command = [sys.executable, "-m", "chatbot.usage", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=check)


async def one_answer(url):
    async with (
        httpx.AsyncClient(base_url=url, timeout=60) as client,
        client.stream("GET", "/chat/updates", headers=headers("a page", "ada")) as updates,
    ):
        assert await act(client, "send", [f"echo {SECRET}"], "a page", "ada") == 204
        async for line in updates.aiter_lines():
            if "rate 0 up" in line:  # what has ended can be rated
                break
        assert await act(client, "rate", ["0", "up"], "a page", "ada") == 204


def test_it_tells_what_was_used_while_the_application_runs_and_nothing_that_was_said(tmp_path):
    with AppProcess(tmp_path) as process:
        asyncio.run(one_answer(process.url))
        told = usage(tmp_path)
        lines = [json.loads(line) for line in usage(tmp_path, "--json", "--by", "deployment").stdout.splitlines()]
        visitors = list(csv.DictReader(io.StringIO(usage(tmp_path, "--csv", "--by", "visitor").stdout)))
    [line] = lines
    assert (line["deployment"], line["messages"], line["up"], line["errors"]) == ("Demo endpoint", 1, 1, {})
    assert line["input_tokens"] > 0 < line["output_tokens"]
    [visitor] = visitors
    assert (len(visitor["visitor"]), visitor["messages"]) == (12, "1")
    head, *_, total = told.stdout.splitlines()
    assert (head.split()[0], total.split()[0]) == ("day", "all")
    everything = told.stdout + told.stderr + json.dumps([lines, visitors])
    assert SECRET not in everything
    assert "ada" not in visitor["visitor"]


def test_what_it_cannot_do_it_says(tmp_path):
    refused = usage(tmp_path, "--days", "0", check=False)
    assert (refused.returncode, "--days is from 1 to" in refused.stderr) == (2, True)
    assert usage(tmp_path, "--by", "word", check=False).returncode == 2


def test_a_table_is_aligned_and_names_what_has_no_name():
    lines = [UsageLine("", messages=12_000, cost=1.5, errors={"ModelError": 2, "ModelTimeoutError": 1}), UsageLine("b")]
    head, first, second, total = table(lines, UsageLine("", messages=12_000), "deployment", "€").splitlines()
    assert first.split()[:3] == ["(none)", "0", "12,000"]
    assert first.endswith("ModelError 2, ModelTimeoutError 1")
    assert "€1.5000" in first
    assert "-" in second.split()
    column = head.index("messages") + len("messages")
    assert [row[:column].split()[-1] for row in (first, second, total)] == ["12,000", "0", "12,000"]


def test_a_name_is_no_formula_in_a_spreadsheet():
    out = io.StringIO()
    write_csv([UsageLine("=HYPERLINK(1)", errors={"K": 2})], "deployment", out)
    [line] = csv.DictReader(io.StringIO(out.getvalue()))
    assert (line["deployment"], line["errors"]) == ("'=HYPERLINK(1)", "K=2")
