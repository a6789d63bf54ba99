"""How the documents are read, adapted and run, and that all of them are."""

import json
import re

import pytest

from chatbot.azureml import AzureMLChatOnlineEndpoint
from chatbot.emulator import Emulator
from tests.seeds import documents
from tests.seeds.documents import Cell, cells_in
from tests.seeds.notebook import Notebook
from tests.seeds.reader import Reader
from tests.support.asking import KEY

READER = Reader(host="http://127.0.0.1:1", key="k")


def test_blocks_are_found_with_their_headings():
    text = "# One\n```python\n# no heading\na = 1\n```\n## Two\n```\nb\n```\n```output\nc\n```\n\n```python\nd\n```"

    assert list(cells_in(text)) == [Cell("One", "# no heading\na = 1\n"), Cell("Two", "d\n")]


@pytest.mark.parametrize(
    ("written", "run"),
    [
        ("from langchain.chains import X", "from langchain_classic.chains import X"),
        ("from langchain_core.messages import X", "from langchain_core.messages import X"),
        ("import langchain", "from tests.seeds.stand_ins import langchain"),
        ("import langchain_core", "import langchain_core"),
        ("<!--IMPORTS:[{}]-->\nx", "\nx"),
        ('"https://name.models.ai.azure.com/score"', '"http://127.0.0.1:1/score"'),
        ('"https://<a>.<b>.inference.ml.azure.com/v1"', '"http://127.0.0.1:1/v1"'),
        ("'Authorization: your-auth-key'", "'Authorization: k'"),
        ('x("from langchain.chains import X")', 'x("from langchain.chains import X")'),
    ],
)
def test_a_reader_changes_imports_and_placeholders(written, run):
    assert READER.adapted(written) == run


class Running:
    """What a notebook asks of an emulator."""

    requests = ()


@pytest.mark.parametrize(
    ("source", "value", "printed"),
    [
        ("1 + 1", 2, ""),
        ("print('a')", None, "a\n"),
        ("a = 1\na", 1, ""),
        ("a = 1", None, ""),
        ("import asyncio\nawait asyncio.sleep(0, 'slept')", "slept", ""),
        ("async def f():\n    print('in a loop')\nawait f()", None, "in a loop\n"),
        ("pip install pytest==1.0", [pytest.__version__], ""),
    ],
)
def test_a_cell_is_run_as_a_notebook_does(source, value, printed):
    notebook = Notebook(READER, Running())
    notebook.run([Cell("", source)])

    assert (notebook.ran[0].value, notebook.ran[0].printed) == (value, printed)


def test_a_cell_that_fails_is_named():
    with pytest.raises(ZeroDivisionError) as caught:
        Notebook(READER, Running()).run([Cell("One", "1"), Cell("Two", "1 / 0")])

    assert "in cell 2, under 'Two'" in caught.value.__notes__[0]


@pytest.mark.parametrize("path", [None, ""], ids=["as the machine is", "without curl"])
@pytest.mark.parametrize(("key", "told"), [("right", "choices"), ("wrong", "statusCode")])
def test_a_shell_line_asks_the_endpoint(monkeypatch, path, key, told):
    if path is not None:
        monkeypatch.setenv("PATH", path)
    body = '{"messages":[{"role":"user","content":"Q"}]}'
    with Emulator(key="right") as emulator:
        url = f"{emulator.base_url}/v1/chat/completions"
        line = f"!curl -X POST -L {url} -H 'Content-Type: application/json' -H 'Authorization: {key}' -d '{body}'"
        notebook = Notebook(READER, emulator)
        notebook.run([Cell("", line)])

    assert told in json.loads(notebook.ran[0].printed)
    assert notebook.ran[0].requests[0].content.decode() == body


@pytest.mark.needs_seed_documents
def test_every_document_is_run():
    assert sorted(path.name[:3] for path in documents.DIRECTORY.glob("*.txt")) == ["000", "001", "002", "003", "004"]


@pytest.mark.needs_seed_documents
@pytest.mark.parametrize("number", ["000", "001", "002", "003", "004"])
def test_nothing_but_imports_comments_and_placeholders_is_changed(number):
    reader = Reader(host="<HOST>", key="<KEY>")
    for cell in documents.cells_of(number):
        for written, run in zip(cell.source.splitlines(), reader.adapted(cell.source).splitlines(), strict=True):
            changed = written.startswith(("from ", "import ", "<!--")) or "<HOST>" in run or "<KEY>" in run
            assert changed or run == written


@pytest.mark.needs_seed_documents
def test_every_endpoint_of_theirs_is_asked_at_the_very_address_that_is_written():
    text = "".join(path.read_text(encoding="utf-8") for path in documents.DIRECTORY.glob("*.txt"))
    urls = set(re.findall(r'endpoint_url="(https://[^"]+)"', text))

    assert len(urls) > 2
    for url in urls:
        model = AzureMLChatOnlineEndpoint(endpoint_url=url, endpoint_api_key=KEY, endpoint_api_type="serverless")
        assert model._identifying_params["endpoint_url"] == url
