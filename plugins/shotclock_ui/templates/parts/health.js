
// A button asks for a reason and acts through Airflow's own API: the browser sends the user's cookie, so Airflow decides.
const STEPS = {
  retrain: (form, project) => ["POST", `/dags/${project}.retraining/dagRuns`, { logical_date: null, conf: { reason: form.get("reason") } }],
  resume: (_, project) => ["PATCH", `/dags/${project}.retraining`, { is_paused: false }],
  rollback: (form, project) => ["POST", `/dags/${project}.rollback/dagRuns`, { logical_date: null, conf: { reason: form.get("reason"), version: Number(form.get("version")) } }],
  approve: (form, _, asked) => answer("Approve", form, asked),
  reject: (form, _, asked) => answer("Reject", form, asked),
};
const DONE = {
  retrain: "The retraining is on its way.",
  rollback: "The rollback is on its way.",
  approve: "Approved: the challenger is being put into service.",
  reject: "Rejected: the champion stays.",
};

function answer(option, form, asked) {
  const task = `/dags/${asked.dag}/dagRuns/${encodeURIComponent(asked.run)}/taskInstances/approve/-1/hitlDetails`;
  return ["PATCH", task, { chosen_options: [option], params_input: { why: form.get("reason") } }];
}

async function refusal(response, project) {
  if (response.status === 401) return "Your login has ended. Log in to Airflow again, then repeat this.";
  if (response.status === 403) return `You may look at ${project}, but not do this: Airflow gives your user no right to it. Ask whoever manages its users for the right to run this project's DAGs.`;
  if (response.status === 409) return "Somebody else was faster: this has been answered already. Close this and look again.";
  const told = await response.json().catch(() => ({}));
  const detail = typeof told.detail === "string" ? told.detail : JSON.stringify(told.detail ?? "");
  return `Airflow refused (${response.status}): ${detail}`;
}

async function asked(api, [method, path, body]) {
  return fetch(api + path, { method, credentials: "same-origin", headers: { "Content-Type": "application/json", Accept: "application/json" }, body: JSON.stringify(body) });
}

async function act(form, action) {
  const actions = document.querySelector(".actions");
  const { api, project, paused } = actions.dataset;
  const steps = action === "retrain" && paused === "true" ? ["resume", "retrain"] : [action];  // a paused DAG's runs wait for ever
  const said = form.querySelector(".refused");
  const buttons = form.querySelectorAll("[type=submit]");
  said.textContent = "";
  buttons.forEach((button) => { button.disabled = true; });
  try {
    for (const step of steps) {
      const response = await asked(api, STEPS[step](new FormData(form), project, form.dataset));
      if (!response.ok) { said.textContent = await refusal(response, project); return; }
    }
    form.reset();
    form.closest("dialog")?.close();
    actions.querySelector(".said").textContent = DONE[action];
    setTimeout(() => location.reload(), 2500);
  } catch {
    said.textContent = "Airflow did not answer. Nothing is known to have happened; look again before you repeat this.";
  } finally {
    buttons.forEach((button) => { button.disabled = false; });
  }
}

addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) document.getElementById(opener.dataset.opens).showModal();
  if (event.target.closest("[data-closes]")) event.target.closest("dialog").close();
});
addEventListener("submit", (event) => {
  const action = event.submitter?.dataset.action ?? event.target.dataset.action;
  if (!action) return;
  event.preventDefault();
  act(event.target, action);
});
let leaving = false;
addEventListener("change", (event) => {
  if (!event.target.matches("[data-goes]")) return;
  leaving = true;  // a reload would call the way back
  location.assign(event.target.value);
});

// An explanation stays inside the page, and Escape shuts it.
addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.querySelectorAll(".term:hover, .term:focus").forEach((term) => term.classList.add("shut"));
});
for (const kind of ["mouseover", "focusin"]) {
  addEventListener(kind, (event) => {
    const term = event.target.closest?.(".term");
    if (!term || term.contains(event.relatedTarget)) return;
    term.classList.remove("shut", "right");
    term.classList.toggle("right", term.querySelector(".tip").getBoundingClientRect().right > innerWidth - 8);
  });
}

// On a phone a row's cells stand below one another, each with its column's name: see `.stacked` in the style sheet.
function stack(table) {
  const names = [...table.tHead.rows[0].cells].map((cell) => (cell.querySelector(".term")?.firstChild ?? cell).textContent.trim());
  for (const cell of table.tBodies[0].querySelectorAll("td:not([colspan])")) {
    if (names[cell.cellIndex]) cell.dataset.label = names[cell.cellIndex];
  }
  table.classList.add("stacked");
}

// On a phone, parts that are not first are folded.
const isPhone = () => matchMedia("(max-width: 640px)").matches;

// What is newest stands on the right. The page looks again by itself, but never while somebody writes, reads an opened part, or
// goes from control to control by keyboard.
addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".wide").forEach((part) => { if (part.querySelector(".timeline")) part.scrollLeft = part.scrollWidth; });
  document.querySelectorAll("table:has(thead)").forEach(stack);
  if (isPhone()) document.querySelectorAll("details.part").forEach((part) => { part.open = false; });
  const seconds = Number(document.body.dataset.refresh);
  if (!seconds) return;
  setInterval(() => {
    const busy = leaving || document.hidden || document.querySelector(`dialog[open], details[open]${isPhone() ? "" : ":not(.part)"}`) || document.activeElement !== document.body;
    if (!busy) location.reload();
  }, seconds * 1000);
});
