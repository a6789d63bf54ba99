import ast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatbot.emulator.model.demo_model import answer, count_tokens, tokens


def conversation(*user_texts: str) -> list[dict[str, str]]:
    """Messages with an answer of the assistant between each two of the user."""
    messages = []
    for text in user_texts:
        messages += [{"role": "user", "content": text}, {"role": "assistant", "content": "I see."}]
    return messages[:-1]


@pytest.mark.parametrize(
    "text",
    [
        "My name is Ada",
        "my name's Ada.",
        "My name\u2019s Ada!",
        "I'm called Ada",
        "I\u2019m called Ada",
        "Hi, I am called Ada.",
        "call me Ada",
        "Hello! Please call me Ada, thanks",
        "Remember this: my name is Ada",
        "My name is Ada and I like tea",
        "What a day. My name is Ada.",
        "A first line\nmy name is Ada",
    ],
)
def test_a_name_is_greeted_and_known_later(text: str) -> None:
    first = answer(conversation(text))
    assert "**Ada**!" in first
    assert "memory window" in first
    assert "Your name is **Ada**." in answer(conversation(text, "What is my name?"))


@pytest.mark.parametrize(
    "question",
    [
        "what is my name?",
        "What's my name",
        "what\u2019s my name?!",
        "whats my name",
        "WHO AM I?",
        "Do you know who I am?",
        "do you remember my name?",
        "And what is my name?",
        "can you tell me my name please?",
        "do you know what my name is?",
        "Quick question: what is my name?",
    ],
)
def test_questions_for_the_name(question: str) -> None:
    assert "**Ada**" in answer(conversation("My name is Ada", question))
    unknown = answer(conversation(question))
    assert "cannot find your name" in unknown
    assert "left the memory window" in unknown


@pytest.mark.parametrize(
    ("statement", "question", "found"),
    [
        ("remember this: my favourite colour is teal", "what is my favourite colour?", "favourite colour is **teal**"),
        ("My favourite color is teal", "What's my favorite colour?", "**teal**"),
        ("remember that my dog's name is Rex", "what is my dog\u2019s name?", "Your dog's name is **Rex**"),
        ("My hobbies are chess and go.", "what are my hobbies?", "Your hobbies are **chess and go**"),
        ("Remember that the code word is heron", "What is the code word?", "The code word is **heron**"),
        ("my number is 3.14", "what is my number", "**3.14**"),
        ('My motto is "less is more".', "what's my motto?", "**less is more**"),
        ("My doctor is Dr. Watson. He is kind.", "who is my doctor?", "**Dr. Watson**"),
    ],
)
def test_a_fact_is_confirmed_and_found(statement: str, question: str, found: str) -> None:
    assert answer(conversation(statement)).startswith("Noted: ")
    assert found in answer(conversation(statement, question))


def test_one_message_may_state_several_things() -> None:
    text = "My name is Ada, and my favourite colour is teal. My cat is called Turing; my town is Bath"
    confirmed = answer(conversation(text))
    assert "**Ada**" in confirmed
    assert "your favourite colour is **teal**" in confirmed
    assert "your town is **Bath**" in confirmed


def test_one_message_may_state_and_ask() -> None:
    assert "**Ada**" in answer(conversation("My name is Ada. What is my name?"))


def test_the_latest_statement_counts() -> None:
    assert "**Bob**" in answer(conversation("my name is Ada", "No, my name is Bob", "what is my name?"))


@pytest.mark.parametrize(
    "text",
    [
        "Is my name Ada?",
        "My name is Ada, right?",
        "My name is not Ada",
        "call me later",
        "repeat:\nmy name is Ada",
        "What my name is does not matter",
    ],
)
def test_what_is_not_stated_is_not_known(text: str) -> None:
    assert "cannot find your name" in answer(conversation(text, "what is my name?"))


