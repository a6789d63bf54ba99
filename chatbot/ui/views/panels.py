"""What stands beside the chat, as HTML: conversations, what the model remembers, and what it forgot. Pure."""

from __future__ import annotations

import html
from collections.abc import Collection, Sequence
from typing import Final

from chatbot.conversation import (
    ContextPlan,
    Conversation,
    Entry,
    Inclusion,
    Mention,
    PlannedTurn,
    Section,
    TurnMemory,
    Usage,
    WindowSection,
)
from chatbot.ui.i18n import Language
from chatbot.ui.views.action_buttons import TOKEN, button, icon
from chatbot.ui.views.text import cost, reason

_EXCERPT: Final = 90
"""Characters of a question that tell which one it is."""

NOTHING: Final = Usage(0, 0)


def conversation_list(
    t: Language,
    conversations: Sequence[Conversation],
    shown: Conversation,
    *,
    search: str = "",
    deleted: Conversation | None = None,
    naming: str | None = None,
) -> str:
    """Return the list of a visitor's conversations, the shown one marked, with a way back for a deleted one.

    Args:
        t: In which language.
        conversations: In the order of the list.
        shown: The one on the page.
        search: What the list was searched for.
        deleted: What can be brought back.
        naming: Id of the one that the model is finding a title for.
    """
    rows = [_row(t, each, is_shown=each.id == shown.id, is_named=each.id == naming) for each in conversations]
    if not rows:
        words = t("list.not_found", search=search) if search else t("list.none")
        rows = [f'<li class="empty">{html.escape(words)}</li>']
    back = "" if deleted is None else _way_back(t, deleted)
    listed = f"{back}<ul>{''.join(rows)}</ul>"
    return f'<nav class="list" data-token="{TOKEN}" aria-label="{html.escape(t("list.nav"))}">{listed}</nav>'


def memory_panel(
    t: Language,
    plan: ContextPlan,
    count: int,
    spent: Usage = NOTHING,
    *,
    asking: bool,
    currency: str = "",
    hidden: Collection[str] = (),
) -> str:
    """Return the exact list of what the next request holds, or with ``asking`` of the one being answered.

    Each section is drawn in the order of the request: one line for everything that was looked at for it.

    Args:
        t: In which language.
        plan: What it holds.
        count: How many turns there are before the question.
        spent: What the conversation's answers took so far.
        asking: Whether an answer is being written.
        currency: What costs are told in.
        hidden: Kinds of sections of which visitors may know that they are sent, and not what they say.
    """
    rows: list[str] = []
    for section in plan.sections:
        if isinstance(section, WindowSection):
            rows += _window(t, section, count)
        else:
            rows += [_item(t, section, entry, plan.k, hidden) for entry in section.entries]
    which = html.escape(t("plan.this" if asking else "plan.next"))
    total = _total(t, plan) + _spent(t, spent, currency)
    return f'<section class="plan"><h2>{which}</h2><ol>{"".join(rows)}</ol><div class="total">{total}</div></section>'


def recall_hint(t: Language, mention: Mention | None) -> str:
    """Return the hint that offers to include a forgotten turn that the question mentions, or nothing."""
    if mention is None:
        return ""
    number = mention.turn_index + 1
    words = t("recall_hint.mention", words="\0", turn=number)
    before, _, after = (html.escape(part) for part in words.partition("\0"))
    return (
        f'<div class="recall-hint" role="status"><span>{before}<em>{html.escape(mention.words)}</em>{after}</span>'
        + button(
            t("recall_hint.include"), t("recall_hint.include_hint", turn=number), "mark", mention.turn_index, "pinned"
        )
        + icon("cross", t("recall_hint.dismiss"), "dismiss", mention.turn_index)
        + "</div>"
    )


def badge(name: str, *, is_demo: bool) -> str:
    """Return the sign that says who answers."""
    shown = html.escape(name)
    return f'<span class="badge {"demo" if is_demo else "live"}" title="{shown}">{shown}</span>'


