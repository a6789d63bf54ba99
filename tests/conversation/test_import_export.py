"""Conversations as files and back, from ourselves and from anybody."""

import io
import json
import zipfile
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from chatbot.conversation import (
    Conversation,
    Failure,
    Feedback,
    Options,
    Rating,
    Timing,
    TurnStatus,
    Usage,
    import_export,
)
from chatbot.conversation.import_export import UnreadableExportError
from chatbot.conversation.store import StoredTurn
from chatbot.conversation.turn import TurnMemory
from tests.support.bundles import bundle_of
from tests.support.turns import text_turn

ENDED = [TurnStatus.COMPLETE, TurnStatus.STOPPED, TurnStatus.FAILED]
LINE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
COUNT = st.integers(0, 2**31 - 1)
AMOUNT = st.floats(0, 1e9)
MAYBE_AMOUNT = st.none() | AMOUNT
OPTIONS = st.builds(
    Options,
    st.none() | LINE,
    st.none() | st.text(),
    st.none() | st.floats(0, 2),
    st.none() | st.floats(0.01, 1),
    st.none() | st.integers(1, 2**31 - 1),
    st.none() | COUNT,
)


@st.composite
def trees(draw) -> list[StoredTurn]:
    """Every version of every turn, of which one path is shown."""
    stored = []
    parents: list[int | None] = [None]
    path: int | None = None
    for index in range(draw(st.integers(0, 4))):
        versions = list(range(draw(st.integers(1, 3))))
        shown = draw(st.sampled_from([*versions, None])) if index == 0 or path is not None else None
        for version in versions:
            status = draw(st.sampled_from(ENDED))
            failure = st.builds(Failure, LINE, st.text(), st.none() | st.floats(0, 1e6), st.booleans())
            turn = text_turn(
                index,
                draw(st.text()),
                draw(st.text()),
                status,
                draw(st.none() | LINE),
                draw(st.none() | st.builds(Usage, COUNT, COUNT, MAYBE_AMOUNT)),
                draw(failure) if status is TurnStatus.FAILED else None,
                draw(st.sampled_from(TurnMemory)),
                draw(LINE),
                version,
                path if version == shown else draw(st.sampled_from(parents)),
                draw(st.none() | st.builds(Timing, AMOUNT, AMOUNT, MAYBE_AMOUNT, MAYBE_AMOUNT)),
                draw(LINE),
                draw(st.none() | st.builds(Feedback, st.sampled_from(Rating), st.text())),
                reasoning=draw(st.text()),
            )
            stored.append(StoredTurn(turn, version == shown))
        parents, path = versions, shown
    return stored


FIVE = Options(k=5)


def conversation(title: str = "Title", options: Options = FIVE) -> Conversation:
    return Conversation("new", "me", title=title, options=options)


def turn(index: int = 0, version: int = 0, parent: int | None = None, **values) -> StoredTurn:
    shown = values.pop("shown", version == 0)
    values = {"question": f"q{index}", "answer": f"a{index}", "status": TurnStatus.COMPLETE} | values
    return StoredTurn(text_turn(index, version=version, parent=parent, **values), shown)


def exported(*stored: StoredTurn) -> dict:
    return json.loads(import_export.to_json(conversation(), stored or [turn(), turn(1, parent=0)]))


@given(trees(), st.text(max_size=100), OPTIONS, st.booleans())
@example([turn(question="\0\u2028\ufeff\r\n\t 👩‍💻 é e\u0301")], "\0", Options(), True)
def test_what_is_exported_is_read_as_it_was(stored, title, options, as_bytes):
    text = import_export.to_json(Conversation("secret id", "secret owner", 7, title, options, 1e9), stored)
    back = import_export.read_json(text.encode() if as_bytes else text, "me", "new")
    used = [each.turn.usage for each in stored if each.turn.usage]
    costs = [usage.cost for usage in used if usage.cost is not None]
    assert back[1] == stored
    assert replace(back[0], usage=Usage(0, 0)) == conversation(title, options)
    assert back[0].usage.input_tokens == sum(usage.input_tokens for usage in used)
    assert back[0].usage.cost == (pytest.approx(sum(costs)) if costs else None)


def test_an_export_does_not_tell_whose_it_is():
    text = import_export.to_json(Conversation("SECRET-ID", "SECRET-OWNER", title="t"), [turn()])
    assert "SECRET" not in text


