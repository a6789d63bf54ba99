"""What Chromium hands to a screen reader."""

from playwright.async_api import Page


class Tree:
    """Chromium's accessibility tree: what it hands to a screen reader."""

    def __init__(self, nodes: list[dict]) -> None:
        self._nodes = {node["nodeId"]: node for node in nodes if not node.get("ignored")}
        self._all = {node["nodeId"]: node for node in nodes}

    def all(self, role: str, name: str | None = None) -> list[dict]:
        """The nodes with a role, and a name."""
        return [
            node
            for node in self._nodes.values()
            if node["role"]["value"] == role and name in (None, node.get("name", {}).get("value"))
        ]

    def one(self, role: str, name: str | None = None) -> dict:
        found = self.all(role, name)
        assert len(found) == 1, (role, name, [each.get("name", {}).get("value") for each in self.all(role)])
        return found[0]

    def text(self, node: dict) -> str:
        """What is read out of a node, and of what is within it."""
        if node["role"]["value"] == "StaticText":
            return node["name"]["value"]
        within = (self.text(self._all[child]) for child in node.get("childIds", ()) if child in self._all)
        return " ".join(filter(None, within))


def properties(node: dict) -> dict[str, object]:
    return {each["name"]: each["value"].get("value") for each in node.get("properties", ())}


async def tree(page: Page) -> Tree:
    session = await page.context.new_cdp_session(page)
    found = await session.send("Accessibility.getFullAXTree")
    await session.detach()
    return Tree(found["nodes"])