@pytest.mark.parametrize("role", ["assistant", "system", "tool"])
def test_only_users_state_facts(role: str) -> None:
    messages = [{"role": role, "content": "My name is Ada"}, {"role": "user", "content": "what is my name?"}]
    reply = answer(messages)
    assert "Ada" not in reply
    assert "the 2 messages I was sent" in reply


def test_a_question_about_the_world_is_not_looked_up() -> None:
    assert "demo model" in answer(conversation("what is the capital of France?"))


def test_recall_lists_facts_and_counts_earlier_messages() -> None:
    reply = answer(
        conversation(
            "my town is Rome",
            "My name is Ada",
            "No, my town is Bath",
            "remember this: buy milk",
            "What do you remember?",
        )
    )
    assert "4 earlier messages" in reply
    assert reply.endswith("\n\n- your name: **Ada**\n- your town: **Bath**\n- “buy milk”")


def test_recall_is_honest_when_there_is_nothing() -> None:
    reply = answer(conversation("hello", "what do you remember about me?"))
    assert reply.startswith("Nothing")
    assert "1 earlier message " in reply


@pytest.mark.parametrize("question", ["list our topics", "What did we talk about?", "What were our topics so far?"])
def test_topics_are_the_earlier_messages(question: str) -> None:
    reply = answer(conversation("How do\nmagnets work?", "x " * 300, question))
    heading, *lines = reply.split("\n\n", 1)[1].splitlines()
    assert heading == "1. How do magnets work?"
    assert len(lines) == 1
    assert lines[0].endswith("…")
    assert len(lines[0]) < 100


def test_topics_are_honest_when_there_are_none() -> None:
    assert "no earlier topics" in answer(conversation("list our topics"))


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("repeat hello", "hello"),
        ("Repeat: hello", "hello"),
        ("please repeat this: hello", "hello"),
        ("repeat after me: hello", "hello"),
        ('repeat "hello"', "hello"),
        ("repeat: “hello”", "hello"),
        ("repeat 'hello'", "hello"),
        ('repeat "one" and "two"', '"one" and "two"'),
        ("repeat   two more blanks", "  two more blanks"),
        ("repeat:\n    if x:\n\ty()  \n", "    if x:\n\ty()  \n"),
        ("repeat:\r\n  a\r\n b", "  a\r\n b"),
        ("repeat ```python\nx = '*'\n```", "```python\nx = '*'\n```"),
        ("repeat **bold** <b> $x$ \\", "**bold** <b> $x$ \\"),
    ],
)
def test_repeat_is_exact(prompt: str, expected: str) -> None:
    assert answer(conversation(prompt)) == expected


@given(st.text())
@example("\n  \n")
@example("“”")
def test_repeat_is_exact_for_any_text(text: str) -> None:
    assert answer(conversation(f"repeat: x{text}x")) == f"x{text}x"


@pytest.mark.parametrize("prompt", ["repeat", "Repeat!", "please repeat that", "say that again, please"])
def test_repeat_alone_means_the_last_answer(prompt: str) -> None:
    messages = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": "  *Hi*\n"},
        {"role": "user", "content": prompt},
    ]
    assert answer(messages) == "  *Hi*\n"
    assert "no earlier answer" in answer(messages[-1:])


@pytest.mark.parametrize("prompt", ["a table", "Show me a table!", "can you draw a markdown table of this?"])
def test_a_table_shows_what_was_sent(prompt: str) -> None:
    messages = [{"role": "system", "content": "Be kind | short"}, {"role": "user", "content": prompt}]
    lines = answer(messages).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert "2 messages" in lines[0]
    assert table[2] == "| 1 | system | 4 | Be kind \\| short |"
    assert {line.replace("\\|", "").count("|") for line in table} == {5}


def test_a_table_of_many_messages_shows_the_newest() -> None:
    lines = answer(conversation(*(f"message {number}" for number in range(30)), "a table")).splitlines()
    assert lines[-1].startswith("| 61 | user |")
    assert len(lines) == 24


