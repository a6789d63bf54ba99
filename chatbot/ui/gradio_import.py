"""Imports Gradio as it is wanted here: without calls home, and without bringing its stubs up to date.

For every class of its components Gradio parses that class's source again and compares a ``.pyi`` file, which its wheel
has, with it. That is for those who write components, and half of what importing Gradio takes.
"""

import inspect
import os

# Gradio reads these when it is imported: no calls home, and no summary of its own after every event.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

_getfile = inspect.getfile


def _getfile_but_for_stubs(of: object) -> str:
    caller = inspect.currentframe()
    caller = caller and caller.f_back
    if caller is not None and caller.f_code.co_name == "create_or_modify_pyi":
        # What Gradio expects where a class is in no file, and so has no stub.
        raise OSError("no stubs are wanted")
    return _getfile(of)  # type: ignore[arg-type]


inspect.getfile = _getfile_but_for_stubs  # type: ignore[assignment]
try:
    import gradio  # noqa: F401
finally:
    inspect.getfile = _getfile
