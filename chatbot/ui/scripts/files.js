// Conversations as files: saved from what the server answers with, and sent as they were chosen.
import { notify } from "./notices.js";
import { root, t } from "./texts.js";

export async function tellWhy(reply) {
  const body = (await reply?.json().catch(() => null)) ?? {};
  notify({ text: body.notice ?? body.detail ?? t("failed"), lasting: false });
}

window.chatbotFiles = {
  async save(kind) {
    const reply = await fetch(`${root}/chat/export/${kind}`).catch(() => null);
    if (!reply?.ok) return tellWhy(reply);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await reply.blob());
    link.download = decodeURIComponent(reply.headers.get("x-chatbot-file"));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  },

  importFile() {
    const chooser = Object.assign(document.createElement("input"), { type: "file", accept: ".json,.zip,.html" });
    chooser.addEventListener("change", async () => {
      const reply = await fetch(`${root}/chat/import`, { method: "POST", body: chooser.files[0] }).catch(() => null);
      if (!reply?.ok) await tellWhy(reply);
    });
    chooser.click();
  },
};
