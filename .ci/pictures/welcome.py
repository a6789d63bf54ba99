"""The welcome, and a short talk: also the pictures of the README."""

from pictures.studio import Camera, Studio, application


async def take(studio: Studio) -> None:
    """Take the pictures."""
    with application({"CHATBOT_DEMO_TOKEN_DELAY": "0.02"}) as app:
        await studio.walk(app.url, first_sight)


async def first_sight(camera: Camera) -> None:
    """The welcome, and a short talk."""
    await camera.take("welcome")
    for question in ("My name is Ada, and I prefer short answers.", "What do you remember?"):
        await camera.visitor.ask(question)
    await camera.take("chat")
