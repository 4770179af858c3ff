// Everything on this page comes from the show: "table", its parameters, and through the WebSocket
// "live" their values, the gauges and the picture. The page knows by name the group "show", "panic"
// and "tap" alone.

"use strict";

const PICTURE_MS = 100, SILENCE_MS = 5000, RETRY_MS = 1000, TROUBLE_MS = 6000;
// How long a control that was touched keeps its value, whatever the show reports.
const KEEP_MS = 700;
// How far a finger may move, in pixels, before it drags.
const DRAG_PIXELS = 6;
const FIRST_KEY = 21, LAST_KEY = 108;

const controls = new Map();  // by address
let version = null;

const $ = id => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// -- setting --------------------------------------------------------------------------------------

// One change of a control is sent at a time; of those that wait only the last one is sent.
async function send(control, value) {
  control.touched = performance.now();
  if (control.sending) {
    control.next = { value };
    return;
  }
  control.sending = true;
  try {
    const reply = await fetch("turn", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ address: control.address, value }),
    });
    if (!reply.ok) report((await reply.json()).trouble);
  } catch {
    report(`${control.name} was not set: no connection to the show`);
  }
  control.sending = false;
  if (control.next) {
    const { value } = control.next;
    control.next = null;
    send(control, value);
  }
}

let reportTimer = 0;

function report(message) {
  $("trouble").textContent = message;
  clearTimeout(reportTimer);
  reportTimer = setTimeout(() => { $("trouble").textContent = ""; }, TROUBLE_MS);
}

function release(control) {
  send(control, null);
  control.touched = -Infinity;
}

// -- building -------------------------------------------------------------------------------------

function build(table) {
  controls.clear();
  const groups = new Map();
  for (const control of table) {
    control.touched = -Infinity;
    controls.set(control.address, control);
    if (!groups.has(control.group)) groups.set(control.group, []);
    groups.get(control.group).push(control);
  }
  const names = [...groups.keys()].sort((a, b) => (b === "show") - (a === "show"));
  $("parameters").replaceChildren(...names.map(name => buildGroup(name, groups.get(name))));
}

function buildGroup(name, members) {
  const heading = make("h2", { textContent: name.replaceAll("_", " "), id: `group-${name}` });
  const group = make("section", { className: `group ${name === "show" ? "show" : ""}` }, heading);
  group.setAttribute("aria-labelledby", heading.id);
  const presses = members.filter(control => control.kind === "press");
  const others = members.filter(control => control.kind !== "press");
  const single = presses.filter(control => !control.series);
  if (single.length) group.append(make("div", { className: "presses" }, ...single.map(buildPress)));
  for (const series of new Set(presses.map(control => control.series).filter(Boolean))) {
    group.append(buildSeries(series, presses.filter(control => control.series === series)));
  }
  if (others.length) group.append(make("div", { className: "rows" }, ...others.map(buildRow)));
  const holding = others.filter(control => control.holds);
  if (holding.length > 1) {
    const button = make("button", { type: "button", className: "release",
      textContent: "release all", hidden: true });
    button.addEventListener("click", () => holding.filter(one => one.held).forEach(release));
    heading.append(button);
    for (const control of holding) {
      control.releaseAll = { button, holding };
    }
  }
  return group;
}

// Buttons of one kind, such as all presets, are small and in one line.
function buildSeries(name, members) {
  const line = make("div", { className: "series" }, make("span", { textContent: name }),
    ...members.map(buildPress));
  line.setAttribute("role", "group");
  line.setAttribute("aria-label", name);
  for (const control of members) control.input.setAttribute("aria-label", control.name);
  return line;
}

function buildPress(control) {
  const text = control.series ? control.name.slice(control.series.length + 1) : control.name;
  const button = make("button", { type: "button", className: "press", textContent: text });
  if (control.name === "panic") button.classList.add("panic");
  if (control.key) button.append(keyName(control));
  // A finger presses when it is lifted, since it may scroll; only a tap on the beat counts at once.
  const trigger = control.name === "tap" ? "pointerdown" : "click";
  button.addEventListener(trigger, event => { if (event.button === 0) press(control); });
  if (trigger !== "click") {
    button.addEventListener("click", event => { if (event.detail === 0) press(control); });
  }
  control.input = button;
  return wrap(control, button);
}

function press(control) {
  send(control, null);
  control.input.classList.add("pressed");
  setTimeout(() => control.input.classList.remove("pressed"), 150);
}

