"""What a model writes is what can be read: prepared answers against what a CommonMark parser calls text."""

import html
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from chatbot.ui.answer_markdown import LATEX_DELIMITERS, PIECE, GrowingMarkdown, prepare, prepare_pieces
from tests.support.answer_inputs import every_input

COMMONMARK = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
FORMULAS = [(str(each["left"]), str(each["right"])) for each in LATEX_DELIMITERS]
INLINE = FORMULAS[1][0]
PLACEHOLDER = f"{FORMULAS[0][0]}\\cdots{FORMULAS[0][1]}"
"""What stands for a formula that is being written."""


def shown(prepared: str) -> str:
    """What a browser would show: code as it is, of the rest the text within the tags; without white space.

    And without what the page says itself: where a link leads.
    """
    prepared, text = re.sub('<span class="leads">.*?</span>', "", prepared), []
    for number, part in enumerate(
        re.split(r"^(~{3,}).*\n([^]*?)\n?^\1$".replace("[^]", r"[\s\S]"), prepared, flags=re.M)
    ):
        if number % 3 == 0:
            text.append(html.unescape(re.sub(r"<[^>]*>", " ", part)))
        elif number % 3 == 2:
            text.append(part.replace("\0", ""))
    return "".join("".join(text).split())


def commonmark(text: str) -> str:
    """What a CommonMark parser says is text; without white space."""
    found = []
    for token in COMMONMARK.parse(text):
        if token.type == "inline":
            found += [child.content for child in token.children if child.type in ("text", "code_inline")]
        elif token.type in ("fence", "code_block"):
            found.append(token.content)
    return "".join("".join(found).split())


MARKDOWNS_TAGS = re.findall(r"\w+", "p a strong em s code br hr ul ol li blockquote table thead tbody tr th td h1 h2")

AS_COMMONMARK = [
    "React has <Suspense>, <Link>, <Form> and <Button>; Vue has <template> and <slot>.\n\nA second paragraph.",
    "Map<String, List<Object>> is a generic type.\n\nA second paragraph.",
    "Put the name into the <title> tag and load it with the <script> tag.\n\nA second paragraph.",
    "The <textarea> element holds text.",
    "If a<b and c>d, swap them.",
    '<div class="note">\n*emphasis*\n\n</div>\n\nafter',
    "<script>\nalert(1)\n</script>\nafter",
    "<!-- a comment --> after\n\n<!--\n\nof many lines\n\n-->\n\nafter",
    "<?php echo 1 ?> <![CDATA[x]]> <!DOCTYPE html> </div>",
    '<a href="x" style="position:fixed">click</a>',
    "<sub> is not closed. <kbd class=x>k</kbd> has a class, <SUP> shouts.",
    "vector<int> v; template <typename T> x -> y <- z",
    "1~2시간, 3~4시간 ~~gone~~ ~~~ ~a~",
    "一般需要3~5天，最多7~8天。",
    "$5 and $10, $ 7, US$3, kill $$",
    "AT&T &lt;b&gt; &copy; &nbsp;x &#38; &#x3c; &nosuch; &amp;lt;",
    r"\*not emphasis\* \<b> \& \\ \~~no\~~ C:\dir",
    "- a\n  ```py\n  if a<b: pass\n  ```\n  tail\n\n  more\n- b",
    "````\n```\nnested\n```\n````\nafter",
    "```python\nunclosed <b>\n",
    "~~~ odd`info <x>\ncode\n~~~",
    "> quoted\nlazy\n> ```\n> code\n> ```\n\nafter",
    "|a|b|\n|-|-|\n|`x\\|y`|<b|\n|only one|\n\nafter",
    "[ref] and [other][ref] and ![image alt][ref]\n\n[ref]: http://example.com 'title'",
    "Setext\n======\n\nanother\n---\ntext",
    "    indented <code>\n\n    \tmore\n\ntext",
    "hard  \nbreak\\\nand soft\nbreak",
    "snake_case_word and __init__ and *a*b",
    r"\[word\](x) and \[word\][x]",
    "%%%LATEX_BLOCK_0%%% and `%%%LATEX_BLOCK_1%%%`\n\n```\n%%%LATEX_BLOCK_0%%%\n```",
    "a&#10;&#10;b &Tab; &NewLine;&NewLine; # no heading",
    "*a `*` b* `` ` `` **bold",
    "1. one\n2. two\n\n   para\n3) three",
    "- [link](<http://a b>) [x](javascript:alert(1))",
    "Autolink <https://example.com/?a=b&c=d>, <me@example.com>.",
    "مرحبا، هذه قائمة:\n\n- أول\n- ثان\n",
]


