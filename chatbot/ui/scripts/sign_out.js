// Signing out: the server ends what this session has open, and this page gives way to the one that signs in.
import { leaveNoDrafts } from "./address.js";
import { tellWhy } from "./files.js";
import { root } from "./texts.js";

let isLeaving = false;

// Until the page has given way: loading it again would lose the way to the provider.
export const isSigningOut = () => isLeaving;

window.chatbotSignOut = async () => {
  isLeaving = true;
  const reply = await fetch(`${root}/sign-out`, { method: "POST" }).catch(() => null);
  if (!reply?.ok && reply?.status !== 401) {
    isLeaving = false;
    return tellWhy(reply);
  }
  leaveNoDrafts();
  const { next } = reply.ok ? await reply.json() : { next: "/" };
  // A path of ours, or the whole address at which the provider signs one out: the server makes it, no visitor can.
  if (next.startsWith("/")) return location.replace(root + next);
  if (window.parent === window) return location.replace(next);
  // In a frame no provider shows itself: it gets a window of its own.
  window.open(next, "_blank", "noopener");
  location.replace(`${root}/`);
};
