"""Other tools' exports become conversations: what is said is taken, every branch of it, and what is not is told."""

import json
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.conversation import (
    Conversation,
    Failure,
    Feedback,
    Notice,
    Rating,
    TurnMemory,
    TurnStatus,
    UnreadableExportError,
    Usage,
)
from chatbot.conversation.content_blocks import blob_of
from chatbot.conversation.import_export import read, read_json, to_json
from chatbot.conversation.import_export.others import messages
from chatbot.conversation.import_export.others.messages import Message, OtherConversation, Role, turns_of
from chatbot.conversation.parts import Citation, File, Image, Reasoning, Text, ToolCall, ToolResult
from tests.support import other_tools as samples

PICTURE = blob_of(samples.PNG, "image/png")


def imported(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    numbers = count(1)
    return read(data, "ada", lambda: f"id {next(numbers)}")


def shown(conversation):
    return [each.turn for each in conversation.stored if each.shown]


def said(conversation):
    return [(turn.question_text, turn.answer_text) for turn in shown(conversation)]


def everything(conversation):
    """Each version: where it stands, what it follows, what it says, and whether it is shown."""
    return {
        (one.turn.key, one.turn.parent, one.turn.question_text, one.turn.answer_text): one.shown
        for one in conversation.stored
    }


# ------------------------------------------------------------------------------------------------------------ ChatGPT


def test_every_branch_of_chatgpt_is_a_version_and_the_open_one_is_shown():
    [trip, _] = imported(samples.CHATGPT).conversations
    assert trip.conversation.title == "Trip"
    assert everything(trip) == {
        ((0, 0), None, "Where to?", "To the hills."): False,
        ((0, 1), None, "Where to?", "To the sea."): True,
        ((0, 2), None, "Where to in winter?", "Home."): False,
        ((1, 0), 1, "How?", "By train. Or by car."): True,
    }
    by_key = {one.turn.key: one.turn for one in trip.stored}
    assert [by_key[key].status for key in ((0, 1), (0, 2))] == [TurnStatus.COMPLETE, TurnStatus.STOPPED]
    assert (by_key[1, 0].deployment, by_key[1, 0].finish_reason) == ("gpt-5", "length")
    # Instructions that ChatGPT did not show; its empty system message is none.
    assert by_key[0, 0].notices == (Notice("hidden_not_taken", {"count": 1}),)
    assert by_key[0, 2].notices == ()


def test_thoughts_tools_and_sources_of_chatgpt_are_parts():
    [trip, _] = imported(samples.CHATGPT).conversations
    assert shown(trip)[1].answer == (
        Reasoning("Ways\n\nTrain or car.\n\n"),
        ToolCall("call", "web", {"q": "trains"}),
        ToolResult("web", "Three trains."),
        Text("By train."),
        Citation("Trains", "https://rail.example/", "every hour"),
        Text(" Or by car."),
    )
    [old] = imported([samples.CHATGPT_OLD_SOURCES]).conversations
    assert shown(old)[0].answer == (Text("They did"), Citation("Who", "https://who.example/", "…"), Text("."))


def test_pictures_and_files_of_chatgpt_are_taken_from_the_zip_and_missed_without_it():
    file = imported(samples.CHATGPT)
    assert (file.tool, file.empty) == ("ChatGPT", 1)
    question, notices = shown(file.conversations[1])[0].question, shown(file.conversations[1])[0].notices
    assert question == (Text("What is this?"),)
    assert notices == (
        Notice("pictures_not_taken", {"count": 1}),
        Notice("files_not_taken", {"count": 2}),
        Notice("others_not_taken", {"count": 1, "types": "hologram"}),
    )
    file = imported(samples.CHATGPT_ZIP)
    assert (file.tool, file.empty, len(file.conversations)) == ("ChatGPT", 1, 2)
    pictures = file.conversations[1]
    document = blob_of(b"%PDF-1.4", "application/octet-stream")
    assert shown(pictures)[0].question == (Image(PICTURE), Text("What is this?"), File(document, "b.pdf"))
    assert pictures.data == {PICTURE: samples.PNG, document: b"%PDF-1.4"}
    assert [each.kind for each in shown(pictures)[0].notices] == ["files_not_taken", "others_not_taken"]


def test_the_case_that_was_reported_is_read():
    mapping = samples.tree(
        samples.node("a", None, None, "b"),
        {
            "id": "b",
            "parent": "a",
            "children": ["c"],
            "message": {"author": {"role": "user"}, "content": {"content_type": "text", "parts": ["Where to?"]}},
        },
        {
            "id": "c",
            "parent": "b",
            "children": [],
            "message": {"author": {"role": "assistant"}, "content": {"content_type": "text", "parts": ["To the sea."]}},
        },
    )
    value = [{"title": "Trip", "create_time": 1.0, "update_time": 2.0, "current_node": "c", "mapping": mapping}]
    for data in (value, samples.packed({"a/user.json": "{}", "a/conversations.json": json.dumps(value)})):
        [trip] = imported(data).conversations
        assert (trip.conversation.title, said(trip)) == ("Trip", [("Where to?", "To the sea.")])


# --------------------------------------------------------------------------------------------------------- Open WebUI


def test_open_webui_is_read_with_what_its_answers_hold():
    sums, newer, failed = imported(samples.OPEN_WEBUI).conversations
    assert sums.conversation.options.system_prompt == "Count well."
    assert everything(sums) == {
        ((0, 0), None, "What is 15 × 17?", "It is 255."): False,
        ((0, 1), None, "What is 15 × 17?", "255."): True,
        ((1, 0), 1, "And the weather?", "I look.\n\n\nIt is 18 C."): True,
    }
    first = sums.stored[0].turn
    assert first.question == (Text("What is 15 × 17?"), Image(PICTURE))
    assert first.answer == (Reasoning("15 times 17\nis 255"), Text("It is 255."))
    assert (first.usage, first.feedback) == (Usage(12, 30), Feedback(Rating.UP, "good"))
    again, weather = shown(sums)
    assert again.deployment == "R one"
    assert again.answer == (Text("255."), Citation("Tables", "https://sums.example/", "15 × 17 = 255"))
    assert weather.answer == (
        Text("I look.\n"),
        ToolCall("call_1", "weather", {"city": "Paris"}),
        ToolResult("call_1", "18 C"),
        Text("\n\nIt is 18 C."),
    )
    assert weather.notices == (Notice("files_not_taken", {"count": 1}),)
    assert shown(newer)[0].answer == (
        Reasoning("I ask."),
        ToolCall("f1", "weather", {"city": "Paris"}),
        ToolResult("f1", "rain"),
        Text("Rain."),
    )
    assert shown(failed)[0].failure == Failure("ModelError", {"text": "The model is away."})
    assert sums.data == {PICTURE: samples.PNG}


# ---------------------------------------------------------------------------------------------------------- LibreChat


def test_librechat_is_read_as_a_tree_and_as_a_list():
    [tree] = imported(samples.LIBRECHAT_TREE).conversations
    assert tree.conversation.options.system_prompt == "You help."
    assert everything(tree) == {
        ((0, 0), None, "How?", "So."): False,
        ((0, 1), None, "How?", "I look.\n\nThus it is."): True,
        ((1, 0), 1, "Thanks", ""): True,
    }
    first = tree.stored[0].turn
    assert (first.usage, first.feedback) == (Usage(20, 5), Feedback(Rating.DOWN, "no"))
    answered, failed = shown(tree)
    assert answered.answer[:4] == (
        Reasoning("I wonder."),
        Text("I look."),
        ToolCall("t1", "search", {"q": "how"}),
        ToolResult("t1", "Thus."),
    )
    assert answered.notices == (Notice("pictures_not_taken", {"count": 1}), Notice("files_not_taken", {"count": 1}))
    assert failed.failure == Failure("ModelError", {"text": "Limit reached"})
    [plain] = imported(samples.LIBRECHAT_LIST).conversations
    assert said(plain) == [("One?", "One."), ("Two?", "Tw")]
    assert shown(plain)[0].answer == (Reasoning("Hm."), Text("One."))
    assert [turn.status for turn in shown(plain)] == [TurnStatus.COMPLETE, TurnStatus.STOPPED]


def test_a_very_deep_tree_is_read():
    message = samples.libre("m1999", "m1998", "the last")
    for number in range(1998, -1, -1):
        message = samples.libre(f"m{number}", f"m{number - 1}", f"{number}", message, user=number % 2 == 0)
    # Not by Python's own writer, which is as deep as its stack.
    text = ""
    closing = ""
    while True:
        [*children] = message.pop("children")
        text += json.dumps(message)[:-1] + ', "children": ['
        closing += "]}"
        if not children:
            break
        [message] = children
    head = '{"conversationId": "1", "title": "Deep", "recursive": true, "messages": ['
    [deep] = imported((head + text + closing + "]}").encode()).conversations
    assert len(shown(deep)) == 1_000
    assert said(deep)[-1] == ("1998", "the last")


# ------------------------------------------------------------------------------------------------------------- Gradio


def test_what_is_saved_of_a_gradio_chatbot_is_read():
    [chat] = imported(samples.GRADIO_MESSAGES).conversations
    assert chat.conversation.options.system_prompt == "Be kind."
    assert chat.conversation.title == "Hello"
    hello, cat = shown(chat)
    assert (hello.question_text, hello.answer) == ("Hello", (Reasoning("I think."), Text("Hi!")))
    assert (cat.question, cat.answer) == ((Text("A cat?"),), (Text("Yes."),))
    assert cat.notices == (
        Notice("pictures_not_taken", {"count": 1}),
        Notice("others_not_taken", {"count": 1, "types": "plot"}),
    )
    assert imported({"messages": samples.GRADIO_MESSAGES}).conversations[0].stored == chat.stored


def test_pairs_and_several_conversations_of_gradio_are_read():
    [pairs] = imported(samples.GRADIO_PAIRS).conversations
    assert said(pairs) == [("Hello", "Hi!"), ("", ""), ("Bye", "Goodbye.\n\nAre you there?")]
    picture = shown(pairs)[1]
    assert [each.kind for each in picture.notices] == ["pictures_not_taken", "no_question"]
    assert picture.memory is TurnMemory.EXCLUDED, "nobody is sent an empty question"
    several = imported(samples.GRADIO_SEVERAL).conversations
    assert [said(each) for each in several] == [[("one", "1")], [("two", "2")]]


# --------------------------------------------------------------------------------------------------- whatever comes in


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([{"title": "a", "mapping": [], "current_node": 1}], "nothing_said"),
        ([{"title": "a", "mapping": {"a": 1}, "current_node": 1}], r"not_an_object .*\[0\]\.mapping"),
        ([samples.CHATGPT_TRIP, 3], r"not_an_object .*\[1\]"),
        ([{"chat": 3, "history": 1}], r"not_an_object .*\[0\]\.chat"),
        ({"conversationId": "1", "messages": 3}, "not_a_list"),
        ([["a", "b", "c"]], "unreadable"),
        ([samples.CHATGPT_TRIP] * 1_001, "too_many_conversations .*most=1000"),
        (
            samples.packed({"conversations.json": "[" + json.dumps(samples.CHATGPT_TRIP)}),
            "not_json .*conversations.json",
        ),
    ],
)
def test_a_file_that_is_wrong_is_refused_whole_and_says_where(value, words):
    with pytest.raises(UnreadableExportError, match=words):
        imported(value)


