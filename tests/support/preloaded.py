"""What the fork server imports before it forks: all that ``app.py`` does, of which what is ours is forgotten again."""

import gc
import sys

import app
import chatbot.azureml.transport.async_  # noqa: F401 - imported when the application starts

OURS = (app.__name__, "chatbot")

for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
    del sys.modules[name]
gc.collect()
gc.freeze()
