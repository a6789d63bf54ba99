"""The model behind the emulator: it knows a few phrases, and nothing that is not in the messages it was sent.

That makes it useful: what it can and cannot answer shows what a memory window holds.
"""

import re
from collections.abc import Callable, Sequence

from chatbot.emulator.model import facts, phrases, showcase
from chatbot.emulator.model.attachments import acknowledged
from chatbot.emulator.model.facts import Fact
from chatbot.emulator.model.markdown import bold, counted, inline, shorten
from chatbot.emulator.model.transcript import Message, Transcript

# A word or a run of punctuation, with the blank before it. Runs are cut so that a text without blanks streams too.
_TOKEN = re.compile(r"\s?\w{1,16}|\s?[^\w\s]{1,16}|\s{1,16}")
_LONGEST_VALUE = 200


def answer(messages: Sequence[Message]) -> str:
    """Return the model's answer to a conversation: Markdown, always the same for the same messages."""
    sent = Transcript(messages)
    replies = (skill(sent) for skill in _SKILLS)
    reply = next((reply for reply in replies if reply is not None), None)
    if sent.attachments:
        return "\n\n".join(text for text in (acknowledged(sent.attachments), reply) if text)
    return _introduction(sent) if reply is None else reply


def tokens(text: str) -> list[str]:
    """Return `text` in word-like pieces that join to exactly `text`."""
    return _TOKEN.findall(text)


def count_tokens(text: str) -> int:
    """Return how many pieces `tokens` would give, without keeping them."""
    return sum(1 for _ in _TOKEN.finditer(text))


# Each skill answers what it recognises and leaves the rest to the next one.


def _tool_results(sent: Transcript) -> str | None:
    if not sent.tool_results:
        return None
    lines = [f"The tool `{name or 'unknown'}` returned: {text or 'nothing'}" for name, text in sent.tool_results]
    return "\n\n".join(lines)


def _nothing_asked(sent: Transcript) -> str | None:
    if sent.user_texts:
        return None
    return f"I was sent {counted(len(sent), 'message')}, none of them from a user, so there is nothing to answer yet."


def _title(sent: Transcript) -> str | None:
    if not any(phrases.is_asking_for(phrases.TITLE, text) for text in sent.instructions):
        return None
    # The words that say most are mostly long; what they were said about, the user said.
    said = re.findall(r"^User: (.*)$", sent.prompt, re.MULTILINE) or [sent.prompt]
    words = dict.fromkeys(word for line in said for word in re.findall(r"\w{5,}", line))
    title = " ".join(list(words)[:4]) or shorten(said[0], 40)
    return title[:1].upper() + title[1:]


def _repeat_last(sent: Transcript) -> str | None:
    if not phrases.is_asking_for(phrases.REPEAT_LAST, sent.prompt):
        return None
    return sent.last_answer or "There is no earlier answer of mine in the messages I was sent, so I cannot repeat it."


def _repeat(sent: Transcript) -> str | None:
    return phrases.text_to_repeat(sent.prompt)


def _recall(sent: Transcript) -> str | None:
    if not phrases.is_asking_for(phrases.RECALL, sent.prompt):
        return None
    source = f"With this question I was sent {counted(len(sent.earlier), 'earlier message')} of yours"
    known = _facts(sent.earlier)
    if not known:
        return f"Nothing about you. {source}, and I found no facts there. Try `My name is Ada` and ask me again."
    return "\n".join([f"{source}. From there I know:", "", *(f"- {_listed(fact)}" for fact in known.values())])


def _topics(sent: Transcript) -> str | None:
    if not phrases.is_asking_for(phrases.TOPICS, sent.prompt):
        return None
    if not sent.earlier:
        return "This is the only message of yours that I was sent, so I can see no earlier topics."
    lines = [f"{number}. {inline(text) or '(no text)'}" for number, text in enumerate(sent.earlier, start=1)]
    return "\n".join(["In the messages I was sent, you wrote:", "", *lines])


