"""What the fork server imports before it forks: all that ``app.py`` does, of which the page is forgotten again.

The page's modules make secrets and set the environment when they are imported, so each application imports its own.
"""

import gc
import sys

import app
import chatbot.azureml.transport.async_  # noqa: F401 - imported when the application starts

ITS_OWN = (app.__name__, "chatbot.server", "chatbot.ui")

for name in list(sys.modules):
    if name in ITS_OWN or name.startswith("chatbot.ui."):
        del sys.modules[name]
gc.collect()
gc.freeze()
