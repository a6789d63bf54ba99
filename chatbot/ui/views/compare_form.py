"""The form in which somebody says how a question is asked a second time, beside how their chat asks it. Pure."""

from __future__ import annotations

import html
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from chatbot.conversation import COMPARE, OPTIONS, Deployment, EffectiveOptions
from chatbot.ui.i18n import Language

COMPARED_OPTIONS: Final = ("deployment", "k", "token_budget", "pins")
"""Names of the options in which two answers to one question can differ."""


def compare_form(
    t: Language, effective: EffectiveOptions, deployments: Sequence[Deployment], locked: Collection[str]
) -> str:
    """Return the form, closed: while it is open, a question is asked twice. Nothing where nothing can be compared.

    Args:
        t: In which language.
        effective: How the first answer is asked for.
        deployments: Who may give the second one.
        locked: Names of the options that visitors may not choose.
    """
    others = [each.name for each in deployments if each.name != effective.deployment.name]
    fields = [name for name in COMPARED_OPTIONS if name not in locked and (name != "deployment" or others)]
    if COMPARE in locked or not fields:
        return ""
    inner = "".join(_fields(t, effective, others, fields))
    return (
        f'<details class="compare"><summary>{html.escape(t("compare.open"))}</summary>'
        f'<div class="compare-fields" role="group" aria-label="{html.escape(t("compare.group"))}">'
        f"<p>{html.escape(t('compare.lead'))}</p>{inner}</div></details>"
    )


def _fields(t: Language, effective: EffectiveOptions, others: Sequence[str], fields: Collection[str]) -> Iterator[str]:
    if "deployment" in fields:
        # Somebody else is what one mostly wants to compare with.
        choices = "".join(_choice(name, name, is_chosen=name == others[0]) for name in others)
        same = _choice("", t("compare.same", name=effective.deployment.name), is_chosen=False)
        yield _labelled(t("label.deployment"), f'<select name="deployment">{choices}{same}</select>')
    for name in ("k", "token_budget"):
        if name in fields:
            low, high = effective.deployment.limits[name]
            # Where nobody else can answer, what is compared is a memory with none.
            value = "0" if name == "k" and "deployment" not in fields else ""
            yield _labelled(
                t(f"label.{name}"),
                f'<input type="number" inputmode="numeric" name="{name}" min="{low:g}" max="{high:.0f}" '
                f'step="{OPTIONS[name].step:g}" value="{value}" placeholder="{html.escape(t("compare.as_set"))}">',
            )
    if "pins" in fields:
        checked = " checked" if effective.pins else ""
        yield (
            f'<label class="check"><input type="checkbox" name="pins"{checked}>'
            f"<span>{html.escape(t('label.pins'))}</span></label>"
        )


def _labelled(label: str, field: str) -> str:
    return f"<label><span>{html.escape(label)}</span>{field}</label>"


def _choice(value: str, label: str, *, is_chosen: bool) -> str:
    chosen = " selected" if is_chosen else ""
    return f'<option value="{html.escape(value)}"{chosen}>{html.escape(label)}</option>'
