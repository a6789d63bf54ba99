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
    Notice,
    Options,
    Rating,
    Timing,
    TurnStatus,
    UnreadableExportError,
    Usage,
    import_export,
)
from chatbot.conversation.content_blocks import blob_of
from chatbot.conversation.parts import Citation, File, Image, NonStandard, Text, ToolCall, ToolResult, blobs_of
from chatbot.conversation.store import StoredTurn
from chatbot.conversation.turn import TurnMemory
from tests.support.bundles import bundle_of
from tests.support.document_words import WORDS
from tests.support.parts import ALL_PARTS, DATA, with_parts
from tests.support.turns import text_turn

ENDED = [TurnStatus.COMPLETE, TurnStatus.STOPPED, TurnStatus.FAILED]
LINE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
COUNT = st.integers(0, 2**31 - 1)
AMOUNT = st.floats(0, 1e9)
MAYBE_AMOUNT = st.none() | AMOUNT
FACTS = st.dictionaries(LINE, st.text() | st.integers(-(2**53), 2**53) | st.floats(0, 1e9) | st.booleans(), max_size=3)
OPTIONS = st.builds(
    Options,
    st.none() | LINE,
    st.none() | st.text(),
    st.none() | st.floats(0, 2),
    st.none() | st.floats(0.01, 1),
    st.none() | st.integers(1, 2**31 - 1),
    st.none() | st.integers(0, 1_000),
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
            failure = st.builds(Failure, LINE, FACTS, st.none() | st.floats(0, 1e6), st.booleans())
            turn = text_turn(
                index,
                draw(st.text()),
                draw(st.text()),
                status,
                draw(st.none() | LINE),
                draw(st.none() | st.builds(Usage, COUNT, COUNT, MAYBE_AMOUNT)),
                draw(failure) if status is TurnStatus.FAILED else None,
                draw(st.sampled_from(TurnMemory)),
                draw(st.lists(st.builds(Notice, LINE, FACTS), max_size=3).map(tuple)),
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


@pytest.mark.slow
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


@pytest.mark.slow
@given(trees(), st.lists(ALL_PARTS, max_size=6))
def test_parts_and_their_bytes_are_read_as_they_were(stored, parts):
    stored = with_parts(stored, parts)
    back = import_export.read_json(import_export.to_json(conversation(), stored, DATA), "me", "new")
    assert back.stored == stored
    assert back.data == {
        blob: DATA[blob] for each in stored for blob in blobs_of((*each.turn.question, *each.turn.answer))
    }


@given(ALL_PARTS)
def test_a_file_whose_bytes_are_gone_leaves_an_export_that_can_be_read(parts):
    [each] = with_parts([turn()], [(), parts])
    back = import_export.read_json(import_export.to_json(conversation(), [each]), "me", "new")
    assert [type(part) for part in back.stored[0].turn.answer] == [
        NonStandard if isinstance(part, Image | File) else type(part) for part in parts
    ]


def test_a_file_of_the_version_before_is_read():
    content = exported() | {"version": 2}
    assert import_export.read_json(json.dumps(content), "me", "new").stored == [turn(), turn(1, parent=0)]


PICTURE = blob_of(b"picture", "image/png")


def with_picture(change):
    """The export of a turn with a picture, changed."""
    [each] = with_parts([turn()], [(Text("q"), Image(PICTURE)), (Text("a"), ToolCall("1", "f", {"a": 1}))])
    content = json.loads(import_export.to_json(conversation(), [each], {PICTURE: b"picture"}))
    change(content, content["turns"][0])
    return json.dumps(content)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file, _: file.pop("blobs"), "blob_missing"),
        (lambda file, _: file.update(blobs={}), "blob_missing"),
        (lambda file, _: file["blobs"].update({PICTURE.sha256: ["eA=="]}), "blob_changed"),
        (lambda file, _: file["blobs"].update({"0" * 64: []}), "blob_changed"),
        (lambda file, _: file["blobs"].update({blob_of(b"x", "").sha256: ["eA=="]}), "blobs_unused"),
        (lambda file, _: file["blobs"].update({PICTURE.sha256: ["no base64"]}), "not_base64"),
        (lambda file, _: file["blobs"].update({PICTURE.sha256: [7]}), "not_base64"),
        (lambda file, _: file["blobs"].update({PICTURE.sha256: {}}), "not_json"),
        (lambda file, _: file.update(blobs=[]), "not_an_object .*'blobs'"),
        (lambda _, turn: turn["question_parts"][1]["blob"].update(size=8), "blob_missing"),
        (lambda _, turn: turn["question_parts"][1]["blob"].update(size=10**8), "too_large"),
        (lambda _, turn: turn["question_parts"][1]["blob"].update(sha256="../etc"), "unreadable .*sha256"),
        (lambda _, turn: turn["question_parts"][1]["blob"].update(mime_type="a\r\nb"), "unreadable .*mime_type"),
        (lambda _, turn: turn["question_parts"][1].update(owner="me"), "not_in_format"),
        (lambda _, turn: turn["question_parts"][1].update(type="video"), "unknown_type"),
        (lambda _, turn: turn["question_parts"][1].pop("type"), "unknown_type"),
        (lambda _, turn: turn.update(question_parts=[{"type": "text", "text": "other"}]), "text_mismatch"),
        (lambda _, turn: turn.update(user="other"), "text_mismatch"),
        (lambda _, turn: turn.update(reasoning="other"), "text_mismatch"),
        (lambda _, turn: turn.update(answer_parts=[turn["answer_parts"][1]] * 1_001), "too_many_entries .*most=1000"),
        (lambda _, turn: turn.update(answer_parts=[0] * 100_001), "too_many_values .*most=100000"),
        (lambda _, turn: turn["answer_parts"][1].update(arguments=[]), "not_an_object"),
        (lambda _, turn: turn["answer_parts"][1].update(arguments={"a": "\ud83d"}), "half_character"),
        (lambda _, turn: turn["answer_parts"][1].update(arguments={"a": [float("nan")]}), "unreadable"),
    ],
)
def test_parts_that_are_wrong_are_refused_in_words(change, words):
    with pytest.raises(UnreadableExportError, match=words):
        import_export.read_json(with_picture(change), "me", "new")


