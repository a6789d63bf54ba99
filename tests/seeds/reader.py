"""What the reader of a document does with its code before running it, and nothing more.

They change import lines, to what the names are called today or here; they fill in the placeholders, which are the
address and the key; and they leave out the site generator's comments.
"""

import re
from dataclasses import dataclass

_STAND_INS = "tests.seeds.stand_ins"

_MOVED = {
    "langchain_community.chat_models": "chatbot.azureml",
    "langchain_community.chat_models.azureml_endpoint": "chatbot.azureml",
    "langchain.chains": "langchain_classic.chains",
    "langchain.memory": "langchain_classic.memory",
    "langchain.prompts": "langchain_classic.prompts",
    # These need a database, or exist no more, or never did.
    "langchain_community.callbacks": _STAND_INS,
    "langchain_community.embeddings": _STAND_INS,
    "langchain_community.vectorstores": _STAND_INS,
}

_FROM = re.compile(r"^from (\S+) import\b", re.MULTILINE)
_WHOLE = re.compile(r"^import (gradio|langchain)\b", re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_ADDRESS = re.compile(r"https://[^\s\"'/]+\.azure\.com(/[^\s\"']*)?")
_KEY = re.compile(r"\b(?:your|my)-(?:api|auth)-key\b")


@dataclass(frozen=True, slots=True)
class Reader:
    """Someone with an endpoint.

    Attributes:
        host: Its address without a path; paths are left as the document has them.
        key: Its key.
        url: The endpoint's whole address, for a reader who takes it from the portal with its path.
    """

    host: str
    key: str
    url: str | None = None

    def adapted(self, source: str) -> str:
        """Return a block as this reader runs it, line for line."""
        source = _COMMENT.sub("", source)
        source = _FROM.sub(lambda found: f"from {_MOVED.get(found[1], found[1])} import", source)
        source = _WHOLE.sub(rf"from {_STAND_INS} import \1", source)
        source = _ADDRESS.sub(lambda found: self.url or self.host + (found[1] or ""), source)
        return _KEY.sub(self.key, source)
