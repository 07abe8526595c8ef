// Wires the page: asks the API, keeps what it said, draws it anew.

import { chooseLanguage, label } from "./labels.js";
import { drawAnswer, percent } from "./tokens.js";

const TYPING_PAUSE_MS = 400;
const find = (id) => document.getElementById(id);
const [text, threshold, answers] = ["text", "threshold", "answers"].map(find);

let models = [];
let shown = null; // { answers, seed } of the newest answer.
let failure = null; // Draws the newest problem in the chosen language.
let draws = 0; // Of the generator, for the text that stands there now.
let asked = 0; // Requests so far; an answer that comes late is dropped.

function draw() {
  find("threshold-value").textContent = `${threshold.value}%`;
  find("problem").hidden = !failure;
  find("problem").textContent = failure ? failure() : "";
  if (!shown) return;
  const sections = shown.answers.map((answer, index) =>
    drawAnswer(answer, models[index], threshold.value / 100, shown.seed));
  answers.replaceChildren(...sections);
  answers.classList.toggle("pair", sections.length > 1);
}

async function request(path, body) {
  const response = await fetch(path, body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const isJson = response.headers.get("Content-Type").startsWith("application/json");
  const content = isJson ? await response.json() : {};
  if (response.ok) return content;
  const { received, expected, fix } = content.error ?? {};
  const told = received
    ? () => label("problem", received, expected, fix)
    : () => label("noAnswer", response.status);
  throw Object.assign(new Error(path), { told });
}

async function ask(path, body, seed) {
  asked += 1;
  const number = asked;
  answers.setAttribute("aria-busy", "true");
  try {
    const content = await request(path, body);
    if (number !== asked) return;
    shown = { answers: content.answers, seed };
    failure = null;
  } catch (error) {
    if (number !== asked) return;
    failure = error.told ?? (() => label("noAnswer", error.message));
  }
  answers.setAttribute("aria-busy", "false");
  draw();
}

// A lone half of a surrogate pair, which is no text, becomes U+FFFD.
const typed = () => new TextDecoder().decode(new TextEncoder().encode(text.value));

function look() {
  clearTimeout(typing);
  draws = 0;
  return ask("api/look", { text: typed() }, null);
}

function corrupt() {
  clearTimeout(typing);
  draws += 1;
  return ask("api/corrupt", { text: typed(), seed: draws }, draws);
}

let typing;
text.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(look, TYPING_PAUSE_MS);
});
text.addEventListener("keydown", (event) => {
  // Korean is composed: Enter may only end a syllable.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  look();
});
find("form").addEventListener("submit", (event) => {
  event.preventDefault();
  look();
});
find("corrupt").addEventListener("click", () => {
  if (models.some((model) => model.has_generator)) corrupt();
  else find("no-generator").hidden = false;
});
threshold.addEventListener("input", draw);
for (const button of document.querySelectorAll("[data-example]")) {
  button.addEventListener("click", () => {
    text.value = button.textContent;
    look();
  });
}
for (const button of document.querySelectorAll("[data-language]")) {
  button.addEventListener("click", () => {
    chooseLanguage(button.dataset.language);
    draw();
  });
}

chooseLanguage(navigator.language.startsWith("ko") ? "ko" : "en");
try {
  ({ models } = await request("api/models"));
  await look();
} catch (error) {
  failure = error.told ?? (() => label("noAnswer", error.message));
  draw();
}