def test_an_export_does_not_tell_whose_it_is():
    text = import_export.to_json(Conversation("SECRET-ID", "SECRET-OWNER", title="t"), [turn()])
    assert "SECRET" not in text


def test_an_answer_that_was_growing_is_stopped():
    _, [only], _ = import_export.read_json(
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
        (with_file(format="other"), "not_an_export"),
        (with_file(version=4), "newer_version"),
        (with_file(version=0), r"unknown_version \(most=3\)"),
        (with_file(version=True), "unknown_version"),
        (with_file(owner="somebody"), "not_in_format .*'owner'"),
        (with_file(options={"k": -1}), r"too_small .*'options\.k', least=0"),
        (with_file(title=3), "not_text .*'title'"),
        (with_file(turns={}), "not_a_list .*'turns'"),
        (with_file(turns=["x"]), r"not_an_object .*'turns\[0\]'"),
        (with_file(turns=[0] * 20_001), "too_many_entries .*'turns', most=20000"),
        (lambda content: content.pop("turns"), "missing .*'turns'"),
        (with_turn(role="system"), r"not_in_format .*'turns\[1\]\.role'"),
        (
            with_turn(status="done"),
            r"not_one_of .*'turns\[1\]\.status', expected=.'streaming', 'complete', 'stopped', 'failed'",
        ),
        (with_turn(index="1"), r"not_a_whole_number .*'turns\[1\]\.index'"),
        (with_turn(version=2**31), "too_large .*most=2147483647"),
        (with_turn(user="half \ud83d"), r"half_character .*'turns\[1\]\.user'"),
        (with_turn(notice="\ud83d"), r"half_character .*notices\[0\]\.data\.text"),
        (with_file(title="\ud83d"), "half_character .*'title'"),
        (with_turn(deployment="\0"), "nul_character"),
        (with_turn(notice=3), r"not_in_format .*'turns\[1\]\.notice'"),
        (with_turn(notices=[{"kind": "a", "data": {"b": []}}]), r"not_a_plain_value .*notices\[0\]\.data\.b"),
        (with_turn(notices=[{"kind": "a", "data": {"b": 10**300}}]), "not_a_plain_value"),
        (with_turn(notices=[{"kind": "a"}] * 21), r"too_many_entries .*notices.*most=20"),
        (with_turn(notices="text"), "not_a_list .*notices"),
        (with_turn(failure={"kind": "a", "data": 1}, status="failed"), r"not_an_object .*failure\.data"),
        (with_turn(usage={"input_tokens": 1}), r"missing .*'turns\[1\]\.usage\.output_tokens'"),
        (with_turn(status="failed"), "failure_mismatch .*number=2, index=1, version=0"),
        (with_turn(index=0, parent=None), "turn_twice .*number=2"),
        (with_turn(index=0, version=1, parent=None), "shown_twice"),
        (with_turn(index=2), "no_parent .*number=2"),
        (with_turn(parent=4), "no_parent .*number=2"),
        (with_turn(parent=None), "no_parent .*number=2"),
        (lambda content: content["turns"][0].update(shown=False), r"turn_missing \(index=0\)"),
        (
            lambda content: content["turns"].append(content["turns"][1] | {"version": 1, "parent": None}),
            "shown_twice",
        ),
        (
            lambda content: (
                content["turns"].append(content["turns"][0] | {"version": 1, "shown": False}),
                content["turns"][1].update(parent=1),
            ),
            "path_broken",
        ),
    ],
)
def test_a_file_that_is_wrong_says_what_and_where(change, words):
    content = exported()
    change(content)
    with pytest.raises(UnreadableExportError, match=words):
        import_export.read_json(json.dumps(content), "me", "new")