@pytest.mark.parametrize("text", AS_COMMONMARK)
def test_every_character_outside_of_markdowns_own_syntax_is_shown(text):
    assert shown(prepare(text)).replace("imagealt", "") == commonmark(text)


@pytest.mark.parametrize("text", AS_COMMONMARK)
def test_an_answer_brings_no_tags_of_its_own(text):
    """Neither a form nor a style, a class or an id: the tags are those that Markdown stands for."""
    prepared = prepare(text).replace('<span class="leads"> (example.com)</span>', "")
    for tag in re.findall(r"<[^>]*>", re.sub(r"^(~{3,}).*\n[\s\S]*?^\1$", "", prepared, flags=re.M)):
        name = re.match(r"</?([a-z0-9]+)", tag)[1]
        assert name in MARKDOWNS_TAGS, tag
        assert not re.search(r"\b(style|class|id|on\w+)=", tag), tag


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("**词**。", "<strong>词</strong>。"),
        ("**“词”**后", "<strong>“词”</strong>后"),
        ("这是**“重点”**的", "这是<strong>“重点”</strong>的"),
        ("**단어(word)**는", "<strong>단어(word)</strong>는"),
        ("**「語」**と", "<strong>「語」</strong>と"),
        ("~~“词”~~后", "<s>“词”</s>后"),
        ('**"word"**s', "**&quot;word&quot;**s"),
        ("词_a_词", "词_a_词"),
    ],
)
def test_bold_beside_cjk_punctuation_is_bold(text, prepared):
    assert prepare(text) == f'<p dir="auto">{prepared}</p>'


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("a<br>b<BR/>c<br />d", "a<br>b<br>c<br>d"),
        ("a<br>\nb", "a<br>b"),
        ("H<sub>2</sub>O x<sup>2</sup>", "H<sub>2</sub>O x<sup>2</sup>"),
        ("<kbd>Ctrl</kbd>+<kbd>**C**</kbd>", "<kbd>Ctrl</kbd>+<kbd><strong>C</strong></kbd>"),
        ("<u>a</u> <mark>b</mark> <B>c</B>", "<u>a</u> <mark>b</mark> <b>c</b>"),
        ("<sub>a <sup>b</sup></sub>", "<sub>a <sup>b</sup></sub>"),
        ("<sub>a <sup>b</sub></sup>", "<sub>a &lt;sup&gt;b</sub>&lt;/sup&gt;"),
        ("**<sub>a** b</sub>", "<strong>&lt;sub&gt;a</strong> b&lt;/sub&gt;"),
        ("the <b></b> tag", "the &lt;b&gt;&lt;/b&gt; tag"),
        ("the <b> tag", "the &lt;b&gt; tag"),
        ("a </sub> b", "a &lt;/sub&gt; b"),
        (r"\<sub>a</sub>", "&lt;sub&gt;a&lt;/sub&gt;"),
        ("`<br>`", '<code dir="ltr">&lt;br&gt;</code>'),
        ("<sub id=x>a</sub>", "&lt;sub id=x&gt;a&lt;/sub&gt;"),
    ],
)
def test_tags_that_models_use_on_purpose_work(text, prepared):
    assert prepare(text) == f'<p dir="auto">{prepared}</p>'


@pytest.mark.parametrize(
    "text",
    [
        "<details>\n<summary>More *here*</summary>\n\nSome **text**\n\n</details>",
        "<details><summary>More *here*</summary>\nSome **text**\n</details>",
        "<details>\n  <summary>More *here*</summary>\n  Some **text**</details>",
        "<DETAILS><SUMMARY>More *here*</SUMMARY>Some **text**</DETAILS>\n",
    ],
)
def test_details_fold_what_they_hold(text):
    assert prepare(text) == (
        '<details dir="auto"><summary>More <em>here</em></summary><p>Some <strong>text</strong></p></details>'
    )


