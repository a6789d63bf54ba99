"""What stands beside the chat, as HTML: conversations, what the model remembers, and what it forgot. Pure."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Collection, Mapping, Sequence, Set
from typing import Final, NamedTuple

from chatbot.conversation import (
    OPTIONS,
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
from chatbot.ui.views.action_buttons import TOKEN, button, html_button, icon
from chatbot.ui.views.text import cost, reason

_EXCERPT: Final = 90
"""Characters of a question that tell which one it is."""

NOTHING: Final = Usage(0, 0)
EMPTY: Final[Mapping[str, str]] = {}


class _Shown(NamedTuple):
    """What a visitor is shown of a plan, and in which language."""

    t: Language
    hidden: Set[str]
    hidden_parts: Collection[str]
    decides: bool = True

    @property
    def tells_options(self) -> bool:
        """Whether there are options at all, as far as a visitor knows."""
        return not self.hidden >= OPTIONS.keys()

    def state(self, tokens: int, *state: str) -> str:
        counted = [] if "tokens" in self.hidden_parts else [self.t("plan.tokens", tokens)]
        return html.escape(" · ".join([*counted, *state]))


def conversation_list(
    t: Language,
    conversations: Sequence[Conversation],
    shown: Conversation,
    *,
    search: str = "",
    excerpts: Mapping[str, str] = EMPTY,
    removed: tuple[str, Conversation] | None = None,
    naming: str | None = None,
    has_more: bool = False,
    is_full: bool = False,
    has_archived: bool = False,
    lists_archived: bool = False,
) -> str:
    """Return the list of a visitor's conversations, the shown one marked, with a way back for one that was taken out.

    The page's script groups them by day, which only the browser knows.

    Args:
        t: In which language.
        conversations: In the order of the list.
        shown: The one on the page.
        search: What the list was searched for.
        excerpts: What stands around it in the text of some of them, by their ids.
        removed: What can be brought back, and whether it was ``deleted`` or ``archived``.
        naming: Id of the one that the model is finding a title for.
        has_more: Whether there are more of them.
        is_full: Whether the list takes no more.
        has_archived: Whether there are any that are archived.
        lists_archived: Whether these are those.
    """
    words = search.strip()
    rows = [
        _row(t, each, words, excerpts.get(each.id, ""), is_shown=each.id == shown.id, is_named=each.id == naming)
        for each in conversations
    ]
    if not rows:
        none = "list.none_archived" if lists_archived else "list.none"
        rows = [f'<li class="empty">{html.escape(t("list.not_found", search=search) if words else t(none))}</li>']
    back = "" if removed is None else _way_back(t, *removed)
    listed = f"{back}<ul>{''.join(rows)}</ul>{_more(t, is_full=is_full) if has_more else ''}"
    if not words:
        listed += _filter(t, has_archived=has_archived, lists_archived=lists_archived)
    return f'<nav class="list" data-token="{TOKEN}" aria-label="{html.escape(t("list.nav"))}">{listed}</nav>'


def memory_panel(
    t: Language,
    plan: ContextPlan,
    count: int,
    spent: Usage = NOTHING,
    *,
    asking: bool,
    currency: str = "",
    hidden: Set[str] = frozenset(),
    hidden_parts: Collection[str] = (),
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
        hidden: Options that visitors do not see: they may know that a system prompt is sent, and not what it says. Who
            sees none of the options decides nothing: there are no marks, and nothing is told of what is not theirs.
        hidden_parts: Parts of the page that are not shown.
    """
    shown = _Shown(t, hidden, hidden_parts)
    rows = _sections(shown, plan, count)
    which = html.escape(t("plan.this" if asking else "plan.next"))
    total = ("" if "tokens" in hidden_parts else _total(t, plan)) + _spent(shown, spent, currency)
    below = f'<div class="total">{total}</div>' if total else ""
    return f'<section class="plan"><h2>{which}</h2><ol>{"".join(rows)}</ol>{below}</section>'


