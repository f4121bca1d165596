# Copyright (c) 2026 homelab.identity_broker maintainers
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the page of users looks: on a screen in light and dark, on a phone, and on paper. PRIVATE to this collection."""

from __future__ import annotations

STYLE = r"""
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #fff; --head: #fbfcfd; --hover: #f6f8fb;
  --text: #1a2230; --soft: #586476; --line: #e3e7ed; --strong-line: #cbd2dc; --accent: #2457c5;
  --good: #17693d; --good-back: #e2f4e9; --bad: #a3262f; --bad-back: #fce8e9;
  --open: #7a5200; --open-back: #fdf0d2; --quiet: #536072; --quiet-back: #edf0f4;
  --shade: 0 1px 2px rgb(20 30 50 / 5%), 0 6px 24px rgb(20 30 50 / 5%);
  --bar: 4.25rem;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #0e1217; --card: #161b22; --head: #1a2029; --hover: #1b222c;
    --text: #e4e9f0; --soft: #98a4b4; --line: #262e39; --strong-line: #3a4553; --accent: #8db2ff;
    --good: #7fd6a3; --good-back: #143325; --bad: #ff9ea3; --bad-back: #40191d;
    --open: #f0c66e; --open-back: #3a2c0d; --quiet: #a6b1c0; --quiet-back: #252d38;
    --shade: 0 1px 2px rgb(0 0 0 / 40%);
  }
}
*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; scroll-padding-top: 8rem; }
body {
  margin: 0 auto; padding: 2.5rem 2rem 4rem; max-width: 1680px; background: var(--page); color: var(--text);
  font: 0.875rem/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  overflow-wrap: anywhere;
}
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }

header {
  display: grid; grid-template-columns: 1fr auto; gap: 0.9rem 2rem; align-items: end; margin: 0 0.25rem 1.75rem;
}
.over { margin: 0 0 0.2rem; color: var(--soft); font-size: 0.8125rem; font-weight: 500; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; font-weight: 650; letter-spacing: -0.015em; text-wrap: balance; }
.facts { display: flex; flex-wrap: wrap; gap: 0.35rem 1.75rem; margin: 0; padding: 0; list-style: none; }
.facts li { color: var(--soft); }
.facts b { color: var(--text); font-size: 1.125rem; font-weight: 620; font-variant-numeric: tabular-nums; }
.legend { grid-column: 1 / -1; margin: 0; max-width: 78ch; color: var(--soft); }
.legend b { color: inherit; font-weight: 550; }
.gaps {
  margin: 0 0 1.25rem; padding: 0.85rem 1.1rem; border-radius: 10px; color: var(--open); background: var(--open-back);
}
.gaps p { margin: 0; }
.gaps ul { margin: 0.35rem 0 0; padding-left: 1.15rem; }

main { background: var(--card); border: 1px solid var(--line); border-radius: 14px; box-shadow: var(--shade); }
.gaps { border-radius: 13px 13px 0 0; margin: 0; border-bottom: 1px solid var(--line); }
.bar {
  position: sticky; top: 0; z-index: 3; display: flex; align-items: center; gap: 0.75rem; height: var(--bar);
  padding: 0 1rem; background: var(--card); border-radius: 13px 13px 0 0;
}
.gaps + .bar { border-radius: 0; }
.find { flex: 1 1 20rem; max-width: 30rem; }
.bar label:not(.find) { display: flex; align-items: center; gap: 0.45rem; color: var(--soft); }
input, select {
  width: 100%; height: 2.375rem; padding: 0 0.75rem; border: 1px solid var(--strong-line); border-radius: 8px;
  background: var(--card); color: var(--text); font: inherit;
}
select { width: auto; max-width: 15rem; padding-right: 0.5rem; }
input::placeholder { color: var(--soft); opacity: 1; }
input:focus, select:focus {
  outline: 2px solid color-mix(in srgb, var(--accent) 35%, transparent); outline-offset: 0; border-color: var(--accent);
}
#count { margin-left: auto; color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }

