// Draws what one model says of a text. Reads answers of the API, feeds page.js.
// Texts of people reach the page as text nodes alone, never as HTML.

import { label } from "./labels.js";

export function percent(probability) {
  return `${Math.round(probability * 100)}%`;
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// Hit, miss or false alarm; null for a text that was not corrupted.
export function judge(piece, threshold) {
  if (piece.is_replaced === undefined) return null;
  const isNoticed = piece.replaced_probability > threshold;
  if (piece.is_replaced) return isNoticed ? "hit" : "miss";
  return isNoticed ? "falseAlarm" : null;
}

function describe(piece, verdict) {
  const number = percent(piece.replaced_probability);
  if (piece.is_replaced) {
    return label("was", piece.text, piece.original, number, label(verdict));
  }
  if (verdict) return label("falseAlarmOf", piece.text, number, label(verdict));
  return label("replaced", piece.text, number);
}

const MARKS = { hit: "✓", miss: "✗", falseAlarm: "!" };

function drawPiece(piece, threshold) {
  const button = element("button", "token");
  button.type = "button";
  button.tabIndex = -1;
  const verdict = judge(piece, threshold);
  if (piece.is_replaced) {
    button.append(element("s", "was", piece.original));
    button.classList.add("replaced");
  }
  button.append(element("span", "now", piece.text));
  if (verdict) {
    button.append(element("sup", "mark", MARKS[verdict]));
    button.classList.add(verdict);
  }
  const isStrong = piece.replaced_probability > threshold;
  button.classList.toggle("strong", isStrong);
  button.style.setProperty("--probability", piece.replaced_probability);
  button.dataset.number = percent(piece.replaced_probability);
  button.dataset.probability = piece.replaced_probability;
  button.setAttribute("aria-label", describe(piece, verdict));
  return button;
}

// One stop of the Tab key for all tokens; arrows, Home and End move.
function moveByKeys(line) {
  const tokens = [...line.querySelectorAll(".token")];
  if (tokens.length) tokens[0].tabIndex = 0;
  const focus = (index) => {
    for (const token of tokens) token.tabIndex = -1;
    tokens[index].tabIndex = 0;
    tokens[index].focus();
  };
  line.addEventListener("keydown", (event) => {
    const now = tokens.indexOf(document.activeElement);
    const next = {
      ArrowRight: now + 1, ArrowDown: now + 1, ArrowLeft: now - 1, ArrowUp: now - 1,
      Home: 0, End: tokens.length - 1,
    }[event.key];
    if (now < 0 || next === undefined) return;
    event.preventDefault();
    focus(Math.max(0, Math.min(tokens.length - 1, next)));
  });
  line.addEventListener("click", (event) => {
    const index = tokens.indexOf(event.target.closest(".token"));
    if (index >= 0) focus(index); // Safari does not focus what is clicked.
  });
}

function drawLine(answer, threshold) {
  const line = element("div", "tokens");
  line.setAttribute("role", "toolbar");
  line.setAttribute("aria-label", label("tokens"));
  let word = null;
  for (const piece of answer.pieces) {
    if (!word || !piece.continues || piece.before) {
      line.append(piece.before);
      word = element("span", "word");
      line.append(word);
    }
    word.append(drawPiece(piece, threshold));
  }
  if (answer.rest) line.append(element("span", answer.is_cut ? "unread" : "", answer.rest));
  moveByKeys(line);
  return line;
}

function drawCounts(pieces, threshold) {
  const counts = { hit: 0, miss: 0, falseAlarm: 0 };
  for (const piece of pieces) {
    const verdict = judge(piece, threshold);
    if (verdict) counts[verdict] += 1;
  }
  const list = element("ul", "counts");
  const names = { hit: "hits", miss: "misses", falseAlarm: "falseAlarms" };
  for (const [verdict, name] of Object.entries(names)) {
    const item = element("li", verdict);
    item.append(element("span", "mark", MARKS[verdict]), ` ${label(name)} `);
    item.append(element("b", "", String(counts[verdict])));
    list.append(item);
  }
  return list;
}

// Draws the section of one model. `seed` is null for a text as it was typed.
export function drawAnswer(answer, model, threshold, seed) {
  const section = element("section", "answer");
  section.append(element("h2", "", answer.model));
  if (answer.problem) {
    section.append(element("p", "note", label("noGenerator")));
    return section;
  }
  section.append(drawLine(answer, threshold));
  if (!answer.pieces.length) section.append(element("p", "note", label("empty")));
  if (answer.is_cut) {
    const length = model.sequence_length;
    const text = length ? label("isCut", length) : label("isCutSomewhere");
    section.append(element("p", "note cut", text));
  }
  if (seed !== null) {
    const masked = answer.pieces.filter((piece) => piece.is_masked).length;
    const replaced = answer.pieces.filter((piece) => piece.is_replaced).length;
    section.append(drawCounts(answer.pieces, threshold));
    section.append(element("p", "note", label("seed", seed, replaced, masked)));
    if (answer.generator !== answer.model) {
      section.append(element("p", "note", label("wordsBy", answer.generator)));
    }
  } else if (answer.naturalness !== null) {
    const line = element("p", "naturalness", `${label("naturalness")} `);
    line.append(element("b", "", answer.naturalness.toFixed(3)));
    line.append(" ", element("span", "note", label("naturalnessNote")));
    section.append(line);
  }
  return section;
}