def test_an_answer_that_was_growing_is_stopped():
    _, [only] = import_export.read_json(
        import_export.to_json(conversation(), [turn(status=TurnStatus.STREAMING)]), "me", "new"
    )
    assert only.turn.status is TurnStatus.STOPPED


def with_turn(**changes):
    def change(content):
        content["turns"][1] |= changes

    return change


def with_file(**changes):
    return lambda content: content.update(changes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (with_file(format="other"), '"format"'),
        (with_file(version=3), "newer version"),
        (with_file(version=0), '"version" is none of 1 to 2'),
        (with_file(version=True), '"version" is none of 1 to 2'),
        (with_file(owner="somebody"), '"owner" is not part'),
        (with_file(options={"k": -1}), '"options.k" is less than 0'),
        (with_file(title=3), '"title" should be text'),
        (with_file(turns={}), '"turns" should be a list'),
        (with_file(turns=["x"]), r'"turns\[0\]" should be an object'),
        (with_file(turns=[0] * 20_001), "more than 20,000"),
        (lambda content: content.pop("turns"), '"turns" is missing'),
        (with_turn(role="system"), r'"turns\[1\].role" is not part'),
        (with_turn(status="done"), r'"turns\[1\].status" should be .streaming'),
        (with_turn(index="1"), r'"turns\[1\].index" should be a whole number'),
        (with_turn(version=2**31), "is too large"),
        (with_turn(user="half \ud83d"), r'"turns\[1\].user" holds half a character'),
        (with_turn(notice="\ud83d"), "half a character"),
        (with_file(title="\ud83d"), '"title" holds half a character'),
        (with_turn(notice="\0"), "NUL"),
        (with_turn(usage={"input_tokens": 1}), r'"turns\[1\].usage.output_tokens" is missing'),
        (with_turn(status="failed"), "failure"),
        (with_turn(index=0, parent=None), "number 2 .* is there twice"),
        (with_turn(index=0, version=1, parent=None), "another version"),
        (with_turn(index=2), "number 2 .* not there"),
        (with_turn(parent=4), "number 2 .* not there"),
        (with_turn(parent=None), "number 2 .* not there"),
        (lambda content: content["turns"][0].update(shown=False), "index 0 is missing"),
        (
            lambda content: content["turns"].append(content["turns"][1] | {"version": 1, "parent": None}),
            "another version",
        ),
        (
            lambda content: (
                content["turns"].append(content["turns"][0] | {"version": 1, "shown": False}),
                content["turns"][1].update(parent=1),
            ),
            "does not follow",
        ),
    ],
)
def test_a_file_that_is_wrong_says_what_and_where(change, words):
    content = exported()
    change(content)
    with pytest.raises(UnreadableExportError, match=words):
        import_export.read_json(json.dumps(content), "me", "new")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        (b"\xff\xfe", "UTF-8"),
        ("[]", '"format"'),
        ("[" * 100_000, "not JSON"),
        ("9" * 10_000, "not JSON"),
        (" " * (import_export.MAX_BYTES + 1), "larger than 20 MB"),
    ],
)
def test_a_file_that_is_none_is_refused_in_words(text, words):
    with pytest.raises(UnreadableExportError, match=words):
        import_export.read_json(text, "me", "new")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_nothing_but_its_own_error_comes_of_any_json(value):
    content = exported() | {"turns": value}
    if value == []:
        return
    with pytest.raises(UnreadableExportError):
        import_export.read_json(json.dumps(content), "me", "new")


# ---------------------------------------------------------------------------------------------- ZIP


def ids():
    numbers = count(1)
    return lambda: f"id {next(numbers)}"


def test_all_conversations_come_back_from_a_bundle():
    titles = ["Plans", "plans", "../../etc/passwd", "a/b\\c:d*?", "CON", "", "예산 合同 👩‍💻", "x" * 500, "\0\n\u202e"]
    several = [(Conversation(str(n), "o", title=title), [turn(question=title)]) for n, title in enumerate(titles)]
    data = bundle_of(several)
    names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    assert len({name.casefold() for name in names}) == len(names) == 2 * len(titles)
    for name in names:
        assert not set(name) & set('/\\:*?"<>|\0\n\u202e')
        assert len(name) <= 100
        assert not name.startswith(".")
    back = import_export.read(data, "me", ids())
    assert [(each.id, each.owner, each.title) for each, _ in back] == [
        (f"id {n}", "me", title) for n, title in enumerate(titles, 1)
    ]
    assert [stored for _, stored in back] == [stored for _, stored in several]