def sent_sections(
    t: Language,
    plan: ContextPlan,
    count: int,
    *,
    hidden: Set[str] = frozenset(),
    hidden_parts: Collection[str] = (),
) -> str:
    """Return the same list of what a request held that was sent: there is nothing to be decided about it any more."""
    rows = _sections(_Shown(t, hidden, hidden_parts, decides=False), plan, count)
    total = "" if "tokens" in hidden_parts else f'<div class="total">{_total(t, plan)}</div>'
    return f'<div class="plan"><ol>{"".join(rows)}</ol>{total}</div>'


def _sections(shown: _Shown, plan: ContextPlan, count: int) -> list[str]:
    rows: list[str] = []
    for section in plan.sections:
        if isinstance(section, WindowSection):
            rows += _window(shown, section, count)
        elif shown.tells_options or section.kind not in shown.hidden:
            rows += [_item(shown, section, entry, plan.k) for entry in section.entries]
    return rows


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


def badge(
    t: Language, name: str, *, is_demo: bool, choices: Sequence[str] = (), silent: Collection[str] = frozenset()
) -> str:
    """Return the sign that says who answers; with choices it is the button by which another one is chosen.

    Args:
        t: In which language.
        name: Who answers.
        is_demo: Whether the demo endpoint does.
        choices: Names that can be chosen from; none where there is no choice.
        silent: Names of those that did not answer when they were last asked.
    """
    shown = html.escape(name)
    kind = "silent" if name in silent else "demo" if is_demo else "live"
    title = html.escape(t("chat.silent", name=name)) if name in silent else shown
    told = f'<span class="said">{title}</span>' if name in silent else ""
    if not choices:
        return f'<span class="badge {kind}" title="{title}">{shown}{told}</span>'
    known = html.escape(json.dumps([[each, each in silent] for each in choices], ensure_ascii=False))
    return (
        f'<button type="button" class="badge {kind}" title="{title}" aria-haspopup="menu" aria-expanded="false" '
        f'data-chosen="{shown}" data-choices="{known}"><span class="name">{shown}</span>{told}'
        '<i class="glyph more"></i></button>'
    )


def _row(t: Language, conversation: Conversation, search: str, excerpt: str, *, is_shown: bool, is_named: bool) -> str:
    # An id is URL-safe text of our own making, so it fits a class; a title is a person's.
    title = conversation.title or t("list.untitled")
    marks = {
        "shown": is_shown,
        "pinned": conversation.is_pinned,
        "archived": conversation.is_archived,
        "found": bool(excerpt),
    }
    kind = " ".join(["row", *(name for name, has in marks.items() if has)])
    # What is archived is found among what is not: only there that is news.
    archived = f"<small>{html.escape(t('list.archived'))}</small>" if search and conversation.is_archived else ""
    inner = html.escape(t("list.naming")) if is_named else _highlighted(title, search)
    options = t("list.options", title=title)
    known = ['aria-current="true"'] * is_shown + [f'aria-describedby="found-{conversation.id}"'] * bool(excerpt)
    # Beside the button, not in it: its name is the title.
    below = f'<p class="excerpt" id="found-{conversation.id}" dir="auto">{_highlighted(excerpt, search)}</p>'
    return (
        f'<li class="{kind}" data-at="{conversation.updated_at:.0f}">'
        + html_button(inner, title, "open", conversation.id, attributes=" ".join([*known, 'dir="auto"']))
        + archived
        + html_button(
            f'<i class="glyph dots"></i><span class="said">{html.escape(options)}</span>',
            options,
            "options",
            conversation.id,
            attributes='aria-haspopup="menu" aria-expanded="false"',
        )
        + below * bool(excerpt)
        + "</li>"
    )


