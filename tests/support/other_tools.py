"""Files of other tools, written by hand after what these tools write: small, and with each of their oddities."""

from __future__ import annotations

import io
import json
import zipfile
from base64 import b64encode
from typing import Any

PNG = b"\x89PNG\r\n\x1a\n" + bytes(24)
DATA_URL = f"data:image/png;base64,{b64encode(PNG).decode()}"


def packed(files: dict[str, str | bytes]) -> bytes:
    """Return a ZIP."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return held.getvalue()


# ------------------------------------------------------------------------------------------------------------ ChatGPT


def node(name: str, parent: str | None, message: dict[str, Any] | None, *children: str) -> dict[str, Any]:
    return {"id": name, "parent": parent, "children": list(children), "message": message and {"id": name, **message}}


def said(role: str, *parts: Any, **more: Any) -> dict[str, Any]:
    kind = "text" if all(isinstance(each, str) for each in parts) else "multimodal_text"
    content = {"content_type": kind, "parts": list(parts)}
    return {"author": {"role": role}, "content": content, "recipient": "all", "metadata": {}, **more}


def other(role: str, recipient: str = "all", name: str | None = None, **content: Any) -> dict[str, Any]:
    return {"author": {"role": role, "name": name}, "content": content, "recipient": recipient, "metadata": {}}


def tree(*nodes: dict[str, Any]) -> dict[str, Any]:
    return {each["id"]: each for each in nodes}


HIDDEN = {"is_visually_hidden_from_conversation": True}
POINTER = {"content_type": "image_asset_pointer", "asset_pointer": "file-service://file-Picture1"}
AUDIO = {"content_type": "audio_asset_pointer", "asset_pointer": "sediment://file_audio"}

# A root without a message; instructions that are not shown; a question that was edited; an answer written again.
CHATGPT_TRIP: dict[str, Any] = {
    "title": "Trip",
    "create_time": 1756000000.1,
    "update_time": 1756000400.6,
    "mapping": tree(
        node("root", None, None, "sys"),
        node("sys", "root", said("system", ""), "ctx"),
        node(
            "ctx",
            "sys",
            other("user", content_type="user_editable_context", user_instructions="Be brief.")
            | {"metadata": HIDDEN | {"is_user_system_message": True}},
            "q1",
            "q1b",
        ),
        node("q1", "ctx", said("user", "Where to?"), "a1", "a1b"),
        node("a1", "q1", said("assistant", "To the hills.", metadata={"model_slug": "gpt-4o"})),
        node("a1b", "q1", said("assistant", "To the sea.", metadata={"model_slug": "gpt-4o"}), "q2"),
        node("q2", "a1b", said("user", "How?"), "think"),
        node(
            "think",
            "q2",
            other("assistant", content_type="thoughts", thoughts=[{"summary": "Ways", "content": "Train or car."}]),
            "recap",
        ),
        node("recap", "think", other("assistant", content_type="reasoning_recap", content="Thought for 5s"), "call"),
        node("call", "recap", other("assistant", "web", content_type="code", text='{"q": "trains"}'), "result"),
        node("result", "call", other("tool", name="web", content_type="text", parts=["Three trains."]), "a2"),
        node(
            "a2",
            "result",
            said(
                "assistant",
                "By train.\ue200cite\ue202turn0search1\ue201 Or by car.",
                metadata={
                    "model_slug": "gpt-5",
                    "finish_details": {"type": "max_tokens"},
                    "content_references": [
                        {
                            "matched_text": "\ue200cite\ue202turn0search1\ue201",
                            "start_idx": 9,
                            "end_idx": 34,
                            "type": "grouped_webpages",
                            "items": [{"title": "Trains", "url": "https://rail.example/", "snippet": "every hour"}],
                        },
                        {"matched_text": " ", "type": "sources_footnote", "sources": []},
                    ],
                },
            ),
        ),
        node("q1b", "ctx", said("user", "Where to in winter?"), "a3"),
        node("a3", "q1b", said("assistant", "Home.", metadata={"finish_details": {"type": "interrupted"}})),
    ),
    "current_node": "a2",
    "conversation_id": "1",
}

CHATGPT_PICTURES: dict[str, Any] = {
    "title": "Pictures",
    "mapping": tree(
        node("root", None, None, "q"),
        node(
            "q",
            "root",
            said(
                "user",
                POINTER,
                AUDIO,
                "What is this?",
                metadata={
                    "attachments": [
                        {"id": "file-Picture1", "name": "a.png", "mime_type": "image/png"},
                        {"id": "file-Doc1", "name": "b.pdf", "mime_type": "application/pdf"},
                    ]
                },
            ),
            "a",
        ),
        node("a", "q", said("assistant", {"content_type": "hologram"}, "A picture.")),
    ),
    "current_node": "a",
}

CHATGPT_OLD_SOURCES: dict[str, Any] = {
    "title": "Sources",
    "mapping": tree(
        node("q", None, said("user", "Who?"), "a"),
        node(
            "a",
            "q",
            said(
                "assistant",
                "They did【3†source】.",
                metadata={
                    "citations": [
                        {
                            "start_ix": 8,
                            "end_ix": 18,
                            "metadata": {"type": "webpage", "title": "Who", "url": "https://who.example/", "text": "…"},
                        }
                    ]
                },
            ),
        ),
    ),
    "current_node": "a",
}

CHATGPT = [CHATGPT_TRIP, {"title": "Empty", "mapping": {}, "current_node": None}, CHATGPT_PICTURES]

CHATGPT_ZIP = packed(
    {
        "user.json": json.dumps({"id": "user-1", "email": "ada@example.com"}),
        "message_feedback.json": json.dumps([{"id": "1", "rating": "thumbs_up", "content": "{}"}]),
        "shared_conversations.json": json.dumps([{"id": "s", "conversation_id": "1", "title": "Trip"}]),
        "chat.html": "<html></html>",
        "file-Picture1-a.png": PNG,
        "file-Doc1-b.pdf": b"%PDF-1.4",
        "conversations.json": json.dumps(CHATGPT),
    }
)

# --------------------------------------------------------------------------------------------------------- Open WebUI


def web_message(name: str, parent: str | None, role: str, content: str, *children: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "parentId": parent, "childrenIds": list(children), "role": role, "content": content, **more}


REASONING = (
    '<details type="reasoning" done="true" duration="3">\n<summary>Thought for 3 seconds</summary>\n'
    "&gt; 15 times 17\n&gt; is 255\n</details>\n"
)
TOOL_CALL = (
    '<details type="tool_calls" done="true" id="call_1" name="weather" arguments="&quot;{\\&quot;city\\&quot;: '
    '\\&quot;Paris\\&quot;}&quot;" result="&quot;18 C&quot;" files="">\n<summary>Tool Executed</summary>\n</details>\n'
)

OPEN_WEBUI = [
    {
        "id": "c1",
        "user_id": "u1",
        "title": "Sums",
        "chat": {
            "title": "Sums",
            "models": ["r1"],
            "params": {"system": "Count well."},
            "history": {
                "currentId": "m4",
                "messages": {
                    each["id"]: each
                    for each in (
                        web_message(
                            "m1",
                            None,
                            "user",
                            "What is 15 × 17?",
                            "m2",
                            "m2b",
                            files=[{"type": "image", "url": DATA_URL}],
                        ),
                        web_message(
                            "m2",
                            "m1",
                            "assistant",
                            REASONING + "It is 255.",
                            model="r1",
                            done=True,
                            usage={"prompt_tokens": 12, "completion_tokens": 30},
                            annotation={"rating": 1, "comment": "good"},
                        ),
                        web_message(
                            "m2b",
                            "m1",
                            "assistant",
                            "255.",
                            "m3",
                            model="r1",
                            modelName="R one",
                            sources=[
                                {
                                    "source": {"name": "Tables", "url": "https://sums.example/"},
                                    "document": ["15 × 17 = 255"],
                                    "metadata": [{"source": "https://sums.example/"}],
                                }
                            ],
                        ),
                        web_message(
                            "m3", "m2b", "user", "And the weather?", "m4", files=[{"type": "file", "name": "a.pdf"}]
                        ),
                        web_message("m4", "m3", "assistant", f"I look.\n{TOOL_CALL}It is 18 C."),
                    )
                },
            },
        },
        "created_at": 1700000000,
        "updated_at": 1700000010,
        "archived": False,
    },
    {
        "id": "c2",
        "title": "Newer",
        "chat": {
            "models": ["m"],
            "history": {
                "currentId": "b",
                "messages": {
                    "a": web_message("a", None, "user", "Weather?", "b"),
                    "b": web_message(
                        "b",
                        "a",
                        "assistant",
                        '<details type="tool_calls"><summary>Tool Executed</summary></details>Rain.',
                        output=[
                            {"type": "reasoning", "content": [{"type": "output_text", "text": "I ask."}]},
                            {
                                "type": "function_call",
                                "call_id": "f1",
                                "name": "weather",
                                "arguments": '{"city": "Paris"}',
                            },
                            {
                                "type": "function_call_output",
                                "call_id": "f1",
                                "output": [{"type": "input_text", "text": "rain"}],
                            },
                            {"type": "message", "content": [{"type": "output_text", "text": "Rain."}]},
                        ],
                    ),
                },
            },
        },
    },
    {
        "id": "c3",
        "title": "Failed",
        "chat": {
            "models": ["m"],
            "history": {
                "currentId": "b",
                "messages": {
                    "a": web_message("a", None, "user", "Hello?", "b"),
                    "b": web_message("b", "a", "assistant", "", error={"content": "The model is away."}),
                },
            },
        },
    },
]

# ---------------------------------------------------------------------------------------------------------- LibreChat

ROOT = "00000000-0000-0000-0000-000000000000"


def libre(name: str, parent: str, text: str, *children: Any, user: bool = False, **more: Any) -> dict[str, Any]:
    sender = "User" if user else "GPT-4"
    return {
        "messageId": name,
        "parentMessageId": parent,
        "sender": sender,
        "text": text,
        "isCreatedByUser": user,
        "error": False,
        "unfinished": False,
        "model": None if user else "gpt-4",
        "children": list(children),
        **more,
    }


LIBRECHAT_TREE = {
    "conversationId": "1",
    "endpoint": "openAI",
    "title": "Help",
    "exportAt": "13:18:04 GMT",
    "branches": True,
    "recursive": True,
    "options": {"model": "gpt-4", "promptPrefix": "You help.", "temperature": 0.8},
    "messages": [
        libre(
            "q1",
            ROOT,
            "How?",
            libre("a1", "q1", "So.", promptTokens=20, tokenCount=5, feedback={"rating": "thumbsDown", "text": "no"}),
            libre(
                "a2",
                "q1",
                "",
                libre("q2", "a2", "Thanks", libre("a3", "q2", "Limit reached", error=True), user=True),
                content=[
                    {"type": "think", "think": "I wonder."},
                    {"type": "text", "text": {"value": "I look."}},
                    {
                        "type": "tool_call",
                        "tool_call": {"id": "t1", "name": "search", "args": '{"q": "how"}', "output": "Thus."},
                    },
                    {"type": "text", "text": "Thus it is."},
                    {"type": "image_file", "image_file": {"filepath": "/images/x.png"}},
                ],
            ),
            user=True,
            files=[{"file_id": "f", "filename": "a.pdf", "type": "application/pdf"}],
        )
    ],
}

LIBRECHAT_LIST = {
    "conversationId": "2",
    "endpoint": "openAI",
    "title": "Plain",
    "branches": False,
    "recursive": False,
    "messages": [
        libre("q1", ROOT, "One?", user=True),
        libre("a1", "q1", ":::thinking\nHm.\n:::\nOne."),
        libre("q2", "a1", "Two?", user=True),
        libre("a2", "q2", "Tw", unfinished=True),
    ],
}

# ------------------------------------------------------------------------------------------------------------- Gradio

GRADIO_MESSAGES = [
    {"role": "system", "content": "Be kind.", "metadata": None},
    {"role": "user", "content": "Hello", "metadata": None, "options": None},
    {"role": "assistant", "content": "I think.", "metadata": {"title": "Thinking"}},
    {"role": "assistant", "content": [{"type": "text", "text": "Hi!"}], "metadata": {"title": None}},
    {
        "role": "user",
        "content": [{"type": "file", "file": {"path": "/tmp/gradio/x/cat.png"}}, {"type": "text", "text": "A cat?"}],
    },
    {"role": "assistant", "content": "Yes."},
    {"role": "assistant", "content": {"component": "plot", "value": {}}},
]

GRADIO_PAIRS = [["Hello", "Hi!"], [["/tmp/x/cat.png", "a cat"], None], ["Bye", "Goodbye."], [None, "Are you there?"]]

GRADIO_SEVERAL = [
    [{"role": "user", "content": "one"}, {"role": "assistant", "content": "1"}],
    [{"role": "user", "content": "two"}, {"role": "assistant", "content": "2"}],
]
