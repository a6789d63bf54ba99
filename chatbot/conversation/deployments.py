"""Who answers: the deployments that can be asked, and one of them as a conversation asks it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple

from langchain_core.language_models import BaseChatModel

from chatbot.conversation.caller import Caller
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
        fallback: Names of those that stand in for it, the first to be asked first.
        vision: Whether it reads pictures.
        context_size: Tokens that it reads and writes together at most; None where that is not known beforehand.
        first_word_timeout: Seconds until the first word of an answer; None is no limit.
        answer_timeout: Seconds for an answer in all; None is as everywhere.
        allowed: Names of people and groups who may use it, nobody else sees or chooses it; none is everybody.
        learned: What its replies taught.
    """

    name: str
    model: BaseChatModel
    memory: WindowMemory
    parameters: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    prices: Prices | None = None
    fallback: tuple[str, ...] = ()
    vision: bool = True
    context_size: int | None = None
    first_word_timeout: float | None = None
    answer_timeout: float | None = None
    allowed: frozenset[str] = frozenset()
    learned: Learned = field(default_factory=Learned, compare=False)

    @property
    def limits(self) -> Mapping[str, Limits]:
        """What a visitor may choose, by the name of the option: no longer an answer or request than the owner set."""
        limits = {name: Limits(option.low, option.high) for name, option in OPTIONS.items() if option.is_number}
        own = {
            "max_tokens": self.parameters.get("max_tokens") or limits["max_tokens"].high,
            "k": max(limits["k"].high, self.memory.k),
            "token_budget": self.memory.max_tokens or limits["token_budget"].high,
        }
        return {name: Limits(low, own.get(name, high)) for name, (low, high) in limits.items()}

    def is_for(self, groups: frozenset[str]) -> bool:
        """Say whether somebody with these names may use it."""
        return not self.allowed or not self.allowed.isdisjoint(groups)

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
    further: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    """What else a request is to tell the model: tools, and parameters that are no option."""

    @property
    def k(self) -> int:
        """How many earlier turns a request carries."""
        return self.deployment.memory.k if self.options.k is None else self.options.k

    @property
    def pins(self) -> bool:
        """Whether turns that are pinned go before the others."""
        return self.options.pins is not False

    @property
    def system_prompt(self) -> str:
        """What is sent first; empty is nothing."""
        chosen = self.options.system_prompt
        return self.deployment.memory.system_prompt if chosen is None else chosen

    @property
    def parameters(self) -> dict[str, Any]:
        """What a request is to tell the model beside its messages; :meth:`request_parameters` are what it does tell."""
        chosen = {name: getattr(self.options, name) for name in PARAMETERS}
        chosen = {name: value for name, value in chosen.items() if value is not None}
        return {**self.deployment.parameters, **chosen, **self.further}

    @property
    def lookback(self) -> int:
        """How many of the newest turns :meth:`plan` looks at."""
        return self.deployment.memory.lookback(self.k)

    @property
    def context_size(self) -> int | None:
        """How many tokens a request and its answer may have together, as far as is known."""
        sizes = (self.deployment.context_size, self.deployment.learned.context_size(self.conversation_id))
        return min((size for size in sizes if size is not None), default=None)

    def plan(self, turns: Sequence[Turn], text: str = "") -> ContextPlan:
        """Decide what the request holds that asks ``text`` after ``turns``."""
        learned = self.deployment.learned
        return self.deployment.memory.plan(
            turns,
            text,
            k=self.k,
            system_prompt=self.system_prompt,
            answer_tokens=self.options.max_tokens,
            max_tokens=self.options.token_budget,
            pins=self.pins,
            counter=learned.counter(self.conversation_id),
            context_size=self.context_size,
            most_answer_tokens=learned.most_answer_tokens(self.conversation_id),
        )

    def request_parameters(self, plan: ContextPlan) -> dict[str, Any]:
        """Return what the request of a plan tells the model: never of a longer answer than there is room for."""
        parameters, most = self.parameters, plan.most_answer_tokens
        if most is not None and parameters.get("max_tokens") is not None:
            parameters["max_tokens"] = min(parameters["max_tokens"], most)
        return parameters

    def asks_as(self, other: EffectiveOptions) -> bool:
        """Return whether the same request would go to the same model."""
        budgets = (each.options.token_budget or each.deployment.memory.max_tokens for each in (self, other))
        names = ("deployment", "k", "pins", "system_prompt", "parameters")
        return len(set(budgets)) == 1 and all(getattr(self, name) == getattr(other, name) for name in names)

    def priced(self, usage: Usage) -> Usage:
        """Return the usage with what it cost, where prices are known."""
        prices = self.deployment.prices
        return usage if prices is None else replace(usage, cost=prices.of(usage))


class Deployments(Mapping[str, Deployment]):
    """The deployments by name. The first answers where nobody chose, or what was chosen is not there for them.

    Args:
        deployments: At least one, and one at least for everybody.
        locked: Names of options that visitors may not choose: whatever a conversation holds for them, be it
            from before or from an imported file, counts as not chosen.
        quotes_errors: Whether visitors read a model's own words where it fails; None is those on this machine only.

    Raises:
        ValueError: There is none, or none for everybody, or two have one name.
    """

    def __init__(
        self, *deployments: Deployment, locked: frozenset[str] = frozenset(), quotes_errors: bool | None = None
    ) -> None:
        self._by_name = {each.name: each for each in deployments}
        if not deployments or len(self._by_name) < len(deployments):
            raise ValueError("deployments need a name each, and there must be one at least")
        if not self.available():
            raise ValueError("every deployment is for some people only; let one be for everybody")
        self.first = self.available()[0]
        """The first that is for everybody."""
        self.locked = locked
        self._quotes_errors = quotes_errors

    def available(self, groups: frozenset[str] = frozenset()) -> Sequence[Deployment]:
        """Return those that somebody with these names may use, in order."""
        return [each for each in self._by_name.values() if each.is_for(groups)]

    @property
    def are_for_everybody(self) -> bool:
        """Whether all of them are."""
        return not any(each.allowed for each in self._by_name.values())

    def effective(self, conversation: Conversation, groups: frozenset[str] = frozenset()) -> EffectiveOptions:
        """Return who answers in a conversation, and how it is asked, within what its owner and everybody may choose.

        Args:
            conversation: Any state of it.
            groups: Names by which whoever asks may use more than everybody may.
        """
        name = None if "deployment" in self.locked else conversation.options.deployment
        deployment = self._by_name.get(name or "")
        if deployment is None or not deployment.is_for(groups):
            deployment = self.available(groups)[0]
        return self.asked(deployment, conversation)

    def asked(self, deployment: Deployment, conversation: Conversation) -> EffectiveOptions:
        """Return how a deployment is asked in a conversation, whoever it is for."""
        options = replace(conversation.options, **dict.fromkeys(self.locked & OPTIONS.keys()))
        return EffectiveOptions(deployment, deployment.within_limits(options), conversation.id)

    def quotes_errors_to(self, caller: Caller) -> bool:
        """Return whether who asks reads a model's own words where it fails."""
        return caller.is_local if self._quotes_errors is None else self._quotes_errors

    def __getitem__(self, name: str) -> Deployment:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)