def test_a_file_of_version_2_is_read_with_its_sentences():
    content = exported(turn(), turn(1, parent=0))
    for each in content["turns"]:
        del each["notices"]
    content["turns"][0] |= {"notice": ""}
    failure = {"kind": "ModelRateLimitError", "message": "Wait a minute.", "retry_after": 2.0, "blocked": False}
    content["turns"][1] |= {"notice": "A parameter was left out.", "status": "failed", "failure": failure}
    _, [first, second], _ = import_export.read_json(json.dumps(content | {"version": 2}), "me", "new")
    assert first.turn.notices == ()
    assert second.turn.notices == (Notice("text", {"text": "A parameter was left out."}),)
    assert second.turn.failure == Failure("ModelRateLimitError", {"text": "Wait a minute."}, 2.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not_json"),
        ("{", "not_json"),
        (b"\xff\xfe", "not_utf8"),
        ("[]", "not_an_export"),
        ("[" * 100_000, "nested_too_deep|not_json"),
        ("9" * 10_000, "nested_too_deep"),
        (" " * (import_export.MAX_BYTES + 1), r"file_too_large \(most=20\)"),
    ],
)
def test_a_file_that_is_none_is_refused(text, words):
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
    back = import_export.read(data, "me", ids()).conversations
    assert [(each.id, each.owner, each.title) for each, _, _ in back] == [
        (f"id {n}", "me", title) for n, title in enumerate(titles, 1)
    ]
    assert [stored for _, stored, _ in back] == [stored for _, stored in several]


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
    data = import_export.to_json(conversation(), [turn()]).encode()
    [(read, stored, _)] = import_export.read(data, "me", ids()).conversations
    assert (read.id, stored) == ("id 1", [turn()])


def zipped(files: dict[str, bytes | str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


GOOD = import_export.to_json(conversation(), [turn()])
LARGE = GOOD.encode().ljust(20_000_000)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK", "damaged_zip"),
        (bundle_of([(conversation(), [turn()])])[:-30], "damaged_zip"),
        (bundle_of([(conversation(), [turn()])]).replace(b"\x08\x00", b"\x63\x00"), "damaged_zip"),
        ({"a.txt": "hello"}, "no_conversation"),
        ({"good.json": GOOD, "bad.json": "{"}, r"not_json \(line=1, file='bad.json'\)"),
        ({"a.json": b" " * (import_export.MAX_BYTES + 1)}, "file_too_large .*file='a.json'"),
        ({f"{n}.json": LARGE for n in range(6)}, "unpacked_too_large"),
        ({f"{n}.json": "" for n in range(1_001)}, "too_many_conversations"),
        ({f"{n}.txt": "" for n in range(4_001)}, "too_many_files"),
    ],
    ids=["none", "cut", "method", "empty", "bad", "large", "bomb", "many", "files"],
)
def test_a_bundle_that_is_wrong_says_so(data, words):
    with pytest.raises(UnreadableExportError, match=words):
        import_export.read(zipped(data) if isinstance(data, dict) else data, "me", ids())


# ---------------------------------------------------------------------------------------------- Markdown


