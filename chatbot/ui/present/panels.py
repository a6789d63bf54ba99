"""What stands beside the chat, as HTML: conversations, what the model remembers, and what it forgot. Pure."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Final

from chatbot.conversation import Conversation, Entry, Mention, Place, Plan, TurnMemory
from chatbot.ui.present.actions import TOKEN, button, icon
from chatbot.ui.present.words import counted, reason

_EXCERPT: Final = 90
"""Characters of a question that tell which one it is."""


def conversation_list(
    conversations: Sequence[Conversation],
    shown: Conversation,
    *,
    search: str = "",
    deleted: Conversation | None = None,
    naming: str | None = None,
) -> str:
    """Return the list of a visitor's conversations, the shown one marked, with a way back for a deleted one.

    Args:
        conversations: In the order of the list.
        shown: The one on the page.
        search: What the list was searched for.
        deleted: What can be brought back.
        naming: Id of the one that the model is finding a title for.
    """
    rows = [_row(each, is_shown=each.id == shown.id, is_named=each.id == naming) for each in conversations]
    if not rows:
        words = f"Nothing found for “{search}”." if search else "Your conversations will be listed here."
        rows = [f'<li class="empty">{html.escape(words)}</li>']
    back = "" if deleted is None else _way_back(deleted)
    listed = f"{back}<ul>{''.join(rows)}</ul>"
    return f'<nav class="list" data-token="{TOKEN}" aria-label="Your conversations">{listed}</nav>'


def memory_panel(plan: Plan, count: int, *, asking: bool) -> str:
    """Return the exact list of what the next request holds, or with ``asking`` of the one being answered.

    Args:
        plan: What it holds.
        count: How many turns there are before the question.
        asking: Whether an answer is being written.
    """
    rows = []
    if plan.system_prompt:
        rows.append(_fixed("System prompt", plan.system_prompt, plan.system_tokens))
    listed = {entry.turn.index for entry in plan.entries}
    if unlisted := count - len(listed):
        rows.append(f'<li class="out"><p>{counted(unlisted, "older turn")}: not remembered</p></li>')
    rows += [_entry(entry, plan.k) for entry in plan.entries]
    if plan.text:
        rows.append(_fixed("The question", plan.text, plan.question_tokens))
    which = "This request holds" if asking else "The next request will hold"
    return f'<section class="plan"><h2>{which}</h2><ol>{"".join(rows)}</ol>{_total(plan)}</section>'


def offer(mention: Mention | None) -> str:
    """Return the offer to include a forgotten turn that the question mentions, or nothing."""
    if mention is None:
        return ""
    number = mention.turn_index + 1
    return (
        f'<div class="offer" role="status"><span>You mention <em>{html.escape(mention.words)}</em>; '
        f"turn {number} is no longer remembered.</span>"
        + button("Include it", f"Pin turn {number}, so that the model is sent it", "mark", mention.turn_index, "pinned")
        + icon("cross", "Leave it out", "dismiss", mention.turn_index)
        + "</div>"
    )


def _row(conversation: Conversation, *, is_shown: bool, is_named: bool) -> str:
    # An id is URL-safe text of our own making, so it fits a class; a title is a person's.
    mark = ' aria-current="true"' if is_shown else ""
    title = "Finding a title…" if is_named else conversation.title or "Untitled"
    return (
        f'<li class="row"{mark}>'
        + button(title, conversation.title, "open", conversation.id)
        + icon("pencil", "Rename", "rename", conversation.id)
        + icon("spark", "Let the model find a title", "name", conversation.id)
        + icon("bin", "Delete", "delete", conversation.id)
        + "</li>"
    )


def _way_back(conversation: Conversation) -> str:
    words = html.escape(f"Deleted “{conversation.title}”.")
    back = button("Bring back", "Bring the conversation back", "restore", conversation.id)
    return f'<div class="undelete" role="status"><span>{words}</span>{back}</div>'


def _entry(entry: Entry, k: int) -> str:
    turn = entry.turn
    kind = "in" if entry.sent else "out"
    pinned = turn.memory is TurnMemory.PINNED
    state = "pinned" if pinned and entry.sent else reason(entry.place, k)
    return (
        f'<li class="{kind}"><p><b>{turn.index + 1}</b> {html.escape(_cut(turn.user))}</p>'
        f"<small>{counted(entry.tokens, 'token')} · {html.escape(state)}</small><div>{_marks(entry)}</div></li>"
    )


def _marks(entry: Entry) -> str:
    turn, number = entry.turn, entry.turn.index + 1
    if turn.memory is TurnMemory.PINNED:
        pin = button("Unpin", f"Leave turn {number} to the window", "mark", turn.index, "auto")
    else:
        put_back = entry.place in (Place.BLOCKED, Place.FAILED, Place.UNANSWERED)
        label, title = ("Put back", "Send it all the same") if put_back else ("Pin", "Keep it in the window")
        pin = button(label, f"{title}: turn {number}", "mark", turn.index, "pinned")
    if turn.memory is TurnMemory.EXCLUDED:
        return button("Include", f"Leave turn {number} to the window", "mark", turn.index, "auto")
    return pin + button("Exclude", f"Never send turn {number}", "mark", turn.index, "excluded")


def _fixed(name: str, text: str, tokens: int) -> str:
    return (
        f'<li class="in fixed"><p><b>{name}</b> {html.escape(_cut(text))}</p>'
        f"<small>{counted(tokens, 'token')} · always sent</small></li>"
    )


def _total(plan: Plan) -> str:
    if plan.budget is None:
        return f'<div class="total">{counted(plan.tokens, "token")} in all, estimated</div>'
    share = min(plan.tokens / plan.budget, 1) * 100 if plan.budget else 100
    return (
        f'<div class="total">{plan.tokens:,} of {counted(plan.budget, "token")}, estimated; room for the answer '
        f'comes on top<div class="meter"><i style="width:{share:.0f}%"></i></div></div>'
    )


def _cut(text: str) -> str:
    line = " ".join(text[: 4 * _EXCERPT].split())
    return line if len(line) <= _EXCERPT else line[: _EXCERPT - 1].rstrip() + "…"