def test_details_hold_anything_also_details():
    prepared = prepare(
        "<details>\n\n- a\n\n<details>\n<summary>in</summary>\nx\n</details>\n\n```\n</details>\n```\n</details>\nout"
    )
    assert prepared == (
        '<details dir="auto"><ul><li>a</li></ul><details><summary>in</summary><p>x</p></details>'
        '\n\n~~~\n</details>\n~~~\n\n</details>\n\n<p dir="auto">out</p>'
    )


@pytest.mark.parametrize(
    "text",
    [
        "<details>\n<summary>More</summary>\n\ntext",
        "<details open>\n\ntext\n\n</details>",
        "</details>",
        "<summary>x</summary>",
    ],
)
def test_details_that_are_not_closed_or_have_attributes_are_text(text):
    assert shown(prepare(text)) == commonmark(text)


def formula(source: str, *, display: bool = False) -> str:
    left, right = FORMULAS[0 if display else 1]
    return f"{left}{html.escape(source, quote=False)}{right}"


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        (r"\(a<b_1*c*d\\e&f\)", formula(r"a<b_1*c*d\\e&f")),
        ("$$x_1$$ there", f"{formula('x_1', display=True)} there"),
        (r"so \[x\] is", rf"so {formula('x', display=True)} is"),
        (r"\(\text{\)}\)", formula(r"\text{\)}")),
        (r"`\(x\)` and `$$y$$`", r'<code dir="ltr">\(x\)</code> and <code dir="ltr">$$y$$</code>'),
        (r"\\(x\\)", r"\(x\)"),
        ("$5 and $10", "$5 and $10"),
        ("$$5 and $$10", "$$5 and $$10"),
        ("$$, $$$", "$$, $$$"),
        ("so $x_1$.", f"so {formula('x_1')}."),
        ("$n$th, m$^2$", f"{formula('n')}th, m{formula('^2')}"),
        ("$HOME/bin:$PATH", "$HOME/bin:$PATH"),
        (r"\(x", "(x"),
        (r"\( { \)", "( { )"),
    ],
)
def test_formulas_are_marked_for_katex_and_nothing_else_is(text, prepared):
    assert prepare(text) == f'<p dir="auto">{prepared}</p>'


NO_FORMULAS = [
    "$5 (or 4€), not 10$",
    "$5/mo, or 10$",
    "$1.5M–$2M",
    "US$3 (C$4)",
    "Prices: $ to $$$",
    "${a}/${b}",
    "$(a)/$(b)",
    "$x = $y + $z;",
    "echo $a$b $1$2",
    "从$5涨到10$",
    "$foo is not bar$",
    "$5\n10$",
]


@pytest.mark.parametrize("text", NO_FORMULAS)
def test_what_stands_between_dollars_has_to_look_like_a_formula(text):
    assert INLINE not in prepare(text)
    assert FORMULAS[0][0] not in prepare(text)


@pytest.mark.parametrize(
    "text", ["$$\na\n- b\n\n# c\n$$", "\\[\na\n- b\n\n# c\n\\]", "so:\n$$\na\n- b\n\n# c\n$$\nwhere", "$$ a - b # c $$"]
)
def test_a_formula_on_its_own_lines_is_one(text):
    assert (
        re.sub(r"\s+", " ", re.findall(f"{FORMULAS[0][0]}(.*){FORMULAS[0][1]}", prepare(text))[0].strip())
        == "a - b # c"
    )


def test_a_formula_may_stand_in_a_list():
    assert prepare("- so\n  $$\n  x\n  $$\n- y").startswith(
        f'<ul dir="auto"><li>so<p>{FORMULAS[0][0]} x {FORMULAS[0][1]}</p>'
    )


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("```python\nx = 1\n```", "~~~python\nx = 1\n~~~"),
        ("```py\nx = 1\n```", "~~~python\nx = 1\n~~~"),
        ("```md\n```py\nx\n```\ny\n```", "~~~md\n```py\nx\n```\ny\n~~~"),
        ("```md\ny\n```", "~~~md\ny\n~~~"),
        ("```md\n```py\nx\n```", "~~~md\n```py\nx\n~~~"),
        ("```Go title=x\n\tx\n```", "~~~go\n\0\tx\n~~~"),
        ('```a"b<c\nx\n```', "~~~\nx\n~~~"),
        ("````\n~~~\n~~~~~\n````", "~~~~~~\n~~~\n~~~~~\n~~~~~~"),
        ("```\n```", "~~~\n~~~"),
        ("```\nunclosed", "~~~\nunclosed\n~~~"),
        ("    \tindented", "~~~\n\0\tindented\n~~~"),
        ("```\n$$a$$ \\(b\\) %%%LATEX_BLOCK_0%%%\n```", "~~~\n$$a$$ \\(b\\) %%\0%LATEX_BLOCK_0%%%\n~~~"),
    ],
)
def test_code_is_a_fence_that_gradios_parser_reads_as_it_is(text, prepared):
    assert prepare(text) == prepared