function buildRow(control) {
  const id = `control-${control.address}`;
  const label = make("label", { htmlFor: id, textContent: control.name });
  if (control.key) label.append(keyName(control));
  const builders = { number: buildFader, choice: buildMenu };
  const body = (builders[control.kind] || buildText)(control, label);
  control.input.id = id;
  control.input.title = control.says;
  const row = make("div", { className: "row" }, body);
  if (control.holds) {
    const button = make("button", { type: "button", className: "release", textContent: "release" });
    button.setAttribute("aria-label", `release ${control.name}`);
    button.addEventListener("click", () => { release(control); control.input.focus(); });
    row.append(button);
    body.addEventListener("dblclick", () => release(control));
  }
  return wrap(control, row);
}

function buildFader(control, label) {
  const [low, high] = control.span;
  control.input = make("input", { type: "range", min: low, max: high, step: (high - low) / 200 });
  control.output = make("output");
  const fader = make("div", { className: "fader" }, control.input, label, control.output);
  control.show = value => {
    const number = Number(value ?? low);
    control.input.value = number;
    const share = Math.min(1, Math.max(0, (number - low) / (high - low || 1)));
    fader.style.setProperty("--at", `${(100 * share).toFixed(2)}%`);
    control.output.textContent = value === null ? "–" : number.toFixed(high - low > 10 ? 1 : 2);
  };
  const set = () => {
    const value = Number(control.input.value);
    control.show(value);
    markHeld(control);
    send(control, value);
  };
  control.input.addEventListener("input", set);
  drag(fader, share => {
    control.input.value = low + share * (high - low);
    set();
  }, () => control.input.focus());
  control.input.addEventListener("keydown", event => {
    if (control.holds && (event.key === "Delete" || event.key === "Backspace")) release(control);
  });
  return fader;
}

// A finger that scrolls the page sets nothing: it must move sideways, or be lifted where it is.
function drag(fader, move, begin) {
  let from = null;
  const moveTo = event => {
    const box = fader.getBoundingClientRect();
    move(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
  };
  const end = () => {
    from = null;
    fader.classList.remove("touched");
  };
  const start = event => {
    fader.classList.add("touched");
    moveTo(event);
  };
  fader.addEventListener("pointerdown", event => {
    if (event.button !== 0) return;
    event.preventDefault();
    begin();
    from = event.clientX;
    fader.setPointerCapture(event.pointerId);
    if (event.pointerType !== "touch") start(event);
  });
  fader.addEventListener("pointermove", event => {
    if (from === null) return;
    const dragging = fader.classList.contains("touched");
    if (dragging || Math.abs(event.clientX - from) > DRAG_PIXELS) start(event);
  });
  fader.addEventListener("pointerup", event => {
    if (from !== null) moveTo(event);
    end();
  });
  fader.addEventListener("pointercancel", end);
}

function buildMenu(control, label) {
  control.input = make("select", {}, ...control.choices.map(choice => make("option", {
    value: choice, textContent: choice })));
  control.show = value => { control.input.value = String(value); };
  control.input.addEventListener("change", () => {
    markHeld(control);
    send(control, control.input.value);
  });
  return make("div", { className: "field" }, label, control.input);
}

function buildText(control, label) {
  control.input = make("input", { type: "text", autocomplete: "off", spellcheck: false,
    enterKeyHint: "done", placeholder: "…" });
  control.show = value => { control.input.value = value ?? ""; };
  const submit = () => {
    markHeld(control);
    send(control, control.input.value);
  };
  control.input.addEventListener("change", submit);
  control.input.addEventListener("keydown", event => {
    if (event.key === "Enter") control.input.blur();
  });
  return make("div", { className: "field" }, label, control.input);
}

function wrap(control, body) {
  const says = make("p", { className: "says" }, `${control.says} `,
    make("code", { textContent: control.address }));
  control.box = make("div", { className: "control", title: control.says }, body, says);
  return control.box;
}

function keyName(control) {
  return make("kbd", { textContent: control.key });
}

function markHeld(control) {
  if (control.holds) mark(control, true);
}

function mark(control, held) {
  control.held = held;
  control.box.classList.toggle("held", held);
  if (control.releaseAll) {
    control.releaseAll.button.hidden = !control.releaseAll.holding.some(one => one.held);
  }
}

// -- updating -------------------------------------------------------------------------------------

function update(state) {
  document.title = state.title;
  document.body.classList.toggle("view-only", state.view_only);
  $("guest").hidden = !state.view_only;
  $("parameters").inert = state.view_only;
  $("title").textContent = state.title;
  const now = performance.now();
  for (const [address, [value, held]] of Object.entries(state.values)) {
    const control = controls.get(address);
    if (!control) continue;
    if (control.kind === "press") {
      if (typeof value === "boolean") control.input.setAttribute("aria-pressed", value);
    } else if (now - control.touched > KEEP_MS && !control.sending) {
      mark(control, held);
      const editing = document.activeElement === control.input && control.kind !== "number";
      if (!editing) control.show(value);
    }
  }
  updateMeters(state.meters.filter(meter => meter.text));
  const sounding = new Set(state.sounding);
  for (const key of $("keys").children) {
    key.classList.toggle("on", sounding.has(Number(key.dataset.pitch)));
  }
}

function updateMeters(meters) {
  const list = $("meters"), names = meters.map(meter => meter.name).join("|");
  if (list.dataset.names !== names) {
    list.dataset.names = names;
    list.replaceChildren(...meters.map(meter => make("div", { title: meter.says },
      make("dt", { textContent: meter.name }), make("dd"),
      make("dd", { className: "says", textContent: meter.says }))));
  }
  meters.forEach((meter, number) => {
    const box = list.children[number];
    box.children[1].textContent = meter.text;
    box.classList.toggle("bad", !meter.good);
  });
}

function buildKeys() {
  const black = pitch => [1, 3, 6, 8, 10].includes(pitch % 12);
  const pitches = Array.from({ length: LAST_KEY - FIRST_KEY + 1 }, (_, index) => FIRST_KEY + index);
  const width = 100 / pitches.filter(pitch => !black(pitch)).length;
  let whites = 0;
  for (const pitch of pitches) {
    const key = make("i", { className: black(pitch) ? "black" : "" });
    key.dataset.pitch = pitch;
    key.style.left = `${width * (black(pitch) ? whites - 0.3 : whites++)}%`;
    key.style.width = `${width * (black(pitch) ? 0.6 : 1)}%`;
    $("keys").append(key);
  }
}

// -- the connection -------------------------------------------------------------------------------

const pause = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds));