def _row(t: Language, conversation: Conversation, *, is_shown: bool, is_named: bool) -> str:
    # An id is URL-safe text of our own making, so it fits a class; a title is a person's.
    mark = ' aria-current="true"' if is_shown else ""
    title = t("list.naming") if is_named else conversation.title or t("list.untitled")
    return (
        f'<li class="row"{mark}>'
        + button(title, conversation.title, "open", conversation.id)
        + icon("pencil", t("list.rename"), "rename", conversation.id)
        + icon("spark", t("list.name"), "name", conversation.id)
        + icon("bin", t("list.delete"), "delete", conversation.id)
        + "</li>"
    )


def _way_back(t: Language, conversation: Conversation) -> str:
    words = html.escape(t("list.deleted", title=conversation.title))
    back = button(t("list.bring_back"), t("list.bring_back_hint"), "restore", conversation.id)
    return f'<div class="undelete" role="status"><span>{words}</span>{back}</div>'


def _window(t: Language, window: WindowSection, count: int) -> list[str]:
    rows = [_turn(t, entry, window.k) for entry in window.entries]
    if unlisted := count - len(rows):
        rows.insert(0, f'<li class="out"><p>{html.escape(t("plan.older", unlisted))}</p></li>')
    return rows


def _turn(t: Language, entry: PlannedTurn, k: int) -> str:
    turn = entry.turn
    kind = "in" if entry.sent else "out"
    pinned = turn.memory is TurnMemory.PINNED
    state = t("reason.pinned") if pinned and entry.sent else reason(t, entry.inclusion, k)
    tokens = t("plan.tokens", entry.tokens)
    return (
        f'<li class="{kind}"><p><b>{turn.index + 1}</b> {html.escape(_cut(turn.question_text))}</p>'
        f"<small>{html.escape(f'{tokens} · {state}')}</small><div>{_marks(t, entry)}</div></li>"
    )


def _marks(t: Language, entry: PlannedTurn) -> str:
    turn, number = entry.turn, entry.turn.index + 1

    def mark(name: str, hint: str, memory: TurnMemory) -> str:
        return button(t(f"plan.{name}"), t(f"plan.{hint}_hint", turn=number), "mark", turn.index, memory.value)

    if turn.memory is TurnMemory.EXCLUDED:
        return mark("include", "auto", TurnMemory.AUTO)
    exclude = mark("exclude", "exclude", TurnMemory.EXCLUDED)
    if turn.memory is TurnMemory.PINNED:
        return mark("unpin", "auto", TurnMemory.AUTO) + exclude
    back = "put_back" if entry.inclusion in (Inclusion.BLOCKED, Inclusion.FAILED, Inclusion.UNANSWERED) else "pin"
    return mark(back, back, TurnMemory.PINNED) + exclude


def _item(t: Language, section: Section, entry: Entry, k: int, hidden: Collection[str]) -> str:
    kind = "in" if entry.inclusion is Inclusion.SENT else "out"
    text = "…" if section.kind in hidden else _cut(entry.text)
    name, tokens = t(f"plan.{section.kind}"), t("plan.tokens", entry.tokens)
    state = t("plan.always") if section.always_sent else reason(t, entry.inclusion, k)
    return (
        f'<li class="{kind} fixed"><p><b>{html.escape(name)}</b> {html.escape(text)}</p>'
        f"<small>{html.escape(f'{tokens} · {state}')}</small></li>"
    )


def _total(t: Language, plan: ContextPlan) -> str:
    if plan.budget is None:
        return html.escape(t("plan.total", plan.tokens))
    share = min(plan.tokens / plan.budget, 1) * 100 if plan.budget else 100
    words = html.escape(t("plan.budget", used=plan.tokens, budget=plan.budget))
    return f'{words}<div class="meter"><i style="width:{share:.0f}%"></i></div>'


def _spent(t: Language, spent: Usage, currency: str) -> str:
    if not spent.input_tokens + spent.output_tokens:
        return ""
    words = t("plan.spent", input=spent.input_tokens, output=spent.output_tokens)
    return f'<div class="spent">{html.escape(" · ".join([words, *cost(t, spent, currency)]))}</div>'


def _cut(text: str) -> str:
    line = " ".join(text[: 4 * _EXCERPT].split())
    return line if len(line) <= _EXCERPT else line[: _EXCERPT - 1].rstrip() + "…"
