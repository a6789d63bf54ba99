"""What visitors, network addresses and everybody together may use, so that a public address can be left alone."""

from __future__ import annotations

import re
from typing import Final, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings

RATES: Final = ("visitor_messages", "visitor_tokens", "address_messages", "address_tokens")
"""The settings that are rates."""

_RATE: Final = re.compile(r"([1-9]\d{0,11})\s*/\s*(minute|hour|day)")

_HOW: Final = "numbers with /minute, /hour or /day, and commas between"


class LimitSettings(BaseSettings):
    """What may be used; nothing is limited where nothing is set."""

    visitor_messages: str = Field(
        "",
        description=f"How many messages one visitor may send: {_HOW}; all of them hold, over periods that slide along. "
        "Retries, edits, titles by the model and the API count too. Visitors are told apart by their cookie, and those "
        "without one by their network address. Not set: any number.",
        examples=["20/hour,100/day"],
    )
    visitor_tokens: str = Field(
        "",
        description="How many tokens the model may read and write for one visitor, in the same words.",
        examples=["100000/day"],
    )
    address_messages: str = Field(
        "",
        description="How many messages may be sent from one network address (of IPv6 a /64), in the same words. Who "
        "throws the cookie away is another visitor, and still at the same address.",
        examples=["60/hour,300/day"],
    )
    address_tokens: str = Field(
        "",
        description="How many tokens the model may read and write for one network address, in the same words.",
        examples=["300000/day"],
    )
    daily_tokens: int | None = Field(
        None,
        ge=1,
        description="How many tokens the model may read and write for all visitors together in a day (by UTC). Not "
        "set: any number.",
        examples=["2000000"],
    )
    daily_budget: float | None = Field(
        None,
        gt=0,
        description="What all answers of a day (by UTC) may cost together, in CHATBOT_CURRENCY; each deployment needs "
        "its prices for that. Not set: anything.",
        examples=["5"],
    )
    over_budget: Literal["refuse", "demo"] = Field(
        "refuse",
        description="What happens once a day's tokens or budget are used up: refuse says when it is open again, demo "
        "lets the demo endpoint answer, and each of its answers says so.",
    )

    def rates(self, name: str) -> list[tuple[int, str]]:
        """Return one of :data:`RATES` as how many within which period."""
        found = (_RATE.fullmatch(each) for each in _listed(getattr(self, name)))
        return [(int(each[1]), each[2]) for each in found if each is not None]

    @field_validator(*RATES)
    @classmethod
    def _names_rates(cls, value: str) -> str:
        if not all(map(_RATE.fullmatch, _listed(value))):
            raise PydanticCustomError("rates", f"should be {_HOW}, such as 20/hour,100/day")
        return value


def _listed(value: str) -> list[str]:
    return [each.strip().lower() for each in value.split(",") if each.strip()]
