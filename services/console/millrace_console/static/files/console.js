// The little that a page does by itself: all of it can be done without, with the buttons beside it.
"use strict";
document.documentElement.classList.add("js");
document.addEventListener("change", (event) => {
  if (event.target.matches("select[data-go]")) event.target.form.requestSubmit();
});
// Pages that look for news stop while nobody looks at them.
document.addEventListener("htmx:before:request", (event) => {
  const polled = event.target.closest && event.target.closest("[hx-trigger]");
  if (polled && document.hidden) event.preventDefault();
});
// A file is sent as it is, so that a large one lies in nobody's memory; what came of it stands on the page it leads to.
document.addEventListener("submit", async (event) => {
  const form = event.target, field = form.querySelector("input[type=file]");
  if (!form.dataset.upload || !field.files.length) return;
  event.preventDefault();
  const button = form.querySelector("button"), bar = form.querySelector("progress");
  const told = form.querySelector("[role=alert]"), file = field.files[0];
  const join = form.dataset.upload.includes("?") ? "&" : "?";
  button.disabled = true; bar.hidden = false; told.hidden = true;
  try {
    const answer = await fetch(form.dataset.upload + join + "name=" + encodeURIComponent(file.name),
      { method: "POST", body: file, headers: { "x-csrf": form.dataset.csrf, "content-type": "application/octet-stream" } });
    if (answer.redirected) { location.assign(answer.url); return; }
    if (answer.ok) { location.assign((await answer.json()).to); return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const words = page.querySelector("[role=alert]");
    told.textContent = words ? words.textContent : "It was refused: " + answer.status;
  } catch (error) { told.textContent = "The connection was lost; send it again."; }
  button.disabled = false; bar.hidden = true; told.hidden = false;
});
// Buttons that have a key are pressed by it, while nobody writes into a field.
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
  const button = document.querySelector(`button[data-key="${CSS.escape(event.key)}"]`);
  if (button) { event.preventDefault(); button.click(); }
});
document.querySelector("[data-focus]")?.focus();
// A run tells its news by itself; ids let the browser take the stream up where it was, so that no line comes twice.
const live = document.querySelector("[data-stream]");
if (live && window.EventSource) {
  const source = new EventSource(live.dataset.stream), place = document.querySelector("[data-heard]");
  const news = () => { const now = document.getElementById("live"); if (now) now.dispatchEvent(new Event("news")); };
  source.addEventListener("run", news);
  source.addEventListener("said", (event) => {
    const log = place.querySelector("pre"), end = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.append(JSON.parse(event.data).text + "\n");
    while (log.childNodes.length > 500) log.firstChild.remove();
    place.hidden = false;
    if (end) log.scrollTop = log.scrollHeight;
  });
  source.addEventListener("over", () => { source.close(); news(); });
}
// A small text file is read into the field that it may also be written into.
document.addEventListener("change", async (event) => {
  const field = event.target.dataset.into && document.getElementById(event.target.dataset.into);
  if (field && event.target.files.length) field.value = await event.target.files[0].text();
});
