"""What a question mentions of turns that the model is not sent, found by its words."""

from chatbot.conversation.recall.index import MOST_CHARACTERS, Mention, Recall
from chatbot.conversation.recall.recollection import Recollection

__all__ = ["MOST_CHARACTERS", "Mention", "Recall", "Recollection"]
