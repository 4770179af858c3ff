// Everything on this page comes from two tables that the show sends: "table", what there is on its
// desk, and "state", where that stands. Nothing is named here but the group "show" and "panic".

"use strict";

const STATE_MS = 200, PICTURE_MS = 100, AWAY_MS = 1000, TROUBLE_MS = 6000;
// So long a control that was touched stays where the hand left it, whatever the show says.
const MINE_MS = 700;
// So far a finger may slip and not have moved, in pixels.
const SLIP = 6;
const FIRST_KEY = 21, LAST_KEY = 108;

const controls = new Map();  // by address
let version = null;

const $ = id => document.getElementById(id);

function make(tag, facts = {}, ...inside) {
  const thing = Object.assign(document.createElement(tag), facts);
  thing.append(...inside);
  return thing;
}

// -- turning --------------------------------------------------------------------------------------

// One turn of a control is on its way at a time; of those that wait only the last counts.
async function turn(control, value) {
  control.touched = performance.now();
  if (control.sending) {
    control.next = { value };
    return;
  }
  control.sending = true;
  try {
    const answer = await fetch("turn", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ address: control.address, value }),
    });
    if (!answer.ok) complain((await answer.json()).trouble);
  } catch {
    complain(`${control.name} was not turned; the show does not answer`);
  }
  control.sending = false;
  if (control.next) {
    const { value } = control.next;
    control.next = null;
    turn(control, value);
  }
}

let complained = 0;

function complain(words) {
  $("trouble").textContent = words;
  clearTimeout(complained);
  complained = setTimeout(() => { $("trouble").textContent = ""; }, TROUBLE_MS);
}

function letGo(control) {
  turn(control, null);
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
  $("desk").replaceChildren(...names.map(name => buildGroup(name, groups.get(name))));
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
    const free = make("button", { type: "button", className: "free", textContent: "let go of all",
      hidden: true });
    free.addEventListener("click", () => holding.filter(one => one.held).forEach(letGo));
    heading.append(free);
    for (const control of holding) {
      control.together = { free, holding };
    }
  }
  return group;
}

// Presses of one kind, such as all presets, stand small in a line.
function buildSeries(name, members) {
  const line = make("div", { className: "series" }, make("span", { textContent: name }),
    ...members.map(buildPress));
  line.setAttribute("role", "group");
  line.setAttribute("aria-label", name);
  for (const control of members) control.input.setAttribute("aria-label", control.name);
  return line;
}

function buildPress(control) {
  const words = control.series ? control.name.slice(control.series.length + 1) : control.name;
  const button = make("button", { type: "button", className: "press", textContent: words });
  if (control.name === "panic") button.classList.add("panic");
  if (control.key) button.append(keyName(control));
  // A finger presses when it leaves, since it may have come to scroll; but a tap on the beat is
  // meant as it is struck.
  const struck = control.name === "tap" ? "pointerdown" : "click";
  button.addEventListener(struck, event => { if (event.button === 0) press(control); });
  if (struck !== "click") {
    button.addEventListener("click", event => { if (event.detail === 0) press(control); });
  }
  control.input = button;
  return wrapped(control, button);
}

function press(control) {
  turn(control, null);
  control.input.classList.add("struck");
  setTimeout(() => control.input.classList.remove("struck"), 150);
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
    const free = make("button", { type: "button", className: "free", textContent: "let go" });
    free.setAttribute("aria-label", `let go of ${control.name}`);
    free.addEventListener("click", () => { letGo(control); control.input.focus(); });
    row.append(free);
    body.addEventListener("dblclick", () => letGo(control));
  }
  return wrapped(control, row);
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
    hold(control);
    turn(control, value);
  };
  control.input.addEventListener("input", set);
  drag(fader, share => {
    control.input.value = low + share * (high - low);
    set();
  }, () => control.input.focus());
  control.input.addEventListener("keydown", event => {
    if (control.holds && (event.key === "Delete" || event.key === "Backspace")) letGo(control);
  });
  return fader;
}

// A finger that scrolls the page turns nothing: it must move sideways, or go as it came.
function drag(fader, move, begin) {
  let from = null;
  const to = event => {
    const box = fader.getBoundingClientRect();
    move(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)));
  };
  const end = () => {
    from = null;
    fader.classList.remove("touched");
  };
  const take = event => {
    fader.classList.add("touched");
    to(event);
  };
  fader.addEventListener("pointerdown", event => {
    if (event.button !== 0) return;
    event.preventDefault();
    begin();
    from = event.clientX;
    fader.setPointerCapture(event.pointerId);
    if (event.pointerType !== "touch") take(event);
  });
  fader.addEventListener("pointermove", event => {
    if (from === null) return;
    if (fader.classList.contains("touched") || Math.abs(event.clientX - from) > SLIP) take(event);
  });
  fader.addEventListener("pointerup", event => {
    if (from !== null) to(event);
    end();
  });
  fader.addEventListener("pointercancel", end);
}