@pytest.mark.parametrize("prompt", ["a code block", "show me code", "write some python code"])
def test_a_code_block_is_fenced_and_runs(prompt: str) -> None:
    code = answer(conversation(prompt)).split("```python\n")[1].split("```")[0]
    ast.parse(code)


@pytest.mark.parametrize("prompt", ["a long answer", "tell me a long story", "Give me a very long answer please"])
def test_a_long_answer_is_structured(prompt: str) -> None:
    reply = answer(conversation(prompt))
    assert 550 < len(reply.split()) < 750
    assert reply.count("\n## ") >= 3


@pytest.mark.parametrize(
    ("prompt", "beginning"),
    [("hello", "Hello!"), ("Hi there!", "Hello!"), ("good morning", "Hello!"), ("Thank you!", "You are welcome")],
)
def test_small_talk(prompt: str, beginning: str) -> None:
    reply = answer(conversation(prompt))
    assert reply.startswith(beginning)
    assert len(reply) < 120


def test_a_known_user_is_greeted_by_name() -> None:
    assert answer(conversation("my name is Ada", "hello")).startswith("Hello, **Ada**!")


@pytest.mark.parametrize("system", [True, False])
def test_anything_else_gets_an_honest_introduction(system: bool) -> None:
    messages = [{"role": "system", "content": "SECRET"}] * system + conversation("Why?", "Explain gravity.")
    reply = answer(messages)
    assert "not a real language model" in reply
    assert f"{len(messages)} messages" in reply
    assert ("with a system prompt" in reply) == system
    assert "AZUREML_ENDPOINT_URL" in reply
    assert "AZUREML_ENDPOINT_API_KEY" in reply
    assert "SECRET" not in reply


@pytest.mark.parametrize(
    ("messages", "count"), [([], "0 messages"), ([{"role": "system", "content": "Be kind."}], "1 message")]
)
def test_without_a_user_there_is_nothing_to_answer(messages: list[dict[str, str]], count: str) -> None:
    assert answer(messages).startswith(f"I was sent {count}, none of them from a user")


def test_parts_are_read_as_text() -> None:
    parts = [{"type": "text", "text": "My name is Ada"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    assert "**Ada**" in answer([{"role": "user", "content": parts}])


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("my x is **a**", "your x is **\\*\\*a\\*\\***."),
        ("my name is <b>Ada", "**\\<b\\>Ada**!"),
        ("my link is [a](b)", "**\\[a\\](b)**."),
        (f"my x is {'long ' * 100}", "…**."),
    ],
)
def test_user_text_does_not_become_markdown(statement: str, shown: str) -> None:
    assert shown in answer(conversation(statement))


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "system"]), st.text())))
def test_any_conversation_gets_the_same_answer_twice(entries: list[tuple[str, str]]) -> None:
    messages = [{"role": role, "content": text} for role, text in entries]
    assert answer(messages) == answer(messages)


@given(st.text())
def test_tokens_join_to_the_text(text: str) -> None:
    assert "".join(tokens(text)) == text
    assert count_tokens(text) == len(tokens(text))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", []),
        ("Hello, brave world!", ["Hello", ",", " brave", " world", "!"]),
        ("a\n\n    b", ["a", "\n\n    ", "b"]),
        ("x" * 20, ["x" * 16, "x" * 4]),
    ],
)
def test_tokens_are_word_like(text: str, pieces: list[str]) -> None:
    assert tokens(text) == pieces


def test_it_finds_a_title_for_a_conversation_it_is_shown() -> None:
    sent = [
        {"role": "system", "content": "Write a title for the conversation that the user shows you."},
        {
            "role": "user",
            "content": "User: how big is the Contoso budget?\nAssistant: I was not told.\n\nUser: and Fabrikam?",
        },
    ]
    assert answer(sent) == "Contoso budget Fabrikam"


def test_a_conversation_without_long_words_has_a_title_too() -> None:
    sent = [{"role": "system", "content": "Write a title."}, {"role": "user", "content": "User: who am I?"}]
    assert answer(sent) == "Who am I?"