def test_messages_that_follow_each_other_in_a_circle_are_refused():
    mapping = samples.tree(
        samples.node("a", "b", samples.said("user", "hi"), "b"),
        samples.node("b", "a", samples.said("assistant", "ho"), "a"),
    )
    with pytest.raises(UnreadableExportError, match="unreadable"):
        imported([{"mapping": mapping, "current_node": "a"}])


def test_what_a_model_says_between_two_questions_has_an_end():
    chain = [Message("0", None, Role.USER, [Text("q")])]
    chain += [Message(str(n), str(n - 1), Role.ASSISTANT, [Text("a")]) for n in range(1, messages.MAX_PARTS + 1)]
    with pytest.raises(UnreadableExportError, match=r"too_many_entries .*most=1000"):
        turns_of(OtherConversation("", chain), "[0]")


@pytest.mark.parametrize(
    "value",
    [
        samples.CHATGPT,
        samples.OPEN_WEBUI,
        samples.LIBRECHAT_TREE,
        samples.LIBRECHAT_LIST,
        samples.GRADIO_MESSAGES,
        samples.GRADIO_PAIRS,
    ],
)
def test_what_was_imported_can_be_exported_and_read_again(value):
    for each in imported(value).conversations:
        text = to_json(each.conversation, each.stored, each.data)
        again = read_json(text, "ada", each.conversation.id)
        assert (again.stored, again.data) == (each.stored, each.data)
        assert again.conversation == each.conversation


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "text", "id", "url"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@st.composite
def damaged(draw):
    """An export in which something has become something else."""
    value = draw(
        st.sampled_from(
            [
                samples.CHATGPT,
                samples.OPEN_WEBUI,
                samples.LIBRECHAT_TREE,
                samples.LIBRECHAT_LIST,
                samples.GRADIO_MESSAGES,
            ]
        )
    )
    value = json.loads(json.dumps(value))
    place = value
    for _ in range(draw(st.integers(1, 8))):
        keys = list(place) if isinstance(place, dict) else range(len(place))
        if not keys:
            break
        key = draw(st.sampled_from(list(keys)))
        if not isinstance(place[key], dict | list) or draw(st.booleans()):
            place[key] = draw(JUNK)
            break
        place = place[key]
    return value