def test_code_within_a_list_stays_within_it():
    assert prepare("- a\n  ```\n  x\n  ```\n  b\n- c") == (
        '<ul dir="auto"><li>a\n\n~~~\nx\n~~~\n\n<p>b</p></li><li>c</li></ul>'
    )


def test_a_diagram_has_its_code_beside_it_and_only_a_whole_one_is_drawn():
    text = "```mermaid\ngraph TD\n  A[<form> a<br>b] --> B\n```"
    assert prepare(text) == (
        '<div class="diagram"><div class="mermaid">graph TD&#10;  A[#lt;form&gt; a&lt;br&gt;b] --&gt; B&#10;</div>'
        "\n\n~~~\ngraph TD\n  A[<form> a<br>b] --> B\n~~~\n\n</div>"
    )
    for end in range(len("```mermaid\n"), len(text)):
        assert "diagram" not in prepare(text[:end])
    assert "diagram" in prepare(f"> {text}".replace("\n", "\n> "))
    assert "diagram" in prepare(f"- {text}".replace("\n", "\n  "))


def test_a_gantt_chart_leads_nowhere():
    text = '```mermaid\ngantt\n  a :b, 2026-01-01, 1d\n  click b href "https://e.com"\n```'
    drawn, code = prepare(text).split("</div>", 1)
    assert "e.com" not in drawn
    assert "e.com" in code


def test_pictures_of_others_are_links_and_an_answers_own_are_shown():
    data = "data:image/png;base64,AAAA"
    assert prepare(f"![a dot]({data})") == f'<p dir="auto"><img src="{data}" alt="a dot"></p>'
    assert (
        '<a href="http://e.com/x.png" target="_blank" rel="noopener noreferrer" title="e.com">what</a>'
        '<span class="leads"> (e.com)</span>' in prepare("![what](http://e.com/x.png)")
    )
    assert prepare("[![badge](http://e.com/x.png)](http://f.com)").count("<a ") == 1


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("see https://example.com/a_b?c=d&e=f.", "https://example.com/a_b?c=d&amp;e=f"),
        ("(https://en.wikipedia.org/wiki/A_(b))", "https://en.wikipedia.org/wiki/A_(b)"),
        ("见https://example.com/a，后面", "https://example.com/a"),
        ("**https://example.com**", "https://example.com"),
    ],
)
def test_an_address_is_a_link(text, address):
    assert re.findall('href="([^"]*)"', prepare(text)) == [address]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[docs](https://docs.e.com/a)", ""),
        ("[e.com](https://www.e.com/a)", ""),
        ("[www.e.com](https://e.com)", ""),
        ("[e.com](https://docs.e.com)", ""),
        ("https://e.com/x", ""),
        ("[e.com](https://evil.com)", "evil.com"),
        ("[**https://e.com/login**](https://evil.com)", "evil.com"),
        ("[e.com](https://e.com.evil.com)", "e.com.evil.com"),
        ("[e.com](https://note.com)", "note.com"),
        ("https://e.com@evil.com/", "evil.com"),
        ("[e.com](mailto:x@evil.com)", "x@evil.com"),
    ],
)
def test_a_link_that_says_it_leads_elsewhere_tells_where_it_leads(text, told):
    assert re.findall(r'class="leads"> \((.*?)\)', prepare(text)) == [told] * bool(told)


def test_a_link_tells_where_it_leads_before_its_own_title():
    assert re.findall('title="([^"]*)"', prepare('[a](https://b.com/c "T") [d](mailto:e@f.g) https://h.com')) == [
        "b.com – T",
        "e@f.g",
    ]


