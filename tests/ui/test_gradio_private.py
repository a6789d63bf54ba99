"""What the page takes from Gradio's private ground: it does not start on a Gradio that has moved it, and says what."""

import asyncio
import subprocess
import sys
from types import SimpleNamespace

import gradio as gr
import pytest
import pytest_asyncio

from chatbot.ui.gradio_private import MovedError, built_without_apps, check
from tests.support.app_process import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def page():
    """What the check looks at, as this version of Gradio has it."""
    with gr.Blocks(analytics_enabled=False) as blocks:
        gr.Button().click(lambda: None, api_name="chat")
    blocks.queue()
    queue = SimpleNamespace(**vars(blocks._queue))
    return SimpleNamespace(config=dict(blocks.config), fns=dict(blocks.fns), _queue=queue, app=blocks.app)


async def test_this_version_has_all_of_it(page):
    check(page)


@pytest.mark.parametrize("config", [{}, None])
async def test_a_heartbeat_that_is_opened_in_another_way_is_named(page, config):
    page.config = config
    with pytest.raises(MovedError, match=r"moved .*: Blocks\.config\['connect_heartbeat'\] \([^)]*\)\.$"):
        check(page)


@pytest.mark.parametrize("functions", [{}, None, {0: object()}])
async def test_functions_that_are_kept_elsewhere_are_named(page, functions):
    page.fns = functions
    with pytest.raises(MovedError, match=r"moved .*: Blocks\.fns \([^)]*\)\.$"):
        check(page)


@pytest.mark.parametrize("name", ["pending_messages_per_session", "pending_event_ids_session", "event_ids_to_events"])
async def test_a_part_of_the_queue_that_has_gone_is_named(page, name):
    delattr(page._queue, name)
    with pytest.raises(MovedError, match=rf"moved .*: Blocks\._queue\.{name} \([^)]*\)\.$"):
        check(page)


async def test_all_that_has_moved_is_named_at_once(page):
    del page._queue, page.config, page.app
    with pytest.raises(MovedError) as told:
        check(page)
    assert str(told.value).count("Blocks.") == 7
    assert gr.__version__ in str(told.value)


async def test_what_makes_a_pages_application_must_be_there_to_be_kept_from_it(page, monkeypatch):
    monkeypatch.delattr(gr.blocks, "App")
    with built_without_apps():
        pass
    with pytest.raises(MovedError, match=r"moved .*: blocks\.App\.create_app \([^)]*\)\.$"):
        check(page)


async def test_a_page_that_is_built_makes_no_application(monkeypatch):
    made = []
    monkeypatch.setattr(gr.blocks.App, "create_app", lambda *_, **__: made.append("one"))
    with built_without_apps():
        with gr.Blocks(analytics_enabled=False) as blocks:
            gr.Button()
        blocks.queue()
    assert made == []
    with gr.Blocks(analytics_enabled=False):
        gr.Button()
    assert made != [], "Gradio makes none at all by now"


IMPORT = """
import ast, inspect
before, parsed, get = inspect.getfile, [], ast.get_source_segment
ast.get_source_segment = lambda code, node: parsed.append(node.name) or get(code, node)
import chatbot.ui
print(*parsed, inspect.getfile is before)
"""


@pytest.mark.slow
async def test_importing_gradio_does_not_bring_the_stubs_of_its_components_up_to_date():
    command = [sys.executable, "-c", IMPORT]
    done = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=False)
    # Those of a page it does, when ours is imported: it has not become another function.
    assert set(done.stdout.split()) == {"BlocksEvents", "True"}, done.stderr


@pytest.mark.parametrize(
    ("owner", "name"), [(gr.ChatInterface, "_setup_events"), (gr.Blocks, "_is_running_in_reload_thread")]
)
async def test_a_method_that_is_overridden_must_be_there_to_be(page, monkeypatch, owner, name):
    monkeypatch.delattr(owner, name)
    with pytest.raises(MovedError, match=rf"moved .*: {owner.__name__}\.{name} \([^)]*\)\.$"):
        check(page)
