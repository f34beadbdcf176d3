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