table { width: 100%; border-collapse: separate; border-spacing: 0; table-layout: fixed; text-align: left; }
th, td, b, small, li, h1 { unicode-bidi: plaintext; text-align: left; }
thead th {
  position: sticky; top: 0; z-index: 2; padding: 0; background: var(--head); color: var(--soft);
  border: solid var(--line); border-width: 1px 0; font-size: 0.8125rem; font-weight: 550; overflow-wrap: normal;
}
html:not(.live) thead th { padding: 0.6rem 0.75rem; }
html:not(.live) thead th:first-child { padding-left: 1.1rem; }
.live thead th { top: var(--bar); }
thead button {
  display: flex; align-items: center; gap: 0.35rem; width: 100%; padding: 0.6rem 0.75rem; border: 0; background: none;
  color: inherit; font: inherit; text-align: left; cursor: pointer;
}
thead button:hover, [aria-sort] button { color: var(--text); }
thead button:focus-visible { outline-offset: -3px; border-radius: 7px; }
thead button::after {
  content: ""; flex: none; width: 0.5rem; height: 0.45rem; background: currentColor; opacity: 0;
  clip-path: polygon(50% 0, 100% 100%, 0 100%);
}
thead button:hover::after { opacity: 0.35; }
thead [aria-sort] button::after { opacity: 1; background: var(--accent); }
[aria-sort="descending"] button::after { transform: rotate(180deg); }
tbody th, td { padding: 0.7rem 0.75rem; vertical-align: top; border-bottom: 1px solid var(--line); font-weight: 400; }
tr > :first-child, thead th:first-child button { padding-left: 1.1rem; }
.live thead th:first-child { padding-left: 0; }
tr > :last-child { padding-right: 1rem; }
tbody tr:last-child > * { border-bottom-color: transparent; }
@media (hover: hover) { tbody tr:hover { background: var(--hover); } }
tbody b { font-weight: 580; }
small, time { display: block; }
small { color: var(--soft); font-size: 0.8125rem; }
time { font-variant-numeric: tabular-nums; }
.legend time { display: inline; }
td:nth-child(4) { font: 0.75rem/1.6 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
.none::before, b:empty::before { content: "\2013"; color: var(--soft); opacity: 0.6; }
tbody ul { display: flex; flex-wrap: wrap; gap: 0.25rem; margin: 0; padding: 0; list-style: none; }
tbody li {
  padding: 0.05rem 0.45rem; border: 1px solid var(--line); border-radius: 6px; background: var(--head);
  color: var(--quiet); font-size: 0.75rem;
}
td > span {
  display: inline-flex; align-items: center; gap: 0.4rem; border-radius: 99px; font-size: 0.8125rem; white-space: nowrap;
}
td > span::before { content: ""; flex: none; width: 0.45rem; height: 0.45rem; border-radius: 50%; background: currentColor; }
.active { color: var(--text); }
.active::before { color: var(--good); }
.inactive, .unclear { color: var(--soft); }
.inactive::before { background: none !important; border: 1.5px solid currentColor; }
.allowed, .denied, .unknown { padding: 0.1rem 0.6rem 0.1rem 0.5rem; font-weight: 550; }
.allowed { color: var(--good); background: var(--good-back); }
.denied { color: var(--bad); background: var(--bad-back); }
.unknown { color: var(--open); background: var(--open-back); }
.loading tbody tr:nth-child(n + 200) { display: none; }
.noone td { padding: 3rem; text-align: center; color: var(--soft); }
#nobody, #more { margin: 0; padding: 2rem 1rem; text-align: center; color: var(--soft); }
#more { padding: 1rem; border-top: 1px solid var(--line); }
#nobody button, #more button {
  margin-left: 0.5rem; padding: 0.35rem 0.8rem; border: 1px solid var(--strong-line); border-radius: 8px;
  background: var(--card); color: var(--accent); font: inherit; cursor: pointer;
}