// A hidden page has no connection, so that the show makes no pictures for it.
const visible = () => document.hidden
  ? new Promise(resolve => document.addEventListener("visibilitychange", resolve, { once: true }))
  : Promise.resolve();

async function receive(state) {
  if (state.table !== version) {
    const reply = await fetch("table", { signal: AbortSignal.timeout(SILENCE_MS) });
    if (!reply.ok) throw new Error("table");
    build(await reply.json());
    version = state.table;
  }
  update(state);
}

// One picture is on its way at a time: the next is asked for when the last one is seen.
function show(blob, ask) {
  const picture = $("picture"), address = URL.createObjectURL(blob);
  picture.onload = picture.onerror = async () => {
    URL.revokeObjectURL(address);
    await pause(PICTURE_MS);
    ask();
  };
  picture.src = address;
}

// Keep a connection until it ends, is silent for too long, or the page is hidden.
function connect(onState) {
  const address = new URL("live", location);
  address.protocol = address.protocol.replace("http", "ws");
  const socket = new WebSocket(address);
  return new Promise(resolve => {
    let silence = 0, busy = false;
    const end = () => {
      clearTimeout(silence);
      document.removeEventListener("visibilitychange", end);
      socket.onmessage = socket.onclose = null;
      socket.close();
      resolve();
    };
    const listen = () => {
      clearTimeout(silence);
      silence = setTimeout(end, SILENCE_MS);
    };
    const ask = () => { if (socket.readyState === WebSocket.OPEN) socket.send("picture"); };
    document.addEventListener("visibilitychange", end);
    socket.onclose = end;
    socket.onopen = ask;
    socket.onmessage = async event => {
      listen();
      if (event.data instanceof Blob) {
        show(event.data, ask);
        return;
      }
      if (busy) return;  // it waits for a table; another state follows soon
      busy = true;
      try {
        await receive(JSON.parse(event.data));
        onState();
      } catch {
        end();
      }
      busy = false;
    };
    listen();
  });
}

async function watch() {
  let missed = 0;
  const count = number => {
    missed = number;
    $("away").hidden = missed < 2;
    document.body.classList.toggle("gone", missed >= 2);
  };
  for (;;) {
    await visible();
    await connect(() => count(0));
    if (document.hidden) continue;
    count(missed + 1);
    await pause(RETRY_MS);
  }
}

// The keys of the show's window press the same buttons here, except while a field is edited.
document.addEventListener("keydown", event => {
  const editing = event.target.matches("input[type=text], select");
  if (editing || $("parameters").inert || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
  const plain = /^(Digit|Key)(.)$/.exec(event.code);
  const key = (event.shiftKey ? "shift+" : "") + (plain ? plain[2] : event.key).toLowerCase();
  for (const control of controls.values()) {
    if (control.key && [key, event.key].includes(control.key) && control.kind === "press") {
      event.preventDefault();
      press(control);
      return;
    }
  }
});

$("explain").addEventListener("click", () => {
  const explained = document.body.classList.toggle("explained");
  $("explain").setAttribute("aria-pressed", explained);
});

buildKeys();
watch();
