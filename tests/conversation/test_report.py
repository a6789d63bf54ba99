"""What a document tells of a conversation: what was remembered at each turn, and nothing that is hidden or secret."""

import asyncio
from dataclasses import replace

import pytest

from chatbot.conversation import Inclusion, Options, Report, TransferBusyError, TurnMemory, Usage
from chatbot.conversation.bearer import hash_of
from chatbot.conversation.errors import ShareError
from chatbot.conversation.import_export import embedded, read, to_json
from chatbot.conversation.report import redacted
from chatbot.conversation.sharing import MAX_PAGE_BYTES, MAX_SHARES, Sharing, pack
from chatbot.redaction import remember
from tests.conversation.conversing import ask, service_of, talk


def whole(report: Report) -> Report:
    return report


KEY = "sk-planted-4f9a8b7c6d5e4f3a2b1c"


async def test_each_turn_comes_with_what_its_request_would_hold(service, model):
    conversation = await talk(service, model, "one", "two", "three", "four")
    conversation = await service.choose(conversation, Options(k=2))
    conversation = await service.set_memory(conversation, 1, TurnMemory.EXCLUDED)
    conversation = await service.set_memory(conversation, 0, TurnMemory.PINNED)
    report = await service.report(conversation, whole)
    assert [each.turn.question_text for each in report.turns] == ["one", "two", "three", "four"]
    remembered = [[turn.index for turn in each.plan.remembered] for each in report.turns]
    assert remembered == [[], [0], [0], [0, 2]]
    assert report.turns[3].plan.inclusion(1) is Inclusion.EXCLUDED
    # The next request is planned by the same function.
    assert report.turns[3].plan.k == (await service.view(conversation)).plan.k == 2


async def test_all_of_it_can_be_brought_in_again(service, model):
    conversation = await talk(service, model, "one <b>", "two </script>")
    conversation = await ask(service, model, conversation, "two again", at=1)
    report = await service.report(conversation, whole)
    json = await asyncio.to_thread(to_json, report.conversation, report.stored, report.data)
    assert "<" not in embedded(json).removeprefix("<script").removesuffix("</script>")
    page = f"<!doctype html><html><body><p>{'x' * 9}</p>{embedded(json)}</body></html>".encode()
    [again] = (await asyncio.to_thread(read, page, "grace", lambda: "new")).conversations
    assert again.stored == report.stored
    assert len(again.stored) == 3


async def test_neither_secrets_nor_what_the_owner_hides_is_told(service, model):
    remember(KEY)
    conversation = await ask(service, model, service.begin("ada"), f"my key is {KEY}", "Is it?")
    conversation = await service.choose(conversation, Options(system_prompt=f"Hush {KEY}", temperature=0.5))
    report = await service.report(conversation, whole, hidden={"temperature", "deployment", "details", "tokens"})
    json = await asyncio.to_thread(to_json, report.conversation, report.stored, report.data)
    assert KEY not in json
    assert KEY not in str(report.conversation)
    assert report.effective.system_prompt == "Hush ***"
    assert "my key is ***" in json
    options, turn = report.conversation.options, report.turns[0].turn
    assert (options.temperature, options.system_prompt) == (None, "Hush ***")
    assert (turn.deployment, turn.timing, turn.usage) == ("", None, None)
    assert report.conversation.usage == Usage(0, 0)
    told = await service.report(conversation, whole)
    assert (told.turns[0].turn.deployment, told.conversation.options.temperature) == ("test", 0.5)
    assert told.turns[0].turn.timing is not None


async def test_costs_alone_can_be_hidden(service, model, store):
    conversation = await talk(service, model, "one")
    stored = await store.everything(conversation.id)
    priced = [replace(each, turn=replace(each.turn, usage=Usage(3, 4, 0.5))) for each in stored]
    spent = replace(conversation, usage=Usage(3, 4, 0.5))
    known, [only] = await asyncio.to_thread(redacted, spent, priced, {"costs"})
    assert (known.usage, only.turn.usage) == (Usage(3, 4), Usage(3, 4))


async def test_one_report_of_each_visitor_at_once(service, model):
    conversation = await talk(service, model, "one")
    async with service._transfers.turn("ada"):
        with pytest.raises(TransferBusyError):
            await service.report(conversation, whole)


# -------------------------------------------------------------------------------------------------------------- links


@pytest.mark.parametrize(
    ("most", "periods"),
    [(0, []), (1, [1]), (3, [1, 3]), (7, [1, 7]), (30, [1, 7, 30]), (90, [1, 7, 30, 90]), (365, [1, 7, 30, 365])],
)
def test_a_link_is_open_for_as_long_as_is_allowed_and_no_longer(store, most, periods):
    sharing = Sharing(store.shares, most)
    assert list(sharing.periods) == periods
    for days in (0, 2, 10_000):
        with pytest.raises(ShareError, match="not_allowed"):
            sharing.expiry(days)


async def test_a_links_token_is_told_once_and_kept_as_a_hash(service, model, store, tmp_path):
    conversation = await talk(service, model, "hello")
    sharing = Sharing(store.shares, 7)
    made = await sharing.add(conversation, "<p>page</p>", sharing.expiry(7))
    assert len(made.token) == 43
    assert await sharing.page(made.token) == pack("<p>page</p>")
    assert await sharing.page(made.token[:-1] + "x") is None
    assert (await sharing.list("ada"))[0] == made.share
    kept = b"".join(each.read_bytes() for each in tmp_path.rglob("*") if each.is_file())
    assert made.token.encode() not in kept
    assert hash_of(made.token).encode() in kept
    # Switched off, it makes no links and shows none.
    off = Sharing(store.shares, 0)
    assert (await off.page(made.token), await off.list("ada")) == (None, [])
    await sharing.revoke("grace", made.share.id)
    assert await sharing.page(made.token) is not None
    await sharing.revoke("ada", made.share.id)
    assert await sharing.page(made.token) is None


async def test_links_and_what_they_show_have_an_end(service, model, store):
    conversation = await talk(service, model, "hello")
    sharing = Sharing(store.shares, 7)
    for _ in range(MAX_SHARES):
        await sharing.add(conversation, "page", sharing.expiry(1))
    with pytest.raises(ShareError, match="too_many"):
        await sharing.add(conversation, "page", sharing.expiry(1))
    for page in ("a" * 11 * MAX_PAGE_BYTES, "".join(chr(0x4E00 + n * 7919 % 20_000) for n in range(MAX_PAGE_BYTES))):
        with pytest.raises(ShareError, match="too_long"):
            await sharing.add(conversation, page, sharing.expiry(1))


async def test_a_temporary_conversation_is_not_shared(model, store):
    service = service_of(model, store, share_days=7)
    conversation = await ask(service, model, service.begin_temporary("ada"), "psst", "What?")
    with pytest.raises(ShareError, match="temporary"):
        await service.sharing.add(conversation, "page", service.sharing.expiry(1))
    await service.aclose()