@given(damaged())
def test_nothing_but_its_own_error_comes_of_a_damaged_export(value):
    try:
        file = imported(value)
    except UnreadableExportError:
        return
    for each in file.conversations:
        # And what was read is a conversation like any other.
        read_json(to_json(each.conversation, each.stored, each.data), "ada", "new")


@st.composite
def forests(draw):
    """Messages of which each follows an earlier one, or none."""
    several = []
    for number in range(draw(st.integers(1, 12))):
        parent = draw(st.none() | st.integers(0, number - 1)) if number else None
        role = draw(st.sampled_from(Role))
        several.append(
            Message(str(number), None if parent is None else str(parent), role, [Text(f"{number};")], number)
        )
    return several


@given(forests(), st.integers(0, 11))
def test_whatever_the_tree_its_turns_are_a_tree_and_nothing_said_is_lost(several, current):
    stored = turns_of(OtherConversation("", several, str(current)), "")
    text = to_json(Conversation("new", "ada", title="t"), stored)
    assert read_json(text, "ada", "new").stored == stored
    words = "".join(one.turn.question_text + one.turn.answer_text for one in stored)
    assert all(f"{each.id};" in words for each in several if each.role is not Role.BESIDE)
    path = "".join(one.turn.question_text + one.turn.answer_text for one in stored if one.shown)
    open_one = next((each for each in several if each.id == str(current)), None)
    assert open_one is None or open_one.role is Role.BESIDE or f"{current};" in path
