"""What is wrong between here and an endpoint, the first cause first, with the lines of ``.env`` that mend it.

    python -m chatbot.doctor https://name.region.inference.ml.azure.com/score

What was pasted is read (``paste``) into a ``Target``. Small checks (``checks``) look at it one after the other, in the
order that ``examination`` has, and yield a ``Finding`` each. What is made of these for a terminal, a program or
``.env`` is in ``report`` and ``env_file``.
"""
