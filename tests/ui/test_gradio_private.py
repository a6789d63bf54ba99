"""What the page takes from Gradio's private ground: it does not start on a Gradio that has moved it, and says what."""

from types import SimpleNamespace

import gradio as gr
import pytest
import pytest_asyncio

from chatbot.ui.gradio_private import MovedError, check

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def page():
    """What the check looks at, as this version of Gradio has it."""
    with gr.Blocks(analytics_enabled=False) as blocks:
        gr.Button().click(lambda: None, api_name="chat")
    blocks.queue()
    queue = SimpleNamespace(**vars(blocks._queue))
    return SimpleNamespace(config=dict(blocks.config), fns=dict(blocks.fns), _queue=queue)


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
    del page._queue, page.config
    with pytest.raises(MovedError) as told:
        check(page)
    assert str(told.value).count("Blocks.") == 5
    assert gr.__version__ in str(told.value)


@pytest.mark.parametrize(
    ("owner", "name"), [(gr.ChatInterface, "_setup_events"), (gr.Blocks, "_is_running_in_reload_thread")]
)
async def test_a_method_that_is_overridden_must_be_there_to_be(page, monkeypatch, owner, name):
    monkeypatch.delattr(owner, name)
    with pytest.raises(MovedError, match=rf"moved .*: {owner.__name__}\.{name} \([^)]*\)\.$"):
        check(page)
