// Signing out: the server ends what this session has open, and this page gives way to the one that signs in.
import { leaveNoDrafts } from "./address.js";
import { tellWhy } from "./files.js";
import { root } from "./texts.js";

window.chatbotSignOut = async () => {
  const reply = await fetch(`${root}/sign-out`, { method: "POST" }).catch(() => null);
  if (!reply?.ok && reply?.status !== 401) return tellWhy(reply);
  leaveNoDrafts();
  const { next } = reply.ok ? await reply.json() : { next: "/" };
  location.replace(root + next);
};