@media screen and (max-width: 1020px) {
  body { padding: 1.5rem 1rem 3rem; }
  header { grid-template-columns: 1fr; }
  h1 { font-size: 1.5rem; }
  .bar { position: static; height: auto; flex-wrap: wrap; padding: 1rem; }
  .find { flex-basis: 100%; max-width: none; }
  input, select { height: 2.75rem; font-size: 1rem; }
  .bar label:not(.find) { flex: 1 1 40%; display: block; font-size: 0.8125rem; }
  .bar label:not(.find) span { display: block; margin: 0 0 0.2rem 0.1rem; }
  select { width: 100%; max-width: none; }
  #count { flex-basis: 100%; margin: 0; }
  table, tbody, tbody tr, tbody th, tbody td { display: block; }
  colgroup { display: none; }
  html:not(.live) thead { display: none; }
  thead { display: block; position: sticky; top: 0; z-index: 2; }
  thead tr {
    display: flex; align-items: center; gap: 0.4rem; padding: 0.6rem 1rem; overflow-x: auto; scrollbar-width: none;
    background: var(--head); border: solid var(--line); border-width: 1px 0;
  }
  thead tr::before { content: "Sort by"; flex: none; margin-right: 0.25rem; color: var(--soft); font-size: 0.8125rem; }
  .live thead th { position: static; flex: none; padding: 0; border: 0; background: none; }
  thead button, thead th:first-child button {
    min-height: 2.25rem; padding: 0.3rem 0.8rem; border: 1px solid var(--line); border-radius: 99px;
    background: var(--card); white-space: nowrap;
  }
  thead button::after { display: none; }
  [aria-sort] button { border-color: var(--accent); }
  [aria-sort] button::after { display: block; }
  tbody tr { padding: 1rem; border-bottom: 1px solid var(--line); }
  tbody tr:last-child { border: 0; }
  tbody th, tbody td, tr > :first-child, tr > :last-child { padding: 0.2rem 0; border: 0; }
  tbody th { padding-bottom: 0.4rem; }
  tbody th b { font-size: 1rem; }
  tbody td { display: grid; grid-template-columns: 6.5rem minmax(0, 1fr); gap: 0 0.75rem; align-items: baseline; }
  tbody td > * { grid-column: 2; justify-self: start; }
  tbody td::before { grid-row: 1; color: var(--soft); font: 0.8125rem/1.45 system-ui, -apple-system, "Segoe UI", sans-serif; }
  td:nth-child(2)::before { content: "User name"; }
  td:nth-child(3)::before { content: "Domain"; }
  td:nth-child(4)::before { content: "ExternalId"; }
  td:nth-child(5)::before { content: "State"; }
  td:nth-child(6)::before { content: "Groups"; }
  td:nth-child(7)::before { content: "Last attempt"; }
  td:nth-child(8)::before { content: "Outcome"; }
  tbody td.none, .noone td::before { display: none; }
  .noone td { display: block; }
}

@media print {
  @page { size: landscape; margin: 12mm; }
  :root {
    --page: #fff; --card: #fff; --head: #fff; --hover: #fff; --text: #000; --soft: #444; --line: #ccc; --quiet: #333;
    --good: #17693d; --bad: #a3262f; --open: #7a5200; --good-back: #fff; --bad-back: #fff; --open-back: #fff;
  }
  body { padding: 0; max-width: none; font-size: 8.5pt; }
  main { border: 0; box-shadow: none; border-radius: 0; }
  .bar, #more, thead button::after { display: none !important; }
  .live thead th, thead th { position: static; }
  thead button { padding: 0.35rem 0.5rem; }
  tbody th, td { padding: 0.35rem 0.5rem; }
  tr { break-inside: avoid; }
  small, thead th, tbody li, td > span { font-size: 7.5pt; }
  td:nth-child(4) { font-size: 7pt; }
  .allowed, .denied, .unknown { padding: 0; }
}
"""