@given(st.text())
@example("con")
@example("LPT1")
def test_any_title_makes_a_file_name(title):
    name = import_export.file_name(title)
    assert 0 < len(name) <= 82
    assert len(name.encode()) <= 210
    assert name == name.strip()
    assert not set(name) & set('/\\:*?"<>|.')
    assert name.casefold() not in {"con", "lpt1"}


def test_a_file_of_one_conversation_is_read_as_such():
    [(read, stored)] = import_export.read(import_export.to_json(conversation(), [turn()]).encode(), "me", ids())
    assert (read.id, stored) == ("id 1", [turn()])


def zipped(files: dict[str, bytes | str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


BLANK = b" " * 19_999_000
GOOD = import_export.to_json(conversation(), [turn()])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK", "damaged"),
        (bundle_of([(conversation(), [turn()])])[:-30], "damaged"),
        (bundle_of([(conversation(), [turn()])]).replace(b"\x08\x00", b"\x63\x00"), "damaged"),
        (zipped({"a.txt": "hello"}), "no conversation"),
        (zipped({"good.json": GOOD, "bad.json": "{"}), "In “bad.json”: The file is not JSON"),
        (zipped({"a.json": b" " * (import_export.MAX_BYTES + 1)}), "In “a.json”: The file is larger"),
        (zipped({f"{n}.json": GOOD.encode() + BLANK for n in range(6)}), "Unpacked"),
        (zipped({f"{n}.json": "" for n in range(1_001)}), "more than 1,000 conversations"),
        (zipped({f"{n}.txt": "" for n in range(4_001)}), "too many files"),
    ],
    ids=["none", "cut", "method", "empty", "bad", "large", "bomb", "many", "files"],
)
def test_a_bundle_that_is_wrong_says_so(data, words):
    with pytest.raises(UnreadableExportError, match=words):
        import_export.read(data, "me", ids())


# ---------------------------------------------------------------------------------------------- Markdown


def test_a_conversation_reads_well():
    turns = [
        text_turn(0, "What is 2 + 2?\nThink.", "It is **4**.", TurnStatus.COMPLETE, notice="A parameter was left out."),
        text_turn(1, "And then?", "Then", TurnStatus.STOPPED, parent=0),
        text_turn(
            2, "Go on", "", TurnStatus.FAILED, failure=Failure("ModelRateLimitError", "Wait a minute."), parent=0
        ),
    ]
    assert import_export.to_markdown(conversation("Sums & <more>"), turns) == (
        "# Sums \\& \\<more\\>\n\n"
        "## Turn 1\n\n> What is 2 + 2?\n> Think.\n\nIt is **4**.\n\n*A parameter was left out.*\n\n"
        "## Turn 2\n\n> And then?\n\nThen\n\n*The answer was stopped.*\n\n"
        "## Turn 3\n\n> Go on\n\n*This turn failed. Wait a minute.*\n"
    )


PIECES = """# h|## Turn 9|```|~~~~|````py|> |- |  |    |\t|1. |\
<!--|<pre>|<div>|===|---|\r|\r\n|text|[a]: b|`|\x0b|\u2028|$$|<?|+ |* """
NASTY = st.lists(st.sampled_from([*PIECES.split("|"), "| a |", "\n", "\n\n"]), max_size=12).map("".join)


@given(st.lists(st.tuples(NASTY | st.text(), NASTY | st.text()), max_size=3), NASTY | st.text())
def test_no_text_breaks_out_of_its_turn(said, title):
    turns = [text_turn(index, user, answer, TurnStatus.COMPLETE) for index, (user, answer) in enumerate(said)]
    text = import_export.to_markdown(conversation(title), turns)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    shown = [
        (token.tag, tokens[at + 1].content)
        for at, token in enumerate(tokens)
        if token.type == "heading_open" and not token.level
    ]
    assert [tag for tag, _ in shown] == ["h1", *["h2"] * len(turns)]
    assert [words for _, words in shown[1:]] == [f"Turn {n}" for n in range(1, len(turns) + 1)]


def test_ordinary_code_in_an_answer_is_not_quoted():
    answer = "Run this:\n\n```sh\n# list\nls\n```\n\n- one\n- two"
    assert f"\n\n{answer}\n" in import_export.to_markdown(conversation(), [turn(answer=answer).turn])