function buildMenu(control, label) {
  control.input = make("select", {}, ...control.choices.map(choice => make("option", {
    value: choice, textContent: choice })));
  control.show = value => { control.input.value = String(value); };
  control.input.addEventListener("change", () => {
    hold(control);
    turn(control, control.input.value);
  });
  return make("div", { className: "field" }, label, control.input);
}

function buildText(control, label) {
  control.input = make("input", { type: "text", autocomplete: "off", spellcheck: false,
    enterKeyHint: "done", placeholder: "…" });
  control.show = value => { control.input.value = value ?? ""; };
  const write = () => {
    hold(control);
    turn(control, control.input.value);
  };
  control.input.addEventListener("change", write);
  control.input.addEventListener("keydown", event => { if (event.key === "Enter") control.input.blur(); });
  return make("div", { className: "field" }, label, control.input);
}

function wrapped(control, body) {
  const says = make("p", { className: "says" }, `${control.says} `,
    make("code", { textContent: control.address }));
  control.box = make("div", { className: "control", title: control.says }, body, says);
  return control.box;
}

function keyName(control) {
  return make("kbd", { textContent: control.key });
}

function hold(control) {
  if (control.holds) mark(control, true);
}

function mark(control, held) {
  control.held = held;
  control.box.classList.toggle("held", held);
  if (control.together) {
    control.together.free.hidden = !control.together.holding.some(one => one.held);
  }
}

// -- showing --------------------------------------------------------------------------------------

function show(state) {
  document.title = state.title;
  $("title").textContent = state.title;
  const now = performance.now();
  for (const [address, [value, held]] of Object.entries(state.values)) {
    const control = controls.get(address);
    if (!control) continue;
    if (control.kind === "press") {
      if (typeof value === "boolean") control.input.setAttribute("aria-pressed", value);
    } else if (now - control.touched > MINE_MS && !control.sending) {
      mark(control, held);
      const writing = document.activeElement === control.input && control.kind !== "number";
      if (!writing) control.show(value);
    }
  }
  showMeters(state.meters.filter(meter => meter.text));
  const sounding = new Set(state.sounding);
  for (const key of $("keys").children) key.classList.toggle("on", sounding.has(Number(key.dataset.pitch)));
}

function showMeters(meters) {
  const list = $("meters");
  if (list.dataset.names !== meters.map(meter => meter.name).join("|")) {
    list.dataset.names = meters.map(meter => meter.name).join("|");
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
  const pitches = Array.from({ length: LAST_KEY - FIRST_KEY + 1 }, (_, at) => FIRST_KEY + at);
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

// -- watching -------------------------------------------------------------------------------------

const rest = milliseconds => new Promise(wake => setTimeout(wake, milliseconds));

// Nobody looks at a page that is hidden, and the show need not make pictures for it.
const seen = () => document.hidden
  ? new Promise(wake => document.addEventListener("visibilitychange", wake, { once: true }))
  : Promise.resolve();

async function ask(path) {
  const answer = await fetch(path, { signal: AbortSignal.timeout(5000) });
  if (!answer.ok) throw new Error(path);
  return answer.json();
}

async function watchState() {
  for (let missed = 0; ;) {
    await seen();
    try {
      const state = await ask("state");
      if (state.table !== version) {
        build(await ask("table"));
        version = state.table;
      }
      show(state);
      missed = 0;
    } catch {
      missed += 1;
    }
    $("away").hidden = missed < 2;
    document.body.classList.toggle("gone", missed >= 2);
    await rest(missed ? AWAY_MS : STATE_MS);
  }
}

async function watchPicture() {
  const picture = $("picture");
  for (let number = 0; ; number++) {
    await seen();
    const loaded = new Promise(done => {
      picture.onload = () => done(PICTURE_MS);
      picture.onerror = () => done(AWAY_MS);
    });
    picture.src = `picture?${number}`;
    await rest(await loaded);
  }
}

// The keys of the show's window press the same things here, except while words are written.
document.addEventListener("keydown", event => {
  const writing = event.target.matches("input[type=text], select");
  if (writing || event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
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
watchState();
watchPicture();