def test_a_conversation_reads_well():
    turns = [
        text_turn(
            0,
            "What is 2 + 2?\nThink.",
            "It is **4**.",
            TurnStatus.COMPLETE,
            notices=(Notice("left_out", {"count": 2}),),
        ),
        text_turn(1, "And then?", "Then", TurnStatus.STOPPED, parent=0),
        text_turn(
            2, "Go on", "", TurnStatus.FAILED, failure=Failure("ModelRateLimitError", {"detail": "Wait_"}), parent=0
        ),
    ]
    assert import_export.to_markdown(conversation("Sums & <more>"), turns, WORDS) == (
        "# Sums \\& \\<more\\>\n\n"
        "## Turn 1\n\n> What is 2 + 2?\n> Think.\n\nIt is **4**.\n\n*left\\_out \\{'count': 2\\}*\n\n*complete.*\n\n"
        "## Turn 2\n\n> And then?\n\nThen\n\n*stopped.*\n\n"
        "## Turn 3\n\n> Go on\n\n*ModelRateLimitError \\{'detail': 'Wait\\_'\\}*\n\n*failed.*\n"
    )


PIECES = """# h|## Turn 9|```|~~~~|````py|> |- |  |    |\t|1. |\
<!--|<pre>|<div>|===|---|\r|\r\n|text|[a]: b|`|\x0b|\u2028|$$|<?|+ |* """
NASTY = st.lists(st.sampled_from([*PIECES.split("|"), "| a |", "\n", "\n\n"]), max_size=12).map("".join)


@given(NASTY, NASTY, NASTY)
def test_no_part_breaks_out_of_its_turn(name, url, words):
    answer = (
        Image(PICTURE, name),
        ToolCall("1", name, {words: words}),
        ToolResult("1", words),
        Citation(name, f"https://{url}", words),
        NonStandard({"type": words}),
    )
    several = with_parts([turn(), turn(1)], [(Image(PICTURE, words),), answer, (Text("q"),), (Text("a"),)])
    text = import_export.to_markdown(conversation(), [each.turn for each in several], WORDS)
    tokens = MarkdownIt("commonmark").parse(text)
    assert [tokens[at + 1].content for at, token in enumerate(tokens) if token.type == "heading_open"] == [
        "Title",
        "Turn 1",
        "Turn 2",
    ]
    assert {"html_block", "fence", "code_block"}.isdisjoint(token.type for token in tokens)


@given(st.lists(st.tuples(NASTY | st.text(), NASTY | st.text()), max_size=3), NASTY | st.text())
def test_no_text_breaks_out_of_its_turn(said, title):
    turns = [text_turn(index, user, answer, TurnStatus.COMPLETE) for index, (user, answer) in enumerate(said)]
    text = import_export.to_markdown(conversation(title), turns, WORDS)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    shown = [
        (token.tag, tokens[at + 1].content)
        for at, token in enumerate(tokens)
        if token.type == "heading_open" and not token.level
    ]
    assert [tag for tag, _ in shown] == ["h1", *["h2"] * len(turns)]
    assert [words for _, words in shown[1:]] == [f"Turn {n}" for n in range(1, len(turns) + 1)]


def test_parts_that_are_no_text_are_lines_of_their_own():
    question = (Text("What is this?"), Image(PICTURE, "a cat"))
    answer = (
        Text("I look."),
        ToolCall("1", "look", {"at": "it"}),
        ToolResult("1", "# found\n*it*"),
        Text("A cat"),
        Citation("Cats", "https://a.example/c?q=<b>", "meow"),
        Citation("Trap", "javascript:alert(1)"),
        Text("."),
        File(PICTURE, "c.png"),
    )
    [each] = with_parts([turn()], [question, answer])
    assert import_export.to_markdown(conversation("T"), [each.turn], WORDS) == (
        "# T\n\n## Turn 1\n\n> What is this?\n\n*Image*\n\nI look.\n\n"
        "*ToolCall*\n\n*ToolResult*\n\nA cat.\n\n*File*\n\n"
        "- [Cats](<https://a.example/c?q=%3Cb%3E>): “meow”\n- Trap\n\n*complete.*\n"
    )


def test_ordinary_code_in_an_answer_is_not_quoted():
    answer = "Run this:\n\n```sh\n# list\nls\n```\n\n- one\n- two"
    shown = import_export.to_markdown(conversation(), [turn(answer=answer).turn], WORDS)
    assert f"\n\n{answer}\n" in shown
