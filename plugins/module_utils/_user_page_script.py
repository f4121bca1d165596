# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The script of the page of users. PRIVATE to this collection.

The rows are taken out of the page, sorted and filtered as a list, and put back as far as one has
scrolled: browsers take seconds to lay out tens of thousands of rows, and no time to sort them.
"""

from __future__ import annotations

FIRST_SCRIPT = """document.documentElement.classList.add("live", "loading");"""
"""Keeps the browser from laying out rows that are taken out again; not there, nothing is hidden."""

SCRIPT = r"""
"use strict";
const start = () => {
  const AT_ONCE = 300;
  const at = (id) => document.getElementById(id);
  const [table, bar, find, state, domain, count, nobody, more] =
    ["users", "bar", "find", "state", "domain", "count", "nobody", "more"].map(at);
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const everybody = [...body.rows].filter((row) => !row.classList.contains("noone"));
  const order = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const plain = (text) => text.normalize("NFKD").replace(/\p{Mn}+/gu, "").toLowerCase();
  const number = (value) => value.toLocaleString("en");
  if (!everybody.length) {
    document.documentElement.classList.remove("live");
    return;
  }

  let sorted = everybody;
  let shown = everybody;
  let attached = everybody.length;
  let texts = null;
  const keys = [];

  const attach = (limit) => {
    const part = document.createDocumentFragment();
    const end = Math.min(shown.length, attached + limit);
    for (; attached < end; attached += 1) part.append(shown[attached]);
    body.append(part);
    more.hidden = attached === shown.length;
    more.firstElementChild.textContent = `The first ${number(attached)} of ${number(shown.length)} are listed.`;
  };

  const show = () => {
    body.replaceChildren();
    attached = 0;
    attach(AT_ONCE);
    nobody.hidden = shown.length > 0;
    count.textContent = `${number(shown.length)} of ${number(everybody.length)} shown`;
    // Anew, since it tells only of changes and the end may be in sight still.
    watcher.unobserve(more);
    watcher.observe(more);
  };

  const filter = () => {
    const words = plain(find.value).split(/\s+/).filter(Boolean);
    if (words.length && !texts) texts = new Map(everybody.map((row) => [row, plain(row.textContent)]));
    shown = sorted.filter((row) =>
      (state.value === "*" || row.dataset.s === state.value) &&
      (domain.value === "*" || row.dataset.d === domain.value) &&
      words.every((word) => texts.get(row).includes(word)));
    show();
  };

  const sortBy = (column) => {
    const head = heads[column];
    const down = head.getAttribute("aria-sort") === "ascending";
    const cellText = (row) => (row.cells[column].querySelector("b, time, span") ?? row.cells[column]).textContent;
    keys[column] ??= new Map(everybody.map((row) => [row, cellText(row)]));
    const key = keys[column];
    // Who has nothing there stands at the end either way.
    const filled = everybody.filter((row) => key.get(row));
    const empty = everybody.filter((row) => !key.get(row));
    filled.sort((a, b) => order.compare(key.get(a), key.get(b)));
    if (down) filled.reverse();
    sorted = [...filled, ...empty];
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    filter();
  };

  const watcher = new IntersectionObserver((seen) => {
    if (seen.some((entry) => entry.isIntersecting) && attached < shown.length) {
      attach(AT_ONCE);
      watcher.unobserve(more);
      watcher.observe(more);
    }
  }, { rootMargin: "1500px" });

  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
  }
  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (head) sortBy(heads.indexOf(head));
  });

  let waiting = 0;
  find.addEventListener("input", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(filter);
  });
  state.addEventListener("change", filter);
  domain.addEventListener("change", filter);
  at("further").addEventListener("click", () => attach(2000));
  at("clear").addEventListener("click", () => {
    find.value = "";
    state.value = domain.value = "*";
    filter();
    find.focus();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      find.focus();
      find.select();
    } else if (event.key === "Escape" && event.target === find) {
      find.value = "";
      filter();
    }
  });
  addEventListener("beforeprint", () => attach(Infinity));

  bar.hidden = false;
  filter();
};
try {
  start();
} finally {
  document.documentElement.classList.remove("loading");
}
"""
