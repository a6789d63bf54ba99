"""Print docs/configuration.md from the settings: ``python .ci/configuration.py > docs/configuration.md``."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from chatbot.settings import Settings, variable

HEAD = """# Configuration

<!-- Made by `python .ci/configuration.py > docs/configuration.md` from `chatbot/settings.py`; a test compares them. -->

Every setting is an environment variable, or a line of a file `.env` in the folder where the application is started; the
environment wins, and an empty value counts as not set. `.env.example` holds all of them, ready to be copied. What
cannot work is named at the start, all of it at once, with the mend, and the application does not start.

| variable | default | what |
|---|---|---|
"""


def main() -> None:
    """Print the document."""
    print(HEAD + "\n".join(_row(name) for name, field in Settings.model_fields.items() if not field.exclude))


def _row(name: str) -> str:
    field = Settings.model_fields[name]
    default = field.default.get_secret_value() if hasattr(field.default, "get_secret_value") else field.default
    shown = "" if default in (None, "") else f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
    example = f" For example `{field.examples[0]}`." if field.examples and not shown else ""
    return f"| `{variable(name)}` | {shown} | {field.description}{example} |"


if __name__ == "__main__":
    main()
