"""What the store's tests say to it."""

from dataclasses import replace

from chatbot.conversation.parts import text_parts
from chatbot.conversation.store import ConversationStore
from chatbot.conversation.turn import Conversation, Turn, TurnStatus


def ended(turn: Turn, answer: str = "answer", status: TurnStatus = TurnStatus.COMPLETE, **values) -> Turn:
    return replace(turn, answer=text_parts(answer), status=status, **values)


async def begin(store: ConversationStore, conversation: Conversation, index: int, text: str) -> tuple[Turn, int]:
    """A question that is written down: its turn, and the conversation's revision."""
    begun = await store.begin(conversation, index, text)
    return begun.turn, begun.conversation.revision


async def say(store: ConversationStore, conversation: Conversation, index: int, text: str, **values) -> Conversation:
    """A whole turn; the conversation at the revision that it leads to."""
    turn, revision = await begin(store, conversation, index, text)
    assert await store.end(conversation.id, ended(turn, f"answer to {text}", **values))
    return replace(conversation, revision=revision)


async def talk(store: ConversationStore, *texts: str, name: str = "c1", owner: str = "ada") -> Conversation:
    conversation = Conversation(name, owner, title=texts[0])
    for index, text in enumerate(texts):
        conversation = await say(store, conversation, index, text)
    return conversation


async def texts(store: ConversationStore, name: str = "c1") -> list[str]:
    return [turn.question_text for turn in await store.turns(name)]
