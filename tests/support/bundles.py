"""Exports of several conversations."""

from collections.abc import Iterable, Sequence

from chatbot.conversation import Conversation
from chatbot.conversation.import_export import Bundle
from chatbot.conversation.store import StoredTurn
from tests.support.document_words import WORDS


def bundle_of(conversations: Iterable[tuple[Conversation, Sequence[StoredTurn]]]) -> bytes:
    bundle = Bundle(WORDS)
    for conversation, stored in conversations:
        bundle.add(conversation, stored)
    return bundle.packed()