def _look_up(sent: Transcript) -> str | None:
    for clause in facts.clauses(sent.prompt):
        subject = phrases.asked_about(clause)
        if subject is None:
            continue
        if fact := _facts(sent.user_texts).get(facts.key_of(subject)):
            return f"{_stated(fact, capital=True)}. I found that in the {counted(len(sent), 'message')} I was sent."
        if subject.lower().startswith("my "):
            return _not_found(sent, subject[3:])
    return None


def _not_found(sent: Transcript, what: str) -> str:
    seen = "the only message" if len(sent) == 1 else f"the {len(sent)} messages"
    return (
        f"I cannot find your {inline(what)} in {seen} I was sent. "
        "Perhaps it has left the memory window, or you have not told me yet."
    )


def _table(sent: Transcript) -> str | None:
    return showcase.message_table(sent) if phrases.is_asking_for(phrases.TABLE, sent.prompt) else None


def _code(sent: Transcript) -> str | None:
    return showcase.CODE_BLOCK if phrases.is_asking_for(phrases.CODE, sent.prompt) else None


def _long_answer(sent: Transcript) -> str | None:
    return showcase.LONG_ANSWER if phrases.is_asking_for(phrases.LONG, sent.prompt) else None


def _take_note(sent: Transcript) -> str | None:
    new = _facts([sent.prompt])
    name = new.pop("name", None)
    parts = [f"Nice to meet you, {bold(name.value)}!"] if name else []
    if new:
        parts.append(f"Noted: {', and '.join(_stated(fact) for fact in new.values())}.")
    if not parts:
        return None
    return " ".join([*parts, "I will know it for as long as this message is in the memory window I am sent."])


def _hello(sent: Transcript) -> str | None:
    if not phrases.is_asking_for(phrases.HELLO, sent.prompt):
        return None
    name = _facts(sent.earlier).get("name")
    whom = f", {bold(name.value)}" if name else ""
    return f"Hello{whom}! I am the built-in demo model. Tell me your name, or ask me `what do you remember?`"


def _thanks(sent: Transcript) -> str | None:
    return "You are welcome!" if phrases.is_asking_for(phrases.THANKS, sent.prompt) else None


def _introduction(sent: Transcript) -> str:
    instructions = "a" if sent.instructions else "no"
    return (
        "I am the built-in demo model, not a real language model, so I can answer only a few things, and only from "
        f"the messages I am sent: this time {counted(len(sent), 'message')}, with {instructions} system prompt.\n\n"
        "Try `My name is Ada`, `what is my name?`, `what do you remember?`, `list our topics`, `show me a table` or "
        "`tell me a long story`. "
        "To talk to a real model, set `AZUREML_ENDPOINT_URL` and `AZUREML_ENDPOINT_API_KEY`, then start again."
    )


_SKILLS: tuple[Callable[[Transcript], str | None], ...] = (
    _tool_results,
    _nothing_asked,
    _title,
    _repeat_last,
    _repeat,
    _recall,
    _topics,
    _look_up,
    _table,
    _code,
    _long_answer,
    _take_note,
    _hello,
    _thanks,
)


def _facts(texts: Sequence[str]) -> dict[str, Fact]:
    # What a user wanted repeated is a quotation, not something said about themselves.
    return facts.known(text for text in texts if phrases.text_to_repeat(text) is None)


def _stated(fact: Fact, *, capital: bool = False) -> str:
    if not fact.subject:
        return f"“{inline(fact.value, _LONGEST_VALUE)}”"
    subject = inline(fact.subject)
    subject = subject[:1].upper() + subject[1:] if capital else subject
    return f"{subject} {fact.verb} {bold(fact.value, _LONGEST_VALUE)}"


def _listed(fact: Fact) -> str:
    if not fact.subject:
        return _stated(fact)
    return f"{inline(fact.subject)}: {bold(fact.value, _LONGEST_VALUE)}"
