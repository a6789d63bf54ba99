"""How answers come about: each is asked for, grows where anybody can follow it, and is kept as it ended."""

from chatbot.conversation.generation.generation import Generation
from chatbot.conversation.generation.manager import MAX_ANSWER_SECONDS, MAX_ANSWERS, GenerationManager
from chatbot.conversation.generation.task import MAX_SAVING_SECONDS

__all__ = ["MAX_ANSWERS", "MAX_ANSWER_SECONDS", "MAX_SAVING_SECONDS", "Generation", "GenerationManager"]
