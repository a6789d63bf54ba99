"""How answers come about: each is asked for, grows where anybody can follow it, and is kept as it ended."""

from chatbot.conversation.answers.answer import MAX_SAVING_SECONDS
from chatbot.conversation.answers.answering import MAX_ANSWER_SECONDS, MAX_ANSWERS, Answering
from chatbot.conversation.answers.generation import Generation

__all__ = ["MAX_ANSWERS", "MAX_ANSWER_SECONDS", "MAX_SAVING_SECONDS", "Answering", "Generation"]
