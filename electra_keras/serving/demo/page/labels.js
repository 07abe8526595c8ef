// The words of the page in both languages. Read by tokens.js and page.js.

export const LABELS = {
  en: {
    title: "What the model sees",
    prompt: "Type a sentence",
    look: "Look",
    corrupt: "Corrupt",
    threshold: "Noticed above",
    thresholdNote:
      "The paper's threshold is 50%. In training about a tenth of the tokens was " +
      "replaced, so compare tokens with each other first.",
    examples: "Examples",
    noGenerator:
      "This model cannot replace words: export it with --with_generator.",
    legend:
      "Shade and number: how probable it is that a token was replaced. " +
      "Underlined: above the threshold. Point at a token, touch it or move with " +
      "the arrow keys to see its number.",
    tokens: "Tokens; arrow keys move",
    naturalness: "Naturalness",
    naturalnessNote: "(higher is more natural; compare texts of similar length)",
    isCut: "Grey text was not read: the model cuts a text at {0} tokens.",
    isCutSomewhere: "Grey text was not read: the model cuts long texts.",
    empty: "No token in this text.",
    replaced: "{0}: {1} replaced",
    was: "{0}, was {1}: {2} replaced, {3}",
    falseAlarmOf: "{0}: {1} replaced, {2}",
    hit: "noticed",
    miss: "missed",
    falseAlarm: "false alarm",
    hits: "noticed",
    misses: "missed",
    falseAlarms: "false alarms",
    seed: "Draw {0}. {1} of {2} masked tokens were replaced.",
    wordsBy: "The words are from the generator of {0}.",
    noAnswer: "No answer: {0}",
    problem: "Received {0}; expected {1}. {2}",
  },
  ko: {
    title: "모델의 눈으로 보기",
    prompt: "문장을 입력하세요",
    look: "살펴보기",
    corrupt: "바꿔 보기",
    threshold: "알아챔 기준",
    thresholdNote:
      "논문의 기준은 50%입니다. 학습할 때 바뀐 토큰은 열 개에 하나쯤이므로, " +
      "먼저 토큰끼리 견주어 보세요.",
    examples: "예문",
    noGenerator:
      "이 모델은 단어를 바꿀 수 없습니다. --with_generator로 다시 내보내세요.",
    legend:
      "색의 진하기와 숫자는 토큰이 바뀐 것일 확률입니다. 밑줄은 기준을 넘은 " +
      "토큰입니다. 토큰을 가리키거나 누르거나 화살표 키로 옮겨 가면 숫자가 보입니다.",
    tokens: "토큰, 화살표 키로 이동",
    naturalness: "자연스러움",
    naturalnessNote: "(높을수록 자연스러움. 길이가 비슷한 글끼리 견주세요)",
    isCut: "흐린 글자는 읽지 않았습니다. 모델은 토큰 {0}개까지만 읽습니다.",
    isCutSomewhere: "흐린 글자는 읽지 않았습니다. 모델은 긴 글을 잘라 읽습니다.",
    empty: "이 글에는 토큰이 없습니다.",
    replaced: "{0}: 바뀌었을 확률 {1}",
    was: "{0}, 원래는 {1}: 바뀌었을 확률 {2}, {3}",
    falseAlarmOf: "{0}: 바뀌었을 확률 {1}, {2}",
    hit: "알아챔",
    miss: "놓침",
    falseAlarm: "잘못 의심함",
    hits: "알아챔",
    misses: "놓침",
    falseAlarms: "잘못 의심함",
    seed: "{0}번째 뽑기. 마스킹한 토큰 {2}개 가운데 {1}개가 바뀌었습니다.",
    wordsBy: "{0}의 생성자가 고른 단어입니다.",
    noAnswer: "답을 받지 못했습니다: {0}",
    problem: "받은 것: {0}. 필요한 것: {1}. {2}",
  },
};

let language = "en";

export function chooseLanguage(name) {
  language = name in LABELS ? name : "en";
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-label]")) {
    element.textContent = LABELS[language][element.dataset.label];
  }
  for (const button of document.querySelectorAll("[data-language]")) {
    button.setAttribute("aria-pressed", button.dataset.language === language);
  }
}

// label("seed", 1, 2, 3) puts the values where {0}, {1} and {2} stand.
export function label(name, ...values) {
  return LABELS[language][name].replace(/\{(\d)\}/g, (_, index) => values[index]);
}
