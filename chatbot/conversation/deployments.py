"""Who answers: the deployments that can be asked, and one of them as a conversation asks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel

from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.context.learned import Learned
from chatbot.conversation.context.memory import WindowMemory
from chatbot.conversation.options import OPTIONS, PARAMETERS, Options
from chatbot.conversation.turn import Conversation, Turn, Usage


class Limits(NamedTuple):
    """What a number may be that a visitor chooses, both ends included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Prices:
    """What a million tokens cost, read and written, in whatever currency."""

    input: float
    output: float

    def of(self, usage: Usage) -> float:
        """Return what these tokens cost."""
        return (usage.input_tokens * self.input + usage.output_tokens * self.output) / 1_000_000


@dataclass(frozen=True, slots=True)
class Deployment:
    """A chat model that can be asked.

    Attributes:
        name: What people call it; no two have the same.
        model: Any LangChain chat model.
        memory: What it remembers, unless a conversation chose otherwise; knows its token counts.
        parameters: Any of :data:`~chatbot.conversation.options.PARAMETERS`, for every request that chose nothing else.
        prices: Where they are known.
        learned: What its replies taught.
    """

    name: str
    model: BaseChatModel
    memory: WindowMemory
    parameters: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    prices: Prices | None = None
    learned: Learned = field(default_factory=Learned, compare=False)

    @property
    def limits(self) -> Mapping[str, Limits]:
        """What a visitor may choose, by the name of the option: no longer an answer than the owner set."""
        limits = {name: Limits(option.low, option.high) for name, option in OPTIONS.items() if option.is_number}
        own = {
            "max_tokens": self.parameters.get("max_tokens") or limits["max_tokens"].high,
            "k": max(limits["k"].high, self.memory.k),
        }
        return {name: Limits(low, own.get(name, high)) for name, (low, high) in limits.items()}

    def within_limits(self, options: Options) -> Options:
        """Return the options as they count: a number at its nearest limit, and no system prompt that is too long."""
        chosen = {name: getattr(options, name) for name in self.limits}
        kept: dict[str, Any] = {
            name: min(max(chosen[name], limits.low), limits.high)
            for name, limits in self.limits.items()
            if chosen[name] is not None
        }
        if len(options.system_prompt or "") > OPTIONS["system_prompt"].most:
            kept["system_prompt"] = None
        return replace(options, **kept)


@dataclass(frozen=True, slots=True)
class EffectiveOptions:
    """A deployment as one conversation asks it: its own values, but for the options that were chosen."""

    deployment: Deployment
    options: Options
    conversation_id: str = ""

    @property
    def k(self) -> int:
        """How many earlier turns a request carries."""
        return self.deployment.memory.k if self.options.k is None else self.options.k

    @property
    def system_prompt(self) -> str:
        """What is sent first; empty is nothing."""
        chosen = self.options.system_prompt
        return self.deployment.memory.system_prompt if chosen is None else chosen

    @property
    def parameters(self) -> dict[str, Any]:
        """What a request is to tell the model beside its messages; :meth:`request_parameters` are what it does tell."""
        chosen = {name: getattr(self.options, name) for name in PARAMETERS}
        return {**self.deployment.parameters, **{name: value for name, value in chosen.items() if value is not None}}

    @property
    def lookback(self) -> int:
        """How many of the newest turns :meth:`plan` looks at."""
        return self.deployment.memory.lookback(self.k)

    def plan(self, turns: Sequence[Turn], text: str = "") -> ContextPlan:
        """Decide what the request holds that asks ``text`` after ``turns``."""
        learned = self.deployment.learned
        return self.deployment.memory.plan(
            turns,
            text,
            k=self.k,
            system_prompt=self.system_prompt,
            answer_tokens=self.options.max_tokens,
            counter=learned.counter(self.conversation_id),
            context_size=learned.context_size(self.conversation_id),
            most_answer_tokens=learned.most_answer_tokens(self.conversation_id),
        )

    def request_parameters(self, plan: ContextPlan) -> dict[str, Any]:
        """Return what the request of a plan tells the model: never of a longer answer than there is room for."""
        parameters, most = self.parameters, plan.most_answer_tokens
        if most is not None and parameters.get("max_tokens") is not None:
            parameters["max_tokens"] = min(parameters["max_tokens"], most)
        return parameters

    def priced(self, usage: Usage) -> Usage:
        """Return the usage with what it cost, where prices are known."""
        prices = self.deployment.prices
        return usage if prices is None else replace(usage, cost=prices.of(usage))


class Deployments(Mapping[str, Deployment]):
    """The deployments by name. The first answers where nobody chose, or what was chosen is not there any more.

    Args:
        deployments: At least one.
        locked: Names of options that visitors may not choose: whatever a conversation holds for them, be it
            from before or from an imported file, counts as not chosen.

    Raises:
        ValueError: There is none, or two have one name.
    """

    def __init__(self, *deployments: Deployment, locked: frozenset[str] = frozenset()) -> None:
        self._by_name = {each.name: each for each in deployments}
        if not deployments or len(self._by_name) < len(deployments):
            raise ValueError("deployments need a name each, and there must be one at least")
        self.first = deployments[0]
        self.locked = locked

    def effective(self, conversation: Conversation) -> EffectiveOptions:
        """Return who answers in a conversation, and how it is asked, within what its owner and everybody may choose."""
        options = replace(conversation.options, **dict.fromkeys(self.locked))
        deployment = self._by_name.get(options.deployment or "", self.first)
        return EffectiveOptions(deployment, deployment.within_limits(options), conversation.id)

    def __getitem__(self, name: str) -> Deployment:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)