def _highlighted(text: str, search: str) -> str:
    """A text with what was searched for marked in it, in whatever case."""
    if not search:
        return html.escape(text)
    # A text that was made one line has one space where there may have been several.
    words = r"\s+".join(map(re.escape, search.split()))
    parts = re.split(f"({words})", text, flags=re.IGNORECASE)
    return "".join(
        f"<mark>{html.escape(part)}</mark>" if at % 2 else html.escape(part) for at, part in enumerate(parts)
    )


def _more(t: Language, *, is_full: bool) -> str:
    if is_full:
        return f'<p class="empty">{html.escape(t("list.older"))}</p>'
    return button(t("list.more"), t("list.more"), "more")


def _filter(t: Language, *, has_archived: bool, lists_archived: bool) -> str:
    if lists_archived:
        return button(t("list.all"), t("list.all"), "filter", "none")
    return button(t("list.show_archived"), t("list.show_archived"), "filter", "archived") if has_archived else ""


def _way_back(t: Language, how: str, conversation: Conversation) -> str:
    words = html.escape(t(f"list.was_{how}", title=conversation.title or t("list.untitled")))
    back = button(t("list.bring_back"), t("list.bring_back_hint"), "restore", conversation.id)
    away = icon("cross", t("list.let_go"), "let_go")
    return f'<div class="undelete" role="status"><span>{words}</span>{back}{away}</div>'


def _window(shown: _Shown, window: WindowSection, count: int) -> list[str]:
    rows = [_turn(shown, entry, window) for entry in window.entries]
    if unlisted := count - len(rows):
        rows.insert(0, f'<li class="out"><p>{html.escape(shown.t("plan.older", unlisted))}</p></li>')
    return rows


def _turn(shown: _Shown, entry: PlannedTurn, window: WindowSection) -> str:
    t, turn = shown.t, entry.turn
    kind = "in" if entry.sent else "out"
    pinned = window.pins and turn.memory is TurnMemory.PINNED
    state = t("reason.pinned") if pinned and entry.sent else reason(t, entry.inclusion, window.k)
    known = shown.state(entry.tokens, state, *([t("plan.recorded")] if turn.is_recorded else []))
    marks = f"<div>{_marks(t, entry)}</div>" if shown.decides and shown.tells_options else ""
    return (
        f'<li class="{kind}"><p dir="auto"><b>{turn.index + 1}</b> {html.escape(_cut(turn.question_text))}</p>'
        f"<small>{known}</small>{marks}</li>"
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


def _item(shown: _Shown, section: Section, entry: Entry, k: int) -> str:
    t = shown.t
    kind = "in" if entry.inclusion is Inclusion.SENT else "out"
    text = "…" if section.kind in shown.hidden else _cut(entry.text)
    name = t(f"plan.{section.kind}")
    state = t("plan.always") if section.always_sent else reason(t, entry.inclusion, k)
    return (
        f'<li class="{kind} fixed"><p><b>{html.escape(name)}</b> {html.escape(text)}</p>'
        f"<small>{shown.state(entry.tokens, state)}</small></li>"
    )


def _total(t: Language, plan: ContextPlan) -> str:
    if plan.budget is None:
        return html.escape(t("plan.total", plan.tokens))
    share = min(plan.tokens / plan.budget, 1) * 100 if plan.budget else 100
    words = html.escape(t("plan.budget", used=plan.tokens, budget=plan.budget))
    return f'{words}<div class="meter"><i style="width:{share:.0f}%"></i></div>'


def _spent(shown: _Shown, spent: Usage, currency: str) -> str:
    if not spent.input_tokens + spent.output_tokens or "tokens" in shown.hidden_parts:
        return ""
    words = shown.t("plan.spent", input=spent.input_tokens, output=spent.output_tokens)
    costs = [] if "costs" in shown.hidden_parts else cost(shown.t, spent, currency)
    return f'<div class="spent">{html.escape(" · ".join([words, *costs]))}</div>'


def _cut(text: str) -> str:
    line = " ".join(text[: 4 * _EXCERPT].split())
    return line if len(line) <= _EXCERPT else line[: _EXCERPT - 1].rstrip() + "…"
