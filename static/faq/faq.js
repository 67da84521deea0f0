// The page of a FAQ: how long a text may still become, and the AI's proposals for empty languages.

const page = document.querySelector(".faq");
const form = page.closest("form");
const told = page.querySelector(".told");

function count(field) {
  const text = field.querySelector("textarea").value;
  const limit = Number(field.dataset.limit);
  const line = field.querySelector(".count");
  // Characters as the server counts them: one for each, however many units it takes here.
  const length = [...text.trim()].length;
  line.textContent = page.dataset.counted.replace("{count}", length).replace("{limit}", limit);
  line.classList.toggle("over", length > limit);
}

for (const field of page.querySelectorAll("[data-limit]")) {
  count(field);
  field.addEventListener("input", () => count(field));
}

form.addEventListener("submit", () => {
  // After this event, so that the button pressed is still sent.
  setTimeout(() => {
    for (const button of document.querySelectorAll(`button[form="${form.id}"]`)) button.disabled = true;
  });
});
// Whoever comes back with the browser's button finds the page as he left it, buttons included.
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll(`button[form="${form.id}"]`)) button.disabled = false;
});

function tell(sentences) {
  told.replaceChildren(
    ...sentences.map((sentence) => {
      const line = document.createElement("p");
      line.textContent = sentence;
      return line;
    }),
  );
}

function area(language, part) {
  return form.elements[`${part}_${language}`];
}

function propose(language, text) {
  const card = page.querySelector(`[data-language="${language}"]`);
  // Whoever has begun to write it meanwhile keeps what he wrote.
  if (area(language, "question").value.trim() || area(language, "answer").value.trim()) return;
  for (const part of ["question", "answer"]) {
    area(language, part).value = text[part];
    area(language, part).dispatchEvent(new Event("input", { bubbles: true }));
  }
  card.classList.add("proposal");
  card.querySelector(".proposed").hidden = false;
}

async function translate(button) {
  const label = button.textContent;
  button.disabled = true;
  button.textContent = button.dataset.busy;
  try {
    const response = await fetch(button.dataset.url, { method: "POST", body: new FormData(form) });
    if (!response.ok) throw new Error(response.status);
    const { texts, problems } = await response.json();
    for (const [language, text] of Object.entries(texts)) propose(language, text);
    const found = Object.keys(texts).length > 0;
    tell([...(found ? [button.dataset.done] : []), ...problems, ...(found || problems.length ? [] : [button.dataset.none])]);
  } catch {
    tell([button.dataset.failed]);
  } finally {
    button.disabled = false;
    button.textContent = label;
  }
}

const button = page.querySelector(".translate");
button?.addEventListener("click", () => translate(button));
