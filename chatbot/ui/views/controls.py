"""The controls of a conversation, as they count: what was chosen, and the deployment's own where nothing was. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from chatbot.conversation import PARAMETERS, EffectiveOptions


def controls(
    effective: EffectiveOptions,
    presets: Mapping[str, str],
    hidden: Collection[str] = (),
) -> dict[str, dict[str, Any]]:
    """Return the properties of each control, by the name of its option.

    An empty field shows the deployment's own value in pale, so that one sees what counts and what was chosen. What is
    hidden is not told at all.

    Args:
        effective: Who answers, and how it is asked.
        presets: System prompts by name.
        hidden: Names of the options that are not told.
    """
    own, options = effective.deployment, effective.options
    prompt = {"value": options.system_prompt or "", "placeholder": own.memory.system_prompt}
    shown: dict[str, dict[str, Any]] = {
        "k": {"value": effective.k, "maximum": own.limits["k"].high},
        "preset": {"value": preset_of(options.system_prompt, presets)},
        "system_prompt": prompt,
        "token_budget": {"value": options.token_budget, "placeholder": f"{own.memory.max_tokens or '–'}"},
        "pins": {"value": effective.pins},
    }
    for name in PARAMETERS:
        default = own.parameters.get(name)
        shown[name] = {"value": getattr(options, name), "placeholder": "–" if default is None else f"{default:g}"}
    return {name: value for name, value in shown.items() if name not in hidden}


def preset_of(system_prompt: str | None, presets: Mapping[str, str]) -> str | None:
    """Return the name of the preset with this system prompt; empty for none, None for one's own words."""
    if system_prompt is None:
        return ""
    return next((name for name, text in presets.items() if text == system_prompt), None)
