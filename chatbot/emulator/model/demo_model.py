"""The model behind the emulator: it knows a few phrases, and nothing that is not in the messages it was sent.

That makes it useful: what it can and cannot answer shows what a memory window holds.
"""

import re
from collections.abc import Callable, Sequence

from chatbot.emulator.model import intents, languages
from chatbot.emulator.model.intents import Fact
from chatbot.emulator.model.markdown import CODE_BLOCK, LONG_ANSWER, bold, counted, inline, shorten
from chatbot.emulator.model.messages import Message, Transcript, acknowledgement

# A word or a run of punctuation, with the blank before it. Runs are cut so that a text without blanks streams too.
_TOKEN = re.compile(r"\s?\w{1,16}|\s?[^\w\s]{1,16}|\s{1,16}")
_LONGEST_VALUE = 200
_LONGEST_READ = 2_000
_TABLE_ROWS = 20

MODEL_NAME = "built-in-demo"
"""What the services call it, and what requests call it."""


def answer(messages: Sequence[Message]) -> str:
    """Return the model's answer to a conversation: Markdown, always the same for the same messages."""
    transcript = Transcript(messages)
    if (rest := _rest(messages, transcript)) is not None:
        return rest
    replies = (skill(transcript) for skill in _SKILLS)
    reply = next((reply for reply in replies if reply is not None), None)
    if transcript.attachments:
        return "\n\n".join(text for text in (acknowledgement(transcript.attachments), reply) if text)
    return _introduction(transcript) if reply is None else reply


def tokens(text: str) -> list[str]:
    """Return `text` in word-like pieces that join to exactly `text`."""
    return _TOKEN.findall(text)


def count_tokens(text: str) -> int:
    """Return how many pieces `tokens` would give, without keeping them."""
    return sum(1 for _ in _TOKEN.finditer(text))


def _rest(messages: Sequence[Message], transcript: Transcript) -> str | None:
    """What is left of the last answer where it was cut short, when the rest is asked for."""
    if not languages.CONTINUE.fullmatch(transcript.prompt) or not transcript.last_answer:
        return None
    at = max(number for number, (role, _) in enumerate(transcript.entries) if role == "assistant")
    whole = answer(messages[:at])
    if not whole.startswith(transcript.last_answer):
        return None
    return whole.removeprefix(transcript.last_answer) or None


# Each skill answers what it recognises and leaves the rest to the next one.


def _tool_results(transcript: Transcript) -> str | None:
    if not transcript.tool_results:
        return None
    lines = [f"The tool `{name or 'unknown'}` returned: {text or 'nothing'}" for name, text in transcript.tool_results]
    return "\n\n".join(lines)


def _nothing_asked(transcript: Transcript) -> str | None:
    if transcript.user_texts:
        return None
    count = counted(len(transcript), "message")
    return f"I was sent {count}, none of them from a user, so there is nothing to answer yet."


def _title(transcript: Transcript) -> str | None:
    if not any(intents.matches(intents.TITLE, text) for text in transcript.instructions):
        return None
    # The words that matter most are mostly long, and the subject comes from the user.
    user_lines = re.findall(r"^User: (.*)$", transcript.prompt, re.MULTILINE) or [transcript.prompt]
    words = dict.fromkeys(word for line in user_lines for word in re.findall(r"\w{5,}", line))
    title = " ".join(list(words)[:4]) or shorten(user_lines[0], 40)
    return title[:1].upper() + title[1:]


def _repeat_last(transcript: Transcript) -> str | None:
    if not intents.matches(intents.REPEAT_LAST, transcript.prompt):
        return None
    return (
        transcript.last_answer
        or "There is no earlier answer of mine in the messages I was sent, so I cannot repeat it."
    )


def _repeat(transcript: Transcript) -> str | None:
    return intents.text_to_repeat(transcript.prompt)


def _recall(transcript: Transcript) -> str | None:
    if not intents.matches(intents.RECALL, transcript.prompt):
        return None
    source = f"With this question I was sent {counted(len(transcript.earlier), 'earlier message')} of yours"
    facts = _facts(transcript.earlier)
    if not facts:
        return f"Nothing about you. {source}, and I found no facts there. Try `My name is Ada` and ask me again."
    return "\n".join([f"{source}. From there I know:", "", *(f"- {_list_item(fact)}" for fact in facts.values())])


def _topics(transcript: Transcript) -> str | None:
    if not intents.matches(intents.TOPICS, transcript.prompt):
        return None
    if not transcript.earlier:
        return "This is the only message of yours that I was sent, so I can see no earlier topics."
    lines = [f"{number}. {inline(text) or '(no text)'}" for number, text in enumerate(transcript.earlier, start=1)]
    return "\n".join(["In the messages I was sent, you wrote:", "", *lines])


def _look_up(transcript: Transcript) -> str | None:
    for clause in intents.clauses(transcript.prompt):
        subject = intents.asked_about(clause)
        if subject is None:
            continue
        if fact := _facts(transcript.user_texts).get(intents.subject_key(subject)):
            count = counted(len(transcript), "message")
            return f"{_sentence(fact, capital=True)}. I found that in the {count} I was sent."
        if subject.lower().startswith("my "):
            return _not_found(transcript, subject[3:])
    return None