def test_footnotes_stand_where_they_were_written():
    mark = '<sup class="footnote">1</sup>'
    assert prepare("a[^1]\n\n[^1]: N *n*\n    m\n\n    o\n\nb") == (
        f'<p dir="auto">a{mark}</p>\n\n<div class="footnote" dir="auto">{mark}<p>N <em>n</em><br>m</p><p>o</p></div>'
        '\n\n<p dir="auto">b</p>'
    )
    assert prepare("[^1]: a\n[^b]: c").count('<div class="footnote"') == 2
    assert "<li>a<div" in prepare("- a\n  [^1]: b")


@pytest.mark.parametrize("text", ["[^1]", "[^a-z] [^ ]", "`[^1]`", "[^1]: [^2]: a"])
def test_a_mark_without_its_note_is_text(text):
    assert shown(prepare(text)).replace("1[^2]:a", "[^1]:[^2]:a") == text.replace(" ", "").replace("`", "")


@pytest.mark.parametrize(
    "text", ["`https://example.com`", "[x](javascript:alert(1))", "<std::string>", "[x](ms-msdt:/id)", "https://"]
)
def test_other_addresses_are_text(text):
    assert "<a" not in prepare(text)


def test_a_ticked_task_looks_ticked():
    prepared = prepare("- [x] done\n- [ ] to do\n- [link](http://e.com)\n- [x]no")
    assert prepared.startswith(
        '<ul dir="auto"><li><span class="task done">[x]</span> done</li><li><span class="task">[ ]</span> to do</li>'
    )
    assert "<li>[x]no</li>" in prepared


WORDS = st.sampled_from(
    [
        *[
            "word",
            "a_b",
            "1~2",
            "3~4",
            "~~gone~~",
            "$5",
            "$$",
            "$$x$$",
            "\\(x\\)",
            "\\[",
            "\\]",
            "a<b",
            "c>d",
            "&lt;",
            "&",
            "&copy;",
        ],
        *["<Suspense>", "</div>", "<br>", "<sub>2</sub>", "<sub>", "</sub>", "<!--", "-->", "<title>", "List<Object>"],
        *[
            "**",
            "*",
            "_",
            "`",
            "``",
            "[",
            "](x)",
            "![",
            "\\",
            "https://a.b",
            "**“词”**后",
            "%%%LATEX_BLOCK_0%%%",
            "|",
            "\t",
        ],
        *[
            "\n",
            "\n\n",
            "\n\n",
            "\n- ",
            "\n  - ",
            "\n1. ",
            "\n> ",
            "\n# ",
            "\n```\n",
            "\n```py\n",
            "\n~~~\n",
            "\n    ",
            "\n---\n",
        ],
        *[
            "\n|a|b|\n|-|-|\n|",
            "\n<div>\n",
            "\n<details>\n",
            "\n</details>\n",
            "\n<summary>s</summary>\n",
            "\n$$\n",
            "\n===\n",
            " ",
            " ",
        ],
    ]
)
TEXTS = st.lists(WORDS, max_size=25).map("".join)


# What this parser knows beyond CommonMark is left out.
PLAIN = st.lists(WORDS.filter(lambda word: not re.search(r"\$|\\[(\[\])]|<br>|</?sub>|details|“", word)), max_size=25)


@settings(max_examples=500, deadline=None)
@given(PLAIN.map("".join))
def test_what_is_shown_is_what_commonmark_calls_text(text):
    images = re.compile(r"!\[")
    if not images.search(text):
        assert shown(prepare(text)) == commonmark(text)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_a_growing_answer_is_prepared_as_if_it_were_read_as_a_whole(text):
    growing = GrowingMarkdown()
    for end in range(len(text) + 1):
        assert growing.prepare(text[:end], has_ended=True) == prepare(text[:end])


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_what_was_ended_for_a_moment_has_not_settled(text):
    growing = GrowingMarkdown()
    for end in range(len(text) + 1):
        growing.prepare(text[:end])
    assert growing.prepare(text, has_ended=True) == prepare(text)


