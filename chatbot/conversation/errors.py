"""What the service refuses to do: a kind, and what there is to say of it. The words are the page's.

ConversationError
├── MessageError                    there is nothing to send, or it cannot be sent
├── TextTooLongError                a text is longer than it may be
├── ApplicationRestartingError      no further answer is begun, for the application is about to end
├── ApplicationBusyError            too many answers are being written
├── OwnerBusyError                  too many of them are the asker's
├── OriginBusyError                 too many of them come from where the asker is
├── LimitError                      the asker, or where they are, used as much as they may for now
├── BudgetError                     everybody together did for today
├── BlobError                       a picture or file cannot be kept or read
│   ├── BlobTooLargeError           it is larger than one may be
│   ├── BlobSpaceError              its owner's would take more room than they may
│   └── BlobNotFoundError           it does not exist, or belongs to somebody else
├── StoreFullError                  a visitor keeps as much as one may
├── ShareError                      a conversation cannot be shared
├── TermsNotAcceptedError           the terms of use have to be accepted first
├── TransferBusyError               an export or import has to wait for another
├── UnreadableExportError           a file is no export of a conversation, or a broken one
├── DatabaseMovedError              the file of the database was removed or replaced
├── ConversationNotFoundError       it does not exist, or belongs to somebody else
├── ConversationBusyError           an answer is being written in it
│   └── AnswerUnsavedError          the last answer in it has still to be saved
├── ConversationConflictError       it went on somewhere else since it was last seen
├── ComparisonError                 there is nothing to be compared
└── TitleError                      no title could be found or taken
"""

from __future__ import annotations

from typing import Literal

from chatbot.conversation.turn import Value


class ConversationError(Exception):
    """The service cannot do what was asked.

    Args:
        reason: Which of several cases of the class it is; empty where there is one.
        data: What there is to say of it, by name.
    """

    def __init__(self, reason: str = "", **data: Value) -> None:
        super().__init__(reason)
        self.reason = reason
        self.data = data

    @property
    def kind(self) -> str:
        """The name of the class, with the reason behind a dot where there are several."""
        return ".".join(filter(None, (type(self).__name__, self.reason)))

    def __str__(self) -> str:
        data = ", ".join(f"{name}={value!r}" for name, value in self.data.items())
        return f"{self.kind} ({data})" if data else self.kind


def _megabytes(size: int) -> float:
    return round(size / 1e6, 1)


class MessageError(ConversationError):
    """There is nothing to send, or it cannot be sent."""

    def __init__(self, reason: Literal["empty", "half_character"]) -> None:
        super().__init__(reason)


class TextTooLongError(ConversationError):
    """A text is longer than it may be; nothing was done with it.

    Args:
        reason: Which text it is.
        length: Characters of it.
        most: Characters that it may have.
    """

    def __init__(
        self, reason: Literal["message", "system_prompt", "search", "title", "comment"], length: int, most: int
    ) -> None:
        super().__init__(reason, length=length, most=most)


class ApplicationRestartingError(ConversationError):
    """No further answer is begun: the application is about to end, and another process takes its place."""


class ApplicationBusyError(ConversationError):
    """The application writes as many answers as it may at once."""


class OwnerBusyError(ConversationError):
    """One visitor has as many answers written at once as one may have."""


class OriginBusyError(ConversationError):
    """As many answers are written at once for one network address as may be."""


LimitName = Literal["visitor_messages", "visitor_tokens", "address_messages", "address_tokens"]


class LimitError(ConversationError):
    """One visitor, or everybody at a network address, used as much as they may; nothing was written down.

    Args:
        reason: Whose limit it is, and of what.
        most: The limit.
        period: For how long it is: ``minute``, ``hour`` or ``day``.
        until: Seconds since 1970 when there is room again, if nothing else is asked for.
    """

    def __init__(self, reason: LimitName, most: int, period: str, until: float) -> None:
        super().__init__(reason, most=most, period=period, until=until)


class BudgetError(ConversationError):
    """All answers of this day together took as much as they may; nothing was written down.

    Args:
        until: Seconds since 1970 when there is room again.
    """

    def __init__(self, until: float) -> None:
        super().__init__(until=until)


class BlobError(ConversationError):
    """The bytes of a picture or file cannot be kept or read."""


class BlobTooLargeError(BlobError):
    """A picture or file is larger than one may be.

    Args:
        size: Bytes of it.
        most: Bytes that it may have.
    """

    def __init__(self, size: int, most: int) -> None:
        super().__init__(size=_megabytes(size), most=_megabytes(most))


