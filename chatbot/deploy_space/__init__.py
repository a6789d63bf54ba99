"""Bring the application to Hugging Face: ``python -m chatbot.deploy_space``.

It looks at everything that can fail before anything is sent, says what it would do, and with ``--apply`` does it: it
creates or updates the Space, waits for it, asks it one question, and tells what is there now and what of it is public.
"""
