"""Conversations as files in the browser, and long ones, which are drawn a piece at a time."""

import json
import zipfile
from pathlib import Path

import pytest
from playwright.async_api import Download, expect

from tests.support.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def saved(visitor: Visitor, label: str) -> Download:
    """Press an export button; return the file the browser was given."""
    button = visitor.page.get_by_role("button", name=label)
    if not await button.is_visible():
        await visitor.page.get_by_text("Export and import").click()
    async with visitor.page.expect_download() as download:
        await button.click()
    return await download.value


async def import_file(visitor: Visitor, file: Path) -> None:
    button = visitor.page.get_by_role("button", name="Import…")
    if not await button.is_visible():
        await visitor.page.get_by_text("Export and import").click()
    async with visitor.page.expect_file_chooser() as chooser:
        await button.click()
    await (await chooser.value).set_files(file)


def long_conversation(folder: Path, turns: int) -> Path:
    file = folder / "long.json"
    shown = [
        {
            "index": index,
            "version": 0,
            "parent": 0 if index else None,
            "shown": True,
            "user": f"question {index + 1}",
            "assistant": f"answer {index + 1}",
            "status": "complete",
        }
        for index in range(turns)
    ]
    file.write_text(json.dumps({"format": "chatbot-conversation", "version": 1, "title": "A long one", "turns": shown}))
    return file


async def test_a_conversation_is_saved_and_another_browser_reads_it(demo_app, visit, tmp_path):
    async with visit(demo_app.url) as ada:
        await ada.ask("My name is Ada")
        await ada.ask("show me a table")
        await ada.mark(1, "Pin")
        await expect(ada.planned(1)).to_contain_text("pinned")
        markdown = await saved(ada, "This chat as Markdown")
        assert markdown.suggested_filename == "My name is Ada.md"
        await markdown.save_as(tmp_path / "ada.md")
        text = (tmp_path / "ada.md").read_text(encoding="utf-8")
        assert "My name is Ada" in text
        assert "show me a table" in text
        exported = await saved(ada, "This chat as JSON")
        assert exported.suggested_filename == "My name is Ada.json"
        await exported.save_as(tmp_path / "ada.json")
    async with visit(demo_app.url) as grace:
        await import_file(grace, tmp_path / "ada.json")
        await expect(grace.titles).to_have_text(["My name is Ada"])
        await expect(grace.questions).to_have_text(["My name is Ada", "show me a table"])
        await expect(grace.page.locator("#chat table")).to_be_visible()
        await expect(grace.planned(1)).to_contain_text("pinned")
        assert "Ada" in await grace.ask("what is my name?")


async def test_everything_is_saved_and_brought_in_again(demo_app, visit, tmp_path):
    async with visit(demo_app.url) as visitor:
        await visitor.ask("first things first")
        await visitor.new_chat()
        await visitor.ask("second thoughts: äöü 漢字")
        bundle = await saved(visitor, "All chats")
        await bundle.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert sorted(Path(name).suffix for name in archive.namelist()) == [".json", ".json", ".md", ".md"]
    async with visit(demo_app.url) as visitor:
        await import_file(visitor, tmp_path / "all.zip")
        await expect(visitor.titles).to_have_count(2)
        await expect(visitor.page.locator("#conversations")).to_contain_text("second thoughts: äöü 漢字")


async def test_what_is_no_export_is_refused_in_words(demo_app, visit, tmp_path):
    (tmp_path / "wrong.json").write_text('{"format": "something else"}')
    async with visit(demo_app.url) as visitor:
        await visitor.ask("hello")
        await import_file(visitor, tmp_path / "wrong.json")
        await expect(visitor.toast).to_be_visible()
        await expect(visitor.titles).to_have_text(["hello"])
        await expect(visitor.questions).to_have_text(["hello"])


async def test_there_is_nothing_to_export_before_the_first_message(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.page.get_by_text("Export and import").click()
        await visitor.page.get_by_role("button", name="This chat as JSON").click()
        await expect(visitor.toast).to_contain_text("nothing to export yet")


async def test_a_long_chat_is_drawn_a_piece_at_a_time(demo_app, visit, tmp_path):
    async with visit(demo_app.url) as visitor:
        await import_file(visitor, long_conversation(tmp_path, 50))
        await expect(visitor.questions).to_have_count(20)
        await expect(visitor.questions.first).to_have_text("question 31")
        await expect(visitor.answers).to_have_count(20)
        await visitor.show_earlier("Show earlier (30 turns above)")
        await expect(visitor.questions).to_have_count(40)
        await expect(visitor.questions.first).to_have_text("question 11")
        await visitor.show_earlier("Show earlier (10 turns above)")
        await expect(visitor.questions).to_have_count(50)
        await expect(visitor.page.locator("#chat .earlier")).to_have_count(0)
        await visitor.open("A long one")
        await expect(visitor.questions).to_have_count(20)
        await visitor.say("one more")
        await expect(visitor.questions.last).to_have_text("one more")
        await visitor.settled()
        await expect(visitor.questions).to_have_count(20)
        await expect(visitor.memory).to_have_text("Remembering turns 47–51 of 51")


async def test_an_early_question_can_be_edited_below_what_is_not_drawn(demo_app, visit, tmp_path):
    async with visit(demo_app.url) as visitor:
        await import_file(visitor, long_conversation(tmp_path, 25))
        await expect(visitor.questions).to_have_count(20)
        await visitor.edit_question(2, "repeat in other words")
        await expect(visitor.questions.last).to_have_text("repeat in other words")
        await visitor.settled()
        await expect(visitor.memory).to_have_text("Remembering turns 3–7 of 7")
        await expect(visitor.questions).to_have_count(7)
