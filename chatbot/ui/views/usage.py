"""The owner's page of what was used, as HTML. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from chatbot.conversation import UsageLine
from chatbot.ui.branding import Branding
from chatbot.ui.views.owner import owner_page
from chatbot.ui.views.text import LEAST_COST

PERIODS: Final = (7, 30, 90, 365)
"""Days that can be looked at."""

_COLUMNS: Final = (
    "Messages",
    "Titles",
    "Tokens in",
    "Tokens out",
    "Cost",
    "Stopped",
    "Filtered",
    "Cached",
    "Good",
    "Bad",
    "Errors",
)


def usage_page(
    branding: Branding,
    above: str,
    days: int,
    total: UsageLine,
    by_day: Sequence[UsageLine],
    by_deployment: Sequence[UsageLine],
    by_visitor: Sequence[UsageLine],
) -> str:
    """Return the page.

    Args:
        branding: How it looks.
        above: What stands above it, from :func:`~chatbot.ui.views.owner.header`.
        days: How many days it is about; one of :data:`PERIODS`.
        total: What was used in them.
        by_day: The same by day.
        by_deployment: By deployment.
        by_visitor: By visitor.
    """
    periods = "".join(
        f'<a href="?days={each}"{" aria-current=page" if each == days else ""}>{each} days</a>' for each in PERIODS
    )
    tables = (
        _table("By day (UTC)", "Day", by_day, branding.currency),
        _table("By deployment", "Deployment", by_deployment, branding.currency),
        _table("By visitor", "Visitor", by_visitor, branding.currency),
    )
    return owner_page(
        branding,
        "Usage",
        f"""{above}
<main><nav aria-label="Period">{periods}</nav>{_summary(total, branding.currency)}{"".join(tables)}
<p class="quiet">Visitors are salted hashes: they name nobody, and no cookie can be found from them. All who have no
cookie are one, and so are all temporary chats. Messages count retries and the API; whether an answer was called good or
bad counts on the day of that answer. What anybody said is not counted, and not shown.</p></main>""",
    )


def unavailable(branding: Branding) -> str:
    """Return what is shown where the database does not answer."""
    told = "The database does not answer right now. Load the page again."
    return owner_page(branding, "Usage", f'<main><p class="problem" role="alert">{told}</p></main>')


def _summary(total: UsageLine, currency: str) -> str:
    facts = {
        "Messages": _number(total.messages),
        "Visitors": _number(total.visitors),
        "Tokens in": _number(total.input_tokens),
        "Tokens out": _number(total.output_tokens),
        "Cost": _cost(total.cost, currency),
        "Errors": _number(sum(total.errors.values())),
        "Good / bad": f"{_number(total.up)} / {_number(total.down)}",
    }
    return "<dl>" + "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items()) + "</dl>"


def _table(title: str, first: str, lines: Sequence[UsageLine], currency: str) -> str:
    if not lines:
        return f"<h2>{title}</h2><p class=quiet>Nothing yet.</p>"
    head = "".join(f'<th scope="col">{name}</th>' for name in (first, *_COLUMNS))
    most = max(line.messages for line in lines) or 1
    rows = "".join(_row(line, most, currency) for line in lines)
    # Reached by the keyboard, because it may scroll.
    return (
        f'<h2>{title}</h2><div class="table" tabindex="0" role="region" aria-label="{title}"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _row(line: UsageLine, most: int, currency: str) -> str:
    values = [
        _number(line.titles),
        _number(line.input_tokens),
        _number(line.output_tokens),
        _cost(line.cost, currency),
        *map(_number, (line.stopped, line.filtered, line.cached, line.up, line.down)),
        escape(", ".join(f"{kind} {_number(count)}" for kind, count in line.errors.items())) or "0",
    ]
    return (
        f'<tr><th scope="row">{escape(line.key) or "(none)"}</th>'
        f'<td class="bar" style="--part: {100 * line.messages // most}%">{_number(line.messages)}</td>'
        + "".join(f"<td>{value}</td>" for value in values)
        + "</tr>"
    )


def _number(value: int) -> str:
    return f"{value:,}"


def _cost(value: float | None, currency: str) -> str:
    if value is None:
        return "–"
    if 0 < value < LEAST_COST:
        return escape(f"<{currency}{LEAST_COST}")
    return f"{escape(currency)}{value:,.4f}".rstrip("0").rstrip(".")
