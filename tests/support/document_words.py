"""What a document says in tests of the conversation, which know no page: kinds and data as they are."""

from collections.abc import Sequence

from chatbot.conversation import Turn
from chatbot.conversation.parts import Part


class PlainWords:
    """The words of an exported document, without a language."""

    untitled = "Untitled"
    answer = "Answer:"
    source = "Source"

    def turn(self, number: int) -> str:
        return f"Turn {number}"

    def part(self, part: Part) -> str:
        return type(part).__name__

    def remarks(self, turn: Turn) -> Sequence[str]:
        about = [*turn.notices, *([turn.failure] if turn.failure else [])]
        return [f"{each.kind} {dict(each.data)}" for each in about] + [f"{turn.status}."]


WORDS = PlainWords()
