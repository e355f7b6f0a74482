// Follows a layout: replaces what has changed, and says so if the connection is lost. Every page also works without this script.
"use strict";
(() => {
  const body = document.body;
  const main = document.getElementById("main");
  const connection = document.getElementById("connection");
  const follows = body.dataset.follows;
  let last = body.dataset.last;

  const parse = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content;
  };

  // Changes `old` into `next`. Elements that stay keep their focus and their place.
  const morph = (old, next) => {
    if (old.isEqualNode(next)) return;
    const isSame = old.nodeType === next.nodeType && old.nodeName === next.nodeName && key(old) === key(next);
    if (!isSame) return old.replaceWith(next);
    if (old.nodeType !== Node.ELEMENT_NODE) {
      old.nodeValue = next.nodeValue;
      return;
    }
    const isKept = (name) =>
      (old.nodeName === "DETAILS" && name === "open") ||
      (old.hasAttribute("data-scale") && ["width", "height", "data-scale"].includes(name)) ||
      (old.classList.contains("zoom") && name === "hidden");
    for (const { name } of [...old.attributes]) if (!next.hasAttribute(name) && !isKept(name)) old.removeAttribute(name);
    for (const { name, value } of [...next.attributes]) {
      if (!isKept(name) && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    morphChildren(old, next);
  };
  const key = (node) => node.dataset?.id ?? node.id ?? "";
  const morphChildren = (old, next) => {
    const keyed = new Map();
    for (const child of old.children) if (key(child)) keyed.set(key(child), child);
    let at = old.firstChild;
    for (const child of [...next.childNodes]) {
      const found = key(child) && keyed.get(key(child));
      if (found && found !== at) old.insertBefore(found, at);
      const present = found || at;
      if (!present) {
        old.append(child);
        continue;
      }
      at = present.nextSibling;
      morph(present, child);
    }
    while (at) {
      const after = at.nextSibling;
      at.remove();
      at = after;
    }
  };

  // Loads the content of the page anew, at most once per second.
  let loading = false, again = false;
  const reload = async () => {
    if (loading) {
      again = true;
      return;
    }
    loading = true;
    try {
      const response = await fetch(location.href, { headers: { accept: "text/html" } });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const next = page.getElementById("main");
      if (response.status === 401 || response.status === 403) {
        stop();
        say("lost", "open the new link");
      }
      if (next && response.ok) {
        morphChildren(main, next);
        const now = page.getElementById("now");
        if (now) morph(document.getElementById("now"), now);
        if (page.body.dataset.last) body.dataset.last = page.body.dataset.last;
        document.title = page.title;
      } else if (next && response.status === 404) {
        morphChildren(main, next);
      }
      prepare();
    } catch {
      // The stream of updates says that the connection is lost.
    }
    setTimeout(() => {
      loading = false;
      if (again) {
        again = false;
        reload();
      }
    }, 1000);
  };

  const all = (query) => [...document.querySelectorAll(query)];
  let cards, cells, nodes;
  const index = () => {
    const by = (query, name) => new Map(all(query).map((element) => [name(element), element]));
    cards = by(".card", (card) => card.dataset.id);
    cells = by(".map i", (cell) => cell.dataset.id);
    nodes = by("[data-node]", (node) => node.dataset.node);
  };

  const draw = (node, state, text) => {
    if (!node) return;
    node.setAttribute("class", `node ${state}${node.classList.contains("center") ? " center" : ""}`);
    node.querySelector(".second").textContent = text;
  };

  const apply = (update) => {
    morph(document.getElementById("now"), parse(update.now).firstElementChild);
    const counts = document.getElementById("counts");
    if (counts) morph(counts, parse(update.counts).firstElementChild);
    if (follows === "cards") {
      if (update.whole) return reload();
      for (const [id, html, state, text] of update.cards) {
        const card = cards.get(id);
        if (card) morph(card, parse(html).firstElementChild);
        const cell = cells.get(id);
        if (cell) cell.className = state;
        draw(nodes.get(id), state, text);
      }
      for (const [group, html, state, text] of update.groups) {
        const numbers = document.querySelector(`[data-group="${group}"]`);
        if (numbers) morph(numbers, parse(html).firstElementChild);
        draw(document.querySelector(`[data-groupnode="${group}"]`), state, text);
      }
      relate();
    } else if (follows && (update.whole || (follows === "*" ? update.cards.length : update.cards.some(([id]) => id === follows)))) {
      reload();
    }
  };

  const say = (state, text) => {
    if (connection.textContent === text) return;
    connection.className = state;
    connection.textContent = text;
  };

  // A browser opens few connections to one host, so only visible pages have one.
  let source = null, retry = 0;
  const start = () => {
    clearTimeout(retry);
    if (source || document.hidden) return;
    source = new EventSource(`/events?after=${encodeURIComponent(last)}`);
    const seen = (event) => {
      if (event.lastEventId) last = event.lastEventId;
      say("live", "live");
    };
    source.addEventListener("hello", seen);
    source.addEventListener("update", (event) => {
      seen(event);
      apply(JSON.parse(event.data));
    });
    source.addEventListener("missed", (event) => {
      seen(event);
      reload();
    });
    source.addEventListener("error", () => {
      say("lost", "connection lost, trying again");
      stop();
      retry = setTimeout(start, 1000);
    });
  };
  const stop = () => {
    source?.close();
    source = null;
  };
  const pause = () => {
    if (document.hidden) {
      stop();
      say("off", "paused");
    } else {
      start();
      follow();
    }
  };

  // A log that grows.
  const log = document.getElementById("log");
  let lines = null, count = 0;
  const MOST = 5000;
  const follow = () => {
    if (!log || lines || document.hidden) return;
    const address = new URL(log.dataset.follow, location.href);
    if (!count) count = Number(address.searchParams.get("from"));
    address.searchParams.set("from", count);
    lines = new EventSource(address);
    lines.addEventListener("lines", (event) => {
      const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
      const texts = JSON.parse(event.data);
      count += texts.length;
      for (const text of texts) {
        const line = document.createElement("span");
        if (text.startsWith("# ")) line.className = "meta";
        line.textContent = `${text}\n`;
        log.append(line);
      }
      while (log.childNodes.length > MOST) log.firstChild.remove();
      if (isAtEnd) log.scrollTop = log.scrollHeight;
    });
    lines.addEventListener("error", () => {
      lines.close();
      lines = null;
      setTimeout(follow, 1000);
    });
  };
  if (log) log.scrollTop = log.scrollHeight;

  // Times as the time that has passed since.
  const ago = (since) => {
    const seconds = Math.max(0, Math.floor((Date.now() - since) / 1000));
    if (seconds < 2) return "just now";
    if (seconds < 120) return `${seconds} s ago`;
    if (seconds < 7200) return `${Math.floor(seconds / 60)} min ago`;
    if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ago`;
    return `${Math.floor(seconds / 86400)} days ago`;
  };
  const relate = () => {
    for (const time of all("time")) {
      const text = ago(Date.parse(time.dateTime));
      if (time.textContent !== text) time.textContent = text;
    }
  };

  // Zoom of drawings: buttons, keys, and the wheel with Ctrl.
  const zoom = (frame, step) => {
    const drawing = frame.querySelector(".drawing");
    const { width, height } = drawing.viewBox.baseVal;
    const fit = Math.min(1, (frame.querySelector(".scroll").clientWidth - 2) / width);
    const present = Number(drawing.dataset.scale ?? 1);
    const scale = step === "fit" ? fit : Math.min(4, Math.max(0.1, present * (step === "in" ? 1.25 : 0.8)));
    drawing.dataset.scale = scale;
    drawing.setAttribute("width", width * scale);
    drawing.setAttribute("height", height * scale);
  };
  const prepare = () => {
    for (const zoom of all(".zoom")) zoom.hidden = false;
    index();
    relate();
  };
  document.addEventListener("click", (event) => {
    const step = event.target.closest("[data-zoom]");
    if (step) zoom(step.closest(".zoomed"), step.dataset.zoom);
    const cell = event.target.closest(".map i");
    if (cell) location.href = `/object?id=${encodeURIComponent(cell.dataset.id)}`;
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input, select, textarea")) return;
    const frame = event.target.closest(".zoomed");
    const step = { "+": "in", "-": "out", "0": "fit" }[event.key];
    if (frame && step) zoom(frame, step);
    const search = document.querySelector("input[type=search]");
    if (event.key === "/" && search) {
      event.preventDefault();
      search.focus();
    }
  });
  document.addEventListener("wheel", (event) => {
    const frame = event.target.closest?.(".zoomed");
    if (!frame || !event.ctrlKey) return;
    event.preventDefault();
    zoom(frame, event.deltaY < 0 ? "in" : "out");
  }, { passive: false });

  if (!connection) return;
  prepare();
  setInterval(relate, 5000);
  document.addEventListener("visibilitychange", pause);
  // A page from the browser's memory is old.
  addEventListener("pageshow", (event) => event.persisted && reload());
  start();
  follow();
})();
