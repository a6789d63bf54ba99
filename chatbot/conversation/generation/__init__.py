"""How answers come about: each is asked for, grows where anybody can follow it, and is kept as it ended."""

from chatbot.conversation.generation.admission import MAX_ANSWERS
from chatbot.conversation.generation.cached import AnswerCache
from chatbot.conversation.generation.generation import Generation
from chatbot.conversation.generation.listener import GenerationListener, Listeners
from chatbot.conversation.generation.manager import MAX_ANSWER_SECONDS, MAX_QUESTION, GenerationManager
from chatbot.conversation.generation.task import MAX_SAVING_SECONDS

__all__ = [
    "MAX_ANSWERS",
    "MAX_ANSWER_SECONDS",
    "MAX_QUESTION",
    "MAX_SAVING_SECONDS",
    "AnswerCache",
    "Generation",
    "GenerationListener",
    "GenerationManager",
    "Listeners",
]