class BlobSpaceError(BlobError):
    """The pictures and files of one owner would take more room than they may.

    Args:
        used: Bytes that they take.
        most: Bytes that they may take.
    """

    def __init__(self, used: int, most: int) -> None:
        super().__init__(used=_megabytes(used), most=_megabytes(most))


class BlobNotFoundError(BlobError):
    """The picture or file does not exist, or belongs to somebody else."""


class StoreFullError(ConversationError):
    """One visitor keeps as many conversations, or as much in them, as one may; nothing was added.

    Args:
        reason: What there is too much of; ``total`` is of everybody, ``temporary`` of what is kept in memory only.
        data: ``most`` is the limit: conversations, or megabytes.
    """

    def __init__(self, reason: Literal["conversations", "size", "total", "temporary"], **data: Value) -> None:
        super().__init__(reason, **data)


class ShareError(ConversationError):
    """A conversation cannot be shared.

    Args:
        reason: Why.
        data: ``most`` is how many links one visitor may have.
    """

    def __init__(
        self, reason: Literal["not_allowed", "nothing_said", "temporary", "too_long", "too_many"], **data: Value
    ) -> None:
        super().__init__(reason, **data)


class TermsNotAcceptedError(ConversationError):
    """The terms of using the application have to be accepted first."""


class TransferBusyError(ConversationError):
    """An export or import has to wait for another to end."""


class UnreadableExportError(ConversationError):
    """A file is no export of a conversation, or a broken one; nothing of it was used.

    Args:
        reason: What is wrong with it.
        data: ``place``, ``line``, ``number``, ``index`` and ``version`` tell where; ``most`` and ``least`` are limits,
            ``tool`` is where it comes from, ``digest`` names a picture or file, ``file`` is the one
            within a ZIP that it is about.
    """

    def __init__(
        self,
        reason: Literal[
            # Of the file.
            "file_too_large",
            "other_tool",
            "not_utf8",
            "not_json",
            "nested_too_deep",
            "value_too_long",
            "too_many_values",
            "not_an_export",
            "newer_version",
            "unknown_version",
            # Of a ZIP file.
            "too_many_files",
            "damaged_zip",
            "no_conversation",
            "too_many_conversations",
            "unpacked_too_large",
            # Of another tool's file, and of a page.
            "nothing_said",
            "page_without_conversation",
            # Of a value in it.
            "missing",
            "not_in_format",
            "not_text",
            "half_character",
            "text_too_long",
            "nul_character",
            "not_a_whole_number",
            "not_a_number",
            "not_a_boolean",
            "not_a_list",
            "not_an_object",
            "not_a_plain_value",
            "not_one_of",
            "too_small",
            "too_large",
            "too_many_entries",
            "unknown_type",
            "unreadable",
            # Of what its turns are together.
            "turn_twice",
            "failure_mismatch",
            "shown_twice",
            "no_parent",
            "turn_missing",
            "path_broken",
            "text_mismatch",
            # Of its pictures and files.
            "not_base64",
            "blob_too_large",
            "blob_changed",
            "blob_missing",
            "blobs_unused",
        ],
        **data: Value,
    ) -> None:
        super().__init__(reason, **data)


class DatabaseMovedError(ConversationError):
    """The file of the database was removed or replaced while it was open: what is written to it would be lost."""


class ConversationNotFoundError(ConversationError):
    """The conversation does not exist, or belongs to somebody else."""


class ConversationBusyError(ConversationError):
    """An answer is being written in this conversation."""


class AnswerUnsavedError(ConversationBusyError):
    """The last answer in this conversation has ended, and could not be saved yet."""


class ConversationConflictError(ConversationError):
    """The conversation went on somewhere else since it was last seen."""


class ComparisonError(ConversationError):
    """A question cannot be asked twice; nothing was asked.

    Args:
        reason: Why: what is to answer beside is not there for whoever asks, both would be asked alike, or the owner of
            the application does not want it.
    """

    def __init__(self, reason: Literal["not_available", "alike", "locked"]) -> None:
        super().__init__(reason)


class TitleError(ConversationError):
    """No title could be found or taken.

    Args:
        reason: Why.
        data: ``seconds`` that were waited; of a model that failed the ``cause``, a :attr:`Failure.kind`, and its own
            words as ``detail``.
    """

    def __init__(
        self,
        reason: Literal[
            "empty",
            "already_looking",
            "nothing_to_name",
            "none_found",
            "too_slow",
            "model_failed",
            "model_failed_unquoted",
            "unexpected",
        ],
        **data: Value,
    ) -> None:
        super().__init__(reason, **data)
