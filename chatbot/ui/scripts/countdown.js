// Where an endpoint said how long to wait, the seconds run down; the class of the line holds how many there were.
const ends = new WeakMap();

function countDown() {
  for (const line of document.querySelectorAll("#chat :is(.note, .pause) .wait:not([hidden])")) {
    const seconds = Number(line.className.match(/left-(\d+)/)?.[1] ?? 0);
    if (!ends.has(line)) ends.set(line, performance.now() + 1000 * seconds);
    const left = Math.ceil((ends.get(line) - performance.now()) / 1000);
    if (left > 0) line.textContent = line.textContent.replace(/\d[\d.,\s]*\d|\d/, left);
    else line.hidden = true;
  }
}

setInterval(countDown, 250);