def _not_found(transcript: Transcript, what: str) -> str:
    seen = "the only message" if len(transcript) == 1 else f"the {len(transcript)} messages"
    return (
        f"I cannot find your {inline(what)} in {seen} I was sent. "
        "Perhaps it has left the memory window, or you have not told me yet."
    )


def _table(transcript: Transcript) -> str | None:
    if not intents.matches(intents.TABLE, transcript.prompt):
        return None
    first = max(0, len(transcript) - _TABLE_ROWS)
    rows = [
        f"| {number} | {inline(role, 20)} | {len(text.split())} | {inline(text, 40)} |"
        for number, (role, text) in enumerate(transcript.entries[first:], start=first + 1)
    ]
    heading = f"This is what I was sent: {counted(len(transcript), 'message')}."
    if first:
        heading += f" The newest {_TABLE_ROWS} are:"
    return "\n".join([heading, "", "| # | Role | Words | Beginning |", "|---:|---|---:|---|", *rows, ""])


def _code(transcript: Transcript) -> str | None:
    return CODE_BLOCK if intents.matches(intents.CODE, transcript.prompt) else None


def _long_answer(transcript: Transcript) -> str | None:
    return LONG_ANSWER if intents.matches(intents.LONG, transcript.prompt) else None


def _take_note(transcript: Transcript) -> str | None:
    new = _facts([transcript.prompt])
    name = new.pop("name", None)
    parts = [f"Nice to meet you, {bold(name.value)}!"] if name else []
    if new:
        parts.append(f"Noted: {', and '.join(_sentence(fact) for fact in new.values())}.")
    if not parts:
        return None
    return " ".join([*parts, "I will know it for as long as this message is in the memory window I am sent."])


def _hello(transcript: Transcript) -> str | None:
    if not intents.matches(intents.HELLO, transcript.prompt):
        return None
    name = _facts(transcript.earlier).get("name")
    whom = f", {bold(name.value)}" if name else ""
    return f"Hello{whom}! I am the built-in demo model. Tell me your name, or ask me `what do you remember?`"


def _thanks(transcript: Transcript) -> str | None:
    return "You are welcome!" if intents.matches(intents.THANKS, transcript.prompt) else None


def _other_language(transcript: Transcript) -> str | None:
    words = languages.language_of(transcript.prompt)
    if words is None:
        return None
    known = _facts(transcript.user_texts)
    name = known.pop("name", None)
    return languages.reply(
        words,
        transcript.prompt,
        None if name is None else bold(name.value),
        lambda: [_list_item(fact) for fact in known.values()],
        count=len(transcript),
        earlier=len(transcript.earlier),
        rows=lambda: [
            f"| {number} | {inline(role, 20)} | {inline(text, 40)} |"
            for number, (role, text) in enumerate(transcript.entries, start=1)
        ][-_TABLE_ROWS:],
    )


def _mentioned(transcript: Transcript) -> str | None:
    """What a user wrote of something that they now ask about: all that a model like this can know of it."""
    if not transcript.prompt.rstrip().endswith("?"):
        return None
    asked = _telling_words(transcript.prompt)
    said = next((text for text in reversed(transcript.earlier) if asked & _telling_words(text)), None)
    if said is None or said.rstrip().endswith("?"):
        return None
    count = counted(len(transcript), "message")
    return (
        f"You wrote “{inline(said, _LONGEST_VALUE)}”. I found that in the {count} I was sent, and know no more of it."
    )


def _telling_words(text: str) -> set[str]:
    words = {word.lower() for word in re.findall(r"[^\W\d_]{5,}", text[:_LONGEST_READ])}
    return words - intents.COMMON_WORDS


def _introduction(transcript: Transcript) -> str:
    if (words := languages.language_of(transcript.prompt)) is not None:
        return words.says["introduction"].format(count=len(transcript))
    count = counted(len(transcript), "message")
    instructions = "a" if transcript.instructions else "no"
    return (
        "I am the built-in demo model, not a real language model, so I can answer only a few things, and only from "
        f"the messages I am sent: this time {count}, with {instructions} system prompt.\n\n"
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
    _other_language,
    _recall,
    _topics,
    _look_up,
    _table,
    _code,
    _long_answer,
    _take_note,
    _hello,
    _thanks,
    _mentioned,
)


def _facts(texts: Sequence[str]) -> dict[str, Fact]:
    # What a user wanted repeated is a quotation, not a statement about themselves.
    return intents.latest_facts(text for text in texts if intents.text_to_repeat(text) is None)


def _sentence(fact: Fact, *, capital: bool = False) -> str:
    if not fact.subject:
        return f"“{inline(fact.value, _LONGEST_VALUE)}”"
    subject = inline(fact.subject)
    subject = subject[:1].upper() + subject[1:] if capital else subject
    return f"{subject} {fact.verb} {bold(fact.value, _LONGEST_VALUE)}"


def _list_item(fact: Fact) -> str:
    if not fact.subject:
        return _sentence(fact)
    return f"{inline(fact.subject)}: {bold(fact.value, _LONGEST_VALUE)}"
