// The page of a running zmqdev: one state a second by server-sent events. What peers name is set
// as text, never as HTML; the one piece of HTML is the picture, an SVG that zmqdev has drawn.
"use strict";

const query = location.search;
const at = (id) => document.getElementById(id);

function made(tag, text = "", className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

function count(number) {
  for (const [size, unit] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]]) {
    if (Math.abs(number) >= size) return (number / size).toPrecision(3) + unit;
  }
  return Number.isInteger(number) ? String(number) : number.toPrecision(3);
}

function bytes(number) {
  for (const [size, unit] of [[2 ** 30, " GiB"], [2 ** 20, " MiB"], [2 ** 10, " KiB"]]) {
    if (number >= size) return (number / size).toPrecision(3) + unit;
  }
  return Math.round(number) + " B";
}

function duration(seconds) {
  const whole = Math.floor(seconds);
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24, Math.floor(whole / 60) % 60];
  const two = (number) => String(number).padStart(2, "0");
  return (days ? days + " d " : "") + (whole >= 3600 ? two(hours) + ":" : "") + two(minutes) + ":" + two(whole % 60);
}

// What is counted in seconds; what ends with bytes is a size, and the rest are plain counts.
const SECONDS = new Set(["p50", "p99", "max", "oldest", "commit_p99", "lease"]);

function shown(name, number) {
  if (name.endsWith("bytes")) return bytes(number);
  if (!SECONDS.has(name) || !number) return count(number);
  return number < 1 ? (1000 * number).toPrecision(3) + " ms" : number.toPrecision(3) + " s";
}

// A name as a word in text, or at the beginning of a line.
const words = (name) => name.replaceAll("_", " ");
const heading = (name) => words(name[0].toUpperCase() + name.slice(1));

function table(heads, rows) {
  const element = made("table");
  const first = element.insertRow();
  for (const head of heads) first.append(made("th", head));
  for (const row of rows) {
    const line = element.insertRow();
    for (const cell of row) line.insertCell().textContent = cell;
  }
  return element;
}

// Messages a second in the last minute, oldest first; null before the first look.
function sparkline(minute) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  picture.setAttribute("class", "minute");
  picture.setAttribute("viewBox", `0 0 ${minute.length - 1} 100`);
  picture.setAttribute("preserveAspectRatio", "none");
  const most = Math.max(...minute.map((one) => one ?? 0), 1e-9);
  const points = minute.map((one, index) => [index, one]).filter(([, one]) => one !== null)
    .map(([index, one]) => `${index},${98 - 94 * one / most}`);
  if (points.length > 1) {
    const area = document.createElementNS(space, "polygon");
    const [left, right] = [points[0].split(",")[0], points[points.length - 1].split(",")[0]];
    area.setAttribute("points", `${left},98 ${points.join(" ")} ${right},98`);
    const line = document.createElementNS(space, "polyline");
    line.setAttribute("points", points.join(" "));
    picture.append(area, line);
  }
  const title = document.createElementNS(space, "title");
  title.textContent = `messages a second in the last minute, at most ${count(most)}`;
  picture.append(title);
  return picture;
}

function flows(part) {
  const found = [];
  const rows = part.flows.map((flow) => [
    flow.name, count(flow.messages_per_second) + "/s", bytes(flow.bytes_per_second) + "/s", count(flow.messages),
    flow.blocked ? Math.round(100 * flow.blocked) + " %" : "",
  ]);
  found.push(table(["", "messages", "bytes", "in all", "blocked"], rows));
  for (const flow of part.flows) {
    if (flow.minute.some((one) => one)) found.push(sparkline(flow.minute));
  }
  const drops = part.flows.flatMap((flow) => Object.entries(flow.drops)
    .map(([reason, number]) => [`${flow.name}: ${reason.replaceAll("_", " ")}`, count(number)]));
  if (drops.length) found.push(made("h3", "Dropped"), table(["", ""], drops));
  return found;
}

function sides(part) {
  const rows = part.sides.map((side) => [
    `${side.name} ${side.type}`, String(side.peers.connected), String(side.peers.failed_handshakes || ""),
    String(Object.values(side.refused).reduce((sum, number) => sum + number, 0) || ""),
  ]);
  const addresses = made("ul", "", "dim");
  for (const side of part.sides) {
    for (const address of side.addresses) addresses.append(made("li", `${side.name}: ${address.verb} ${address.actual}`));
  }
  return [made("h3", "Peers"), table(["", "connected", "failed", "refused"], rows), addresses];
}

// What a kind has of its own: numbers as a table, those that are 0 in a line; lists of maps as
// tables below.
function extra(values) {
  const found = [];
  const plain = Object.entries(values).filter(([, value]) => typeof value === "number");
  const some = plain.filter(([, value]) => value), none = plain.filter(([, value]) => !value);
  if (some.length) {
    found.push(table(["", ""], some.map(([name, value]) => [words(name), shown(name, value)])));
  }
  if (none.length) found.push(made("p", "0: " + none.map(([name]) => words(name)).join(", "), "dim"));
  for (const [name, value] of Object.entries(values)) {
    if (Array.isArray(value) && value.length && typeof value[0] === "object") {
      const heads = Object.keys(value[0]).filter((head) => typeof value[0][head] !== "object");
      found.push(made("h3", heading(name)));
      const wide = made("div", "", "wide");
      wide.append(table(heads.map(words), value.map((row) => heads.map((head) => typeof row[head] === "number" ? shown(head, row[head]) : String(row[head])))));
      found.push(wide);
    } else if (value && typeof value === "object" && !Array.isArray(value) && Object.keys(value).length) {
      found.push(made("h3", heading(name)), ...extra(value));
    }
  }
  return found;
}

function card(part) {
  const element = made("article");
  element.dataset.name = part.name;
  const head = made("div", "", "head");
  head.append(made("h2", part.name), made("span", `${part.kind}, ${duration(part.uptime)}`, "dim"), made("span", part.state, `state ${part.state}`));
  element.append(head, ...flows(part), ...sides(part), ...extra(part.details));
  return element;
}

let shownPicture = "";

function show(state) {
  at("version").textContent = state.version;
  at("clock").textContent = new Date(1000 * state.time).toLocaleString();
  document.title = state.parts.map((part) => part.name).join(", ") + " · zmqdev";
  at("parts").replaceChildren(...state.parts.map(card));
  at("warnings").hidden = !state.warnings.length;
  at("warnings").querySelector("ul").replaceChildren(...state.warnings.slice().reverse().map((line) =>
    made("li", `${new Date(1000 * line.time).toLocaleTimeString()} ${line.text}`, line.level)));
  at("picture").hidden = !state.picture;
  if (state.picture !== shownPicture) at("picture").innerHTML = shownPicture = state.picture;
}

// With ?once: one state and no more, for a picture or a printer.
if (new URLSearchParams(query).has("once")) {
  fetch("state" + query).then((answer) => answer.json()).then(show);
} else {
  const events = new EventSource("events" + query);
  events.onmessage = (event) => { at("lost").hidden = true; show(JSON.parse(event.data)); };
  events.onerror = () => { at("lost").hidden = false; };
}