# What only the words behind it tell: a link's brackets from others, an amount from a formula, a note from a class.
UNAVOIDABLE = {
    "a diagram with tags, scripts and links",  # as code it is written otherwise than as a diagram
    "single dollars",
    "money beside formulas",
    "variables of shells and templates",
    "formulas beside Chinese",
    "escaped dollars",
    "links of which nothing is opened",
    "reference links",
    "citations that are no links",
    "a picture of somebody else's",
    "a picture of its own",
    "footnotes",
    "footnotes of one word",
    "what looks like a footnote",
    "a small table with everything in its cells",
    "line breaks",
}


@pytest.mark.parametrize("each", every_input(), ids=lambda each: each["name"])
def test_no_mark_is_seen_before_it_is_one(each):
    """What can be read while an answer grows is the beginning of what can be read in the end."""
    text, growing = each["text"], GrowingMarkdown()
    whole = shown(prepare(text))
    early = {}
    for end in range(len(text)):
        words = shown(growing.prepare(text[:end]).replace(PLACEHOLDER, ""))
        # The number of the first item is one before its full stop, too.
        if not whole.startswith(words) and not words.isdigit():
            early[text[:end][-20:]] = words[-60:]
    assert bool(early) == (each["name"] in UNAVOIDABLE), early


def test_an_answer_that_is_replaced_begins_anew():
    growing = GrowingMarkdown()
    growing.prepare("one\n\ntwo\n\nthree\n\nfour\n\n")
    assert growing.prepare("other") == prepare("other")


def test_a_long_answer_is_cut_between_its_blocks_and_what_was_cut_off_stays():
    blocks = [f"Paragraph {number}, {'word ' * 30}" for number in range(500)]
    text = "\n\n".join(blocks)
    pieces = prepare_pieces(text)
    assert len(pieces) > 3
    assert all(len(each) < PIECE + 2 * each.count("\n\n") + 1 for each in pieces)
    assert "\n\n".join(pieces) == prepare(text)
    growing = GrowingMarkdown()
    for count in range(0, len(blocks), 7):
        drawn = growing.prepare_pieces("\n\n".join(blocks[:count]))
        assert list(drawn[:-1]) == list(pieces[: len(drawn) - 1])
        assert pieces[len(drawn) - 1].startswith(drawn[-1])
    assert list(growing.prepare_pieces(text, has_ended=True)) == list(pieces)


def test_the_end_alone_of_a_long_answer_is_read_again():
    block = "## Heading\n\nWords with **bold**.\n\n- item\n- item\n\n```py\nx = 1\n```\n\n|a|b|\n|-|-|\n|1|2|\n\n"
    growing, text = GrowingMarkdown(), ""
    while len(text) < 100_000:
        text += block
        assert growing.unsettled(text) < 2 * len(block) + 10
        growing.prepare(text)
    assert growing.prepare(text) == "\n\n".join([prepare(block)] * text.count(block))


HOSTILE = [
    *[
        ">",
        "[",
        "![",
        "*",
        "`",
        "<",
        "- ",
        "~~a ",
        "[a](",
        "> - ",
        "\\(",
        "\\({",
        "$$",
        "<details>",
        "<sub>",
        "</sub>",
        "&",
        "_a",
    ],
    *[
        "[a]: b\n",
        "\\[\n",
        "$$a\n",
        "<details>\n",
        ">a\n",
        "| a |\n|---|\n",
        "- a\n  - b\n",
        "\\(a{b\\)",
        "```\n",
        "https://a.b",
    ],
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_what_is_odd_takes_no_longer_the_longer_it_is(unit):
    """By processor time, eight times as much text takes about eight times as long; what is quadratic takes 64 times."""

    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        taken = []
        for attempt in range(3):
            begun = time.process_time()
            prepare(f"{text}\n\n{attempt}")  # not the same text again, which would be known already
            taken.append(time.process_time() - begun)
        return min(taken)  # without what the garbage collector, or another thread, happened to take

    seconds(1000)
    assert seconds(40_000) < 30 * max(seconds(5_000), 0.005)


def test_words_are_kept_however_deep_they_stand():
    assert shown(prepare(">" * 20_000 + " deep")).endswith("deep")
    assert shown(prepare("- " * 1000 + "deep")).endswith("deep")
    nested = "\n".join("  " * depth + f"- w{depth}" for depth in range(100))
    assert all(f"w{depth}" in shown(prepare(nested)) for depth in range(100))
