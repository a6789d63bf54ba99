"""Who gets at a conversation: its owner, and to change it, whoever has seen it as it stands."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chatbot.conversation.errors import (
    ConversationBusyError,
    ConversationConflictError,
    ConversationNotFoundError,
)
from chatbot.conversation.store import AnsweringError, ConversationStore, RevisionError
from chatbot.conversation.turn import Conversation


async def load_owned(store: ConversationStore, conversation: Conversation) -> Conversation:
    """Return the conversation as it stands now; one that has not begun as it is.

    Raises:
        ConversationNotFoundError: It is gone, or not the owner's.
    """
    found = await store.get(conversation.id)
    if found is None:
        if conversation.revision:
            raise ConversationNotFoundError
        return conversation
    if found.owner != conversation.owner:
        raise ConversationNotFoundError
    return found


@asynccontextmanager
async def expect_revision(store: ConversationStore, conversation: Conversation) -> AsyncIterator[Conversation]:
    """The conversation as it is stored, for one change of it by somebody who has seen it so; raises as what follows."""
    now = await load_owned(store, conversation)
    if now.revision != conversation.revision:
        raise ConversationConflictError
    async with at_revision(store, conversation):
        yield now


@asynccontextmanager
async def at_revision(store: ConversationStore, conversation: Conversation) -> AsyncIterator[None]:
    """One change of a conversation by a step of the store that compares its revision, and its owner.

    Raises:
        ConversationBusyError: An answer is being written in it.
        ConversationConflictError: It went on since it was last seen.
        ConversationNotFoundError: It is gone, or not the owner's.
    """
    try:
        yield
    except RevisionError:
        await load_owned(store, conversation)
        raise ConversationConflictError from None
    except AnsweringError:
        raise ConversationBusyError from None
