"""A request in the form that its endpoint takes: without what it refused of it, or with that under another name.

Reasoning models refuse one parameter at a time, so a request may be mended several times. What helped is remembered for
the next requests, so that it is paid for once and not with every turn of a conversation.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage, merge_message_runs

from chatbot.azureml.errors import AzureMLInvalidRequestError

MAX_REPAIRS: Final = 6
"""Requests that are sent for one call because the ones before were refused."""

REMEMBERED_SECONDS: Final = 3600.0
"""A deployment may get another model under the same name."""

MAX_REMEMBERED: Final = 64
"""For one model: values that are refused one by one could be any number."""

_NEVER_DROPPED: Final = frozenset({"messages", "model", "stream", "tools", "tool_choice", "response_format"})
"""What an answer would be wrong without is never left out to please the server."""

_OTHER_NAMES: Final = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_NEEDS: Final = {"top_logprobs": "logprobs"}

_SYSTEM_ROLE: Final = "messages[].role"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that an endpoint does not take.

    Attributes:
        name: A parameter of the request, or the system role.
        of_value: The parameter is known, and this ``value`` of it refused.
        supported: The one number that it takes, where that is known: any other is then refused.
    """

    name: str
    of_value: bool = False
    value: Any = None
    supported: float | None = None

    def covers(self, value: Any) -> bool:
        """Whether the parameter is refused with this value."""
        if not self.of_value:
            return True
        if self.supported is not None and isinstance(value, int | float) and not isinstance(value, bool):
            return value != self.supported
        return bool(type(value) is type(self.value) and value == self.value)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A request as it is sent.

    Attributes:
        dropped: Parameters that were asked for and are left out.
        renamed: Parameters that go under another name, with it.
        folded: The system prompt went into the first question.
    """

    messages: list[BaseMessage]
    parameters: Mapping[str, Any]
    dropped: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    folded: bool = False


@dataclass(frozen=True, slots=True)
class RepairableRequest:
    """A request as it is wanted, and what its endpoint is known to refuse.

    Attributes:
        known: Remembered from earlier requests.
        learned: Refused of this one.
        repairs: How often it was mended.
    """

    messages: list[BaseMessage]
    parameters: Mapping[str, Any]
    known: tuple[Refusal, ...] = ()
    learned: tuple[Refusal, ...] = ()
    repairs: int = 0

    def fitted(self) -> Fitted:
        """Return the form to send."""
        refusals = self.known + self.learned
        if not refusals:
            return Fitted(self.messages, self.parameters)
        parameters, dropped, renamed = dict(self.parameters), list[str](), list[tuple[str, str]]()
        names = {each.name for each in refusals if not each.of_value}
        for each in refusals:
            if each.name not in parameters or not each.covers(parameters[each.name]):
                continue
            value = parameters.pop(each.name)
            other = _OTHER_NAMES.get(each.name)
            if other and not each.of_value and other not in names | parameters.keys():
                parameters[other] = value
                renamed.append((each.name, other))
            else:
                dropped.append(each.name)
        for name, needed in _NEEDS.items():
            if needed in dropped and parameters.pop(name, None) is not None:
                dropped.append(name)
        messages = _without_system_role(self.messages) if _SYSTEM_ROLE in names else self.messages
        return Fitted(messages, parameters, tuple(dropped), tuple(renamed), messages is not self.messages)

    def repaired(self, error: AzureMLInvalidRequestError) -> RepairableRequest | None:
        """Return the request as it may be taken after it was refused so; None where there is nothing to mend."""
        fitted = self.fitted()
        found = _refusals(error, fitted.parameters)
        if not found or self.repairs >= MAX_REPAIRS:
            return None
        # Another deployment may answer at the same address, which knows a limit by its other name.
        outdated = {_OTHER_NAMES.get(each.name) for each in found}
        known = tuple(each for each in self.known if each.name not in outdated)
        repaired = replace(self, known=known, learned=self.learned + found, repairs=self.repairs + 1)
        return None if repaired.fitted() == fitted else repaired


def _refusals(error: AzureMLInvalidRequestError, sent: Mapping[str, Any]) -> tuple[Refusal, ...]:
    if error.refuses_system_role:
        return (Refusal(_SYSTEM_ROLE),)
    spelled = {_spelled(name): name for name in sent}
    names = [spelled[spelling] for name in error.refused_parameters if (spelling := _spelled(name)) in spelled]
    if not _NEVER_DROPPED.isdisjoint(names):
        return ()
    if error.refuses_value:
        return tuple(Refusal(name, True, sent[name], error.supported_value) for name in names)
    return tuple(Refusal(name) for name in names)


def _spelled(name: str) -> str:
    """Some servers write names as their own language does: ``presencePenalty``."""
    return name.replace("_", "").lower()


def _without_system_role(messages: list[BaseMessage]) -> list[BaseMessage]:
    """Move the system prompts at the front into the first question; one that stands alone becomes the question."""
    count = next((at for at, each in enumerate(messages) if not isinstance(each, SystemMessage)), len(messages))
    if not count:
        return messages
    first = [HumanMessage(each.content) for each in messages[:count]]
    if count < len(messages) and isinstance(messages[count], HumanMessage):
        first, count = [*first, HumanMessage(messages[count].content)], count + 1
    return [*merge_message_runs(first, chunk_separator="\n\n"), *messages[count:]]


@dataclass(slots=True)
class RefusalMemory:
    """What endpoints were found to refuse, each by a key that names the model behind it; safe in threads.

    Nothing is changed in place, so whoever reads needs no lock.
    """

    clock: Callable[[], float] = time.monotonic
    _known: dict[Hashable, tuple[float, tuple[Refusal, ...]]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self._known)

    def known(self, key: Hashable) -> tuple[Refusal, ...]:
        """Return what the model is known to refuse."""
        since, refusals = self._known.get(key, (0.0, ()))
        return refusals if self.clock() - since < REMEMBERED_SECONDS else ()

    def learn(self, key: Hashable, request: RepairableRequest) -> None:
        """Remember and log, once, what a request that was answered had to do without."""
        known = self.known(key)
        new = tuple(each for each in request.learned if each not in known)
        if not new:
            return
        outdated = {_OTHER_NAMES.get(each.name) for each in new if not each.of_value} - {each.name for each in new}
        kept = tuple(each for each in known if each.name not in outdated)
        self._known[key] = self.clock(), (*kept, *new)[-MAX_REMEMBERED:]
        _log_changes(request.fitted(), {each.name for each in new})


def _log_changes(fitted: Fitted, new: set[str]) -> None:
    needed = new | {name for name, needs in _NEEDS.items() if needs in new}
    if dropped := [name for name in fitted.dropped if name in needed]:
        _log.warning("The endpoint takes no %s: the request is repeated without.", ", ".join(dropped))
    for name, other in fitted.renamed:
        if name in new:
            _log.warning("The endpoint takes no %s: it is sent as %s.", name, other)
    if fitted.folded and _SYSTEM_ROLE in new:
        _log.warning("The endpoint takes no system role: the system prompt goes into the first question.")
