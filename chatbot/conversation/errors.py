"""What the service refuses to do, in words for the person who asked.

ConversationError
├── MessageError                    there is nothing to send, or it cannot be sent
├── TextTooLongError                a text is longer than it may be
├── ApplicationBusyError            too many answers are being written
├── OwnerBusyError                  too many of them are the asker's
├── OriginBusyError                 too many of them come from where the asker is
├── TransferBusyError               an export or import has to wait for another
├── DatabaseMovedError              the file of the database was removed or replaced
├── ConversationNotFoundError       it does not exist, or belongs to somebody else
├── ConversationBusyError           an answer is being written in it
│   └── AnswerUnsavedError          the last answer in it has still to be saved
├── ConversationConflictError       it went on somewhere else since it was last seen
└── TitleError                      no title could be found or taken
"""

from __future__ import annotations

from typing import Literal


class ConversationError(Exception):
    """The service cannot do what was asked; the message says why, in words for the person who asked."""


class MessageError(ConversationError):
    """There is nothing to send, or it cannot be sent."""


class TextTooLongError(ConversationError):
    """A text is longer than it may be; nothing was done with it.

    Args:
        part: Which text it is.
        length: Characters of it.
        most: Characters that it may have.
    """

    def __init__(self, part: Literal["message", "system_prompt", "search"], length: int, most: int) -> None:
        self.part = part
        self.length = length
        self.most = most
        name = part.replace("_", " ")
        super().__init__(f"The {name} has {length:,} characters, and may have {most:,}. Shorten it and try again.")


class ApplicationBusyError(ConversationError):
    """The application writes as many answers as it may at once."""

    def __init__(self) -> None:
        super().__init__(
            "Many questions are being answered right now. Try again in about ten seconds; your message is still here."
        )


class OwnerBusyError(ConversationError):
    """One visitor has as many answers written at once as one may have."""

    def __init__(self) -> None:
        super().__init__(
            "Many answers to your questions are still being written. Stop one of them, or wait for the end of one; "
            "your message is still here."
        )


class OriginBusyError(ConversationError):
    """As many answers are written at once for one network address as may be."""

    def __init__(self) -> None:
        super().__init__(
            "Very many answers are being written for your network address. Try again in about ten seconds; your "
            "message is still here."
        )


class TransferBusyError(ConversationError):
    """An export or import has to wait for another to end."""

    def __init__(self) -> None:
        super().__init__("Another export or import is still running. Wait until it is done, then try again.")


class DatabaseMovedError(ConversationError):
    """The file of the database was removed or replaced while it was open: what is written to it would be lost."""

    def __init__(self) -> None:
        super().__init__(
            "Nothing can be saved: the file of the database was removed or replaced while this application was "
            "running. Whoever runs it has to put it back, or restart the application. Your message is still here."
        )


class ConversationNotFoundError(ConversationError):
    """The conversation does not exist, or belongs to somebody else."""

    def __init__(self) -> None:
        super().__init__("This conversation is not here any more. Start a new one; what is in the box stays there.")


class ConversationBusyError(ConversationError):
    """An answer is being written in this conversation."""

    def __init__(
        self, message: str = "An answer is still being written in this conversation. Stop it, or wait for its end."
    ) -> None:
        super().__init__(message)


class AnswerUnsavedError(ConversationBusyError):
    """The last answer in this conversation has ended, and could not be saved yet."""

    def __init__(self) -> None:
        super().__init__(
            "The last answer here cannot be saved yet, and this is tried again and again. Wait until it is saved; your "
            "message is still here."
        )


class ConversationConflictError(ConversationError):
    """The conversation went on somewhere else since it was last seen."""

    def __init__(self) -> None:
        super().__init__(
            "This conversation has moved on since this page last showed it, so nothing was sent or changed. Here is "
            "how it stands now: try again if it still fits."
        )


class TitleError(ConversationError):
    """No title could be found or taken."""
