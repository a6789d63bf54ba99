"""What a question mentions of turns that the model is not sent, found by its words."""

from chatbot.conversation.recall.index import MOST_CHARACTERS, Mention, TurnIndex
from chatbot.conversation.recall.service import RecallService

__all__ = ["MOST_CHARACTERS", "Mention", "RecallService", "TurnIndex"]
