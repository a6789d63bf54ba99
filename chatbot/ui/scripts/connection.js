// The connection to the server: the page says when it is gone, and heals by itself when the server answers again.
//
// A page whose heartbeat ended is forgotten by the server, and after a request that failed Gradio's dispatcher takes no
// event any more, without a word. So the way back is always to load the page again, which shows it from the store, and
// what is typed and not yet taken is carried over.
(() => {
  const [AWAY, BACK] = [say("away"), say("back")];
  const KEPT = "chatbot_kept_words";
  const PATIENCE = 5000; // before an unanswered request counts as a server that cannot be reached
  const PAUSE = 1000; // in the typing, before the page is loaded again
  const LEAVING = 10000; // at most, from the moment on when the browser begins to
  const SURE = 3; // answers in a row of a server that may be ending
  const QUICK = 60000; // a page that is lost sooner than this was not healed by being loaded
  // Where Gradio's own requests go; behind a proxy that is below a path, and not by the scheme the server knows of.
  const api = new URL(window.gradio_config.root).pathname.replace(/\/$/, "") + window.gradio_config.api_prefix;
  const plain = window.fetch.bind(window);
  const banner = Object.assign(document.createElement("div"), { id: "connection", role: "status" });

  let kept = recall();
  // How many times in a row the page was lost right after it had been loaded.
  const streak = kept?.streak ?? 0;
  let away = false;
  let typedAt = -PAUSE;
  let leftAt = -LEAVING;
  let edited = "";

  const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
  const find = (selector) => document.querySelector(selector);
  const boxOf = () => find("#box textarea");
  const lastQuestion = () => [...document.querySelectorAll("#chat .user.message")].at(-1)?.innerText ?? "";
  // Blanks at the ends and line breaks may be shown differently from how they were typed: the letters are the same.
  const letters = (text) => text.replace(/[^\p{L}\p{N}]/gu, "");

  // The conversations of the list, and which of them is open: none while a new one has no message yet.
  const idOf = (button) => (button ? wordsOf(button)[1] : null);
  const listedOnes = () => [...document.querySelectorAll("#conversations button.open")].map(idOf);
  const openOne = () => idOf(find("#conversations [aria-current] button.open"));

  async function until(condition, patience = Infinity) {
    const end = performance.now() + patience;
    while (!condition() && performance.now() < end) await sleep(100);
  }

  function announce(text) {
    if (banner.textContent !== text) banner.textContent = text;
  }

  // --- What is typed outlives the page

  // A browser may refuse storage to a frame on another site; its window's name outlives the page as well.
  function recall() {
    try {
      return JSON.parse(sessionStorage.getItem(KEPT));
    } catch {
      return recallFromName();
    }
  }

  function recallFromName() {
    try {
      return JSON.parse(window.name)[KEPT];
    } catch {
      return null;
    }
  }

  function remember(what) {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(what));
    } catch {
      window.name = JSON.stringify({ [KEPT]: what });
    }
  }

  function keepWords() {
    if (!away) return;
    // Lost again before they were back in the box, they are still the words of the page before.
    const words = (kept?.words ?? "") + [edited, boxOf()?.value ?? ""].filter(Boolean).join("\n");
    const { question, open, listed } = kept ?? { question: lastQuestion(), open: openOne(), listed: listedOnes() };
    remember({ words, question, open, listed, streak: performance.now() < QUICK ? streak + 1 : 0 });
  }

  // The server empties the box when it takes a message, so what is in it was not taken; unless the server ended before
  // it could say so. Then the question is in the conversation now, and was not before.
  function wasTaken({ words, question, open, listed }) {
    const isThere = open ? openOne() === open : !listed.includes(openOne());
    const now = letters(lastQuestion());
    return isThere && now === letters(words) && now !== letters(question);
  }

  // A page that is loaded shows the latest conversation, and the words may be meant for another one.
  async function goBack({ question, open, listed }) {
    if (openOne() === open) return;
    if (open) tell(["open", open]);
    else if (!question && listed.includes(openOne())) find("#new-chat").click();
    else return;
    // It may be deleted by now.
    await until(() => openOne() === open, PATIENCE);
  }

  function isDrawn() {
    // The list comes with the first drawing, but Gradio may draw the messages of a conversation after its title.
    return find("#conversations nav") && (!find("#conversations [aria-current]") || lastQuestion());
  }

  async function putWordsBack() {
    if (!kept) return;
    await until(() => boxOf() && isDrawn());
    // Whoever typed on while the page was loading goes on where the kept words end.
    const back = kept;
    if (back.words && !wasTaken(back)) type(boxOf(), back.words + boxOf().value);
    kept = null;
    remember(null);
    await goBack(back);
    if (!away) announce(BACK);
  }

  function type(box, words) {
    box.value = words;
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }

  // --- The connection ends, and comes back

  async function lost() {
    // Gradio closes the connections of a page that is about to be left. One that is there later was not left after all.
    if (performance.now() - leftAt < LEAVING) await sleep(LEAVING);
    if (away) return;
    away = true;
    document.documentElement.classList.add("away");
    announce(AWAY);
    await sleep(Math.min(streak, 10) * 1000);
    await backForGood();
    await until(() => performance.now() - typedAt > PAUSE);
    // Once more when the page is left: here because a window's name is not taken over any more then.
    keepWords();
    location.reload();
  }

  // A server that is ending may answer once more, and a page that is loaded from it is the browser's error page, for good.
  // So the one that this page came from has to answer several times; another one is new.
  async function backForGood() {
    for (let times = 0; times < SURE; ) {
      const id = await answers();
      if (id && id !== window.gradio_config.app_id) return;
      times = id ? times + 1 : 0;
      await sleep(1000 + 1000 * Math.random()); // not all pages at the same moment
    }
  }

  async function answers() {
    try {
      const reply = await plain(`${api}/app_id`, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      // Of a starting application a proxy may tell something else, and successfully so.
      return reply.ok ? (await reply.json()).app_id : undefined;
    } catch {
      return undefined;
    }
  }

  // What tells at once that the server is gone is the end of the heartbeat, a request that Gradio leaves open. Gradio
  // opens it before any script of ours is run: its end is read from the browser's own record of requests.
  function watchHeartbeat() {
    const ended = (list) => {
      const beat = list.getEntries().find((each) => each.name.startsWith(`${location.origin}${api}/heartbeat/`));
      // Some proxies let no connection live: a page that was loaded again and again for it is left as it is.
      if (beat && streak < 3) lost();
    };
    new PerformanceObserver(ended).observe({ type: "resource", buffered: true });
  }

  async function event(send) {
    // What the server would take now could not be shown, and would be in the box as well when the page is back.
    if (away) throw new TypeError("The connection to the server is gone.");
    const slow = setTimeout(() => announce(AWAY), PATIENCE);
    try {
      const response = await send();
      if (response.status >= 502) lost(); // a proxy's words for a server that is gone
      else if (!find("#chat textarea")) edited = "";
      return response;
    } catch (error) {
      lost();
      throw error;
    } finally {
      clearTimeout(slow);
      if (!away && banner.textContent === AWAY) announce("");
    }
  }

  window.fetch = async (resource, options) => {
    const { pathname } = new URL(resource instanceof Request ? resource.url : resource, location.href);
    const send = () => plain(resource, options);
    if (pathname === `${api}/queue/join`) return event(send);
    if (pathname !== `${api}/app_id`) return send();
    // Gradio asks for this only when it has lost a connection, and would load the page in the middle of a word.
    lost();
    throw new TypeError("The page is loaded again when what is typed is safe.");
  };

  window.addEventListener("offline", async () => {
    // An application on this machine is reached without a network.
    if (!(await answers())) lost();
  });
  window.addEventListener("beforeunload", () => {
    leftAt = performance.now();
  });
  window.addEventListener("pagehide", keepWords);
  document.addEventListener("input", ({ target }) => {
    typedAt = performance.now();
    if (target.matches("#chat textarea")) edited = target.value;
  });
  // After a click, not when the button goes down: what moves under the finger is not what was meant.
  for (const sign of ["keydown", "click"]) {
    document.addEventListener(sign, () => !away && announce(""), true);
  }
  // Before it says anything: a screen reader tells what changes in what it knows.
  find("#talk").append(banner);
  watchHeartbeat();
  putWordsBack();
})();
