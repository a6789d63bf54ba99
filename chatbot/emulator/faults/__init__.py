"""Named faults between the endpoint and the socket, and the notation that asks for them: `rate-limit:2,delay:0.5`."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import replace

from chatbot.emulator.faults.fault import Fault, Value
from chatbot.emulator.faults.streams import ending_faults, framing_faults
from chatbot.emulator.faults.variants import error_faults, variant_faults

FAULTS: Mapping[str, Fault] = {
    fault.name: fault for fault in (*error_faults(), *ending_faults(), *framing_faults(), *variant_faults())
}


class UnknownFaultError(ValueError):
    """There is no such fault, or its value cannot be used."""


def parse(notation: str) -> tuple[Fault, ...]:
    """Return the faults that are asked for: names with commas in between, each with a value behind a colon if need be.

    Raises:
        UnknownFaultError: A name is unknown, or a value is not of its fault's kind. The message says what would do.
    """
    return tuple(_fault(*each.strip().partition(":")) for each in notation.split(","))


def _fault(name: str, colon: str, text: str) -> Fault:
    fault = FAULTS.get(name)
    if fault is None:
        close = difflib.get_close_matches(name, FAULTS, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(close)}?" if close else "--list-faults shows them all."
        raise UnknownFaultError(f"There is no fault {name!r}. {hint}")
    if not colon:
        return fault
    if fault.value is None:
        raise UnknownFaultError(f"The fault {name} takes no value.")
    return replace(fault, value=_value(name, text, fault.value))


def _value(name: str, text: str, default: Value) -> Value:
    if isinstance(default, str):
        return text
    try:
        value = type(default)(text)
    except ValueError:
        value = -1
    if not 0 <= value < math.inf:
        kind = "number of seconds" if isinstance(default, float) else "whole number"
        raise UnknownFaultError(f"The value of {name} is a {kind}, like {default:g}, not {text!r}.")
    return value
