"""The Markdown of the demo model: user text shown as typed, without power over the layout, and samples."""

import re

_SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|~$&]")
_LIST_MARKER = re.compile(r"^(?:[-+](?=[-\s]|$)|\d{1,9}(?=[.)](?:\s|$)))")
# Invisible, yet part of how emoji and several scripts are written.
_JOINERS = "\u200c\u200d"


def shorten(text: str, limit: int) -> str:
    """Return `text` on one line, without control characters, at most `limit` characters long."""
    # The first characters decide; a message of many megabytes must not be rewritten for one line of it.
    line = " ".join(text[: limit * 8].split())
    line = "".join(char for char in line if char.isprintable() or char in _JOINERS)
    if len(line) <= limit:
        return line
    return line[: limit - 1].rstrip() + "…"


def inline(text: str, limit: int = 80) -> str:
    """Return `text` shortened and escaped for use within a line, a list item or a table cell."""
    escaped = _SPECIAL.sub(r"\\\g<0>", shorten(text, limit))
    return _LIST_MARKER.sub(_escape_list_marker, escaped)


def bold(text: str, limit: int = 80) -> str:
    """Return `text` escaped and in bold."""
    return f"**{inline(text, limit)}**"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 message`, `2 messages`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _escape_list_marker(marker: re.Match[str]) -> str:
    found = marker.group()
    # A digit cannot be escaped, the dot behind it can.
    return f"{found}\\" if found.isdigit() else f"\\{found}"


CODE_BLOCK = '''\
Here is a memory window in a few lines of Python:

```python
from collections import deque

window: deque[dict[str, str]] = deque(maxlen=6)  # three questions, three answers


def remember(role: str, content: str) -> list[dict[str, str]]:
    """Add a message; the oldest one leaves when the window is full."""
    window.append({"role": role, "content": content})
    return list(window)


for number in range(1, 5):
    remember("user", f"Question {number}")
    remember("assistant", f"Answer {number}")

print(window[0]["content"])  # Question 2: the first one has left the window
```
'''

LONG_ANSWER = """\
# How this conversation works

You asked for something long, so here is the story of the very words you are reading: where they come from, how they \
travel, and why an assistant sometimes forgets what you told it. Three ideas are enough to understand most chat \
applications: the **memory window**, the **stream** and the **endpoint**.

## The memory window

A language model has no memory of its own. Each time you send a message, the application packs a parcel: perhaps some \
instructions first, then a number of earlier messages, and your new message last. The model reads the parcel, writes \
one answer and forgets everything again. What feels like a conversation is a series of parcels that overlap.

The parcel cannot grow forever:

- **Every model has a limit.** It reads a certain number of tokens, which are short pieces of words, and refuses more.
- **Every token costs time and money.** A long history is read again with each question, even the parts nobody needs.
- **Old words distract.** A question about lunch is rarely answered better with last week's table of prices beside it.

So the application keeps a window over the newest part of the conversation, for example the last five questions with \
their answers. When a sixth arrives, the first one leaves. It may still be on your screen and safely stored, yet the \
model is no longer shown it.

> You can watch this happen. Tell me your name, chat about other things for a while, then ask for your name. As long \
as the message with your name is in the parcel, I can answer. Afterwards I will say that I cannot see it.

## The stream

Models write one token after another. An application could wait for the last token and show everything at once, but \
a long answer would leave you in front of an empty page. Therefore the answer is sent while it is being written:

1. The application asks for a stream when it sends the parcel.
2. The server replies at once and keeps the connection open.
3. Each new piece of text follows as a small event, only a few words long.
4. A last event gives the reason why the text ended, and a final mark says that nothing more will come.

The final mark matters. A connection can break in the middle of a sentence, and half an answer looks much like a \
short one. A careful reader treats a stream without an ending as a failure, keeps what arrived and says so.

Streams also make it possible to stop. When you press the stop button, the application closes the connection, the \
server notices and the model can turn to somebody else. Nobody pays for words that nobody will read.

## The endpoint

Between the application and the model lies an endpoint: an address, a key and a rule for what a request looks like. \
On Azure Machine Learning there are two common kinds.

| Kind | Address ends in | The reply |
|---|---|---|
| Dedicated | `/score` | one piece of text, all at once |
| Serverless | `/v1/chat/completions` | text with details, streamed if you like |

The address says where to ask, and the key says that you may. The application needs nothing else, and it does not \
need to know what is behind the address. At this moment it is a small program on your own machine: me. I recognise a \
few phrases, look through the messages I was sent and answer from them. I know no facts about the world, and I do not \
learn.

## What to do next

Try the window first, because it explains most surprises. Then connect a real model: put its address into \
`AZUREML_ENDPOINT_URL` and its key into `AZUREML_ENDPOINT_API_KEY`, and start the application again. The page stays \
the same, your conversations stay where they are, and the answers become a great deal more interesting than mine.
"""
