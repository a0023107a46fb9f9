// The style sheet of a report page, for light and dark mode.
#pragma once

#include <string_view>

namespace tessera::tools {

constexpr std::string_view report_style = R"(
:root { color-scheme: light dark; --text: #1b1f24; --soft: #5a636c; --page: #fff; --card: #f5f7f9;
  --line: #dfe3e8; --s0: #2468c4; --s1: #c8641e; --s2: #1f7f49; --s3: #8a3fb0;
  --s4: #a8871c; --s5: #b8324f; --heat: 36, 104, 196; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e8ec; --soft: #a0aab4; --page: #15181c;
  --card: #1e2328; --line: #363d45; --s0: #74a9f0; --s1: #f0a060; --s2: #6cc791; --s3: #c792ea;
  --s4: #d8bd5a; --s5: #f08aa0;
  --heat: 96, 156, 240; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page);
  max-width: 1080px; margin: 2.5em auto; padding: 0 1.2em; }
h1 { font-size: 1.6em; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2em; margin: 2.2em 0 .6em; }
.soft, figcaption { color: var(--soft); } p.soft { margin: .3em 0 1em; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: .8em;
  margin: 1.4em 0; }
.facts div { background: var(--card); border-radius: 8px; padding: .7em 1em; }
.facts dt { color: var(--soft); font-size: .85em; } .facts dd { margin: 0; font-size: 1.35em; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 1.2em; }
@media (max-width: 500px) { .charts { grid-template-columns: 1fr; } }
figure { margin: 0; min-width: 0; } svg { width: 100%; display: block; }
svg text { font-size: 13px; fill: var(--soft); }
.grid, .tick { stroke: var(--line); } .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.line.s0 { stroke: var(--s0); } .line.s1 { stroke: var(--s1); } .line.s2 { stroke: var(--s2); }
.line.s3 { stroke: var(--s3); } .line.s4 { stroke: var(--s4); } .line.s5 { stroke: var(--s5); }
.dot.s0 { fill: var(--s0); } .dot.s1 { fill: var(--s1); } .dot.s2 { fill: var(--s2); }
.dot.s3 { fill: var(--s3); } .dot.s4 { fill: var(--s4); } .dot.s5 { fill: var(--s5); }
.key { display: inline-block; margin-left: 1.2em; font-size: .87em; }
.key::before { content: "\25cf"; margin-right: .35em; }
.key.s0::before { color: var(--s0); } .key.s1::before { color: var(--s1); }
.key.s2::before { color: var(--s2); } .key.s3::before { color: var(--s3); }
.key.s4::before { color: var(--s4); } .key.s5::before { color: var(--s5); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td, th { padding: .25em .8em; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap; }
th { font-weight: 600; } td:first-child, th:first-child, .text { text-align: left; }
td:first-child, th:first-child { padding-left: 0; } td:first-child, td.text { white-space: normal; }
.wide { overflow-x: auto; } .scroll { overflow: auto; max-height: 44em; }
.side { display: flex; flex-wrap: wrap; column-gap: 3em; } .side section { min-width: 0; }
.bar { width: 200px; } .side .bar { width: 120px; } .bar span { display: block; height: .75em; background: var(--s0);
  border-radius: 2px; }
.matrix td { min-width: 1.8em; padding: .25em .3em; text-align: center; border: 1px solid var(--page);
  font-size: .9em; }
.matrix th { border: 0; max-width: 16em; max-height: 16em; overflow: hidden;
  text-overflow: ellipsis; } .matrix .hit { font-weight: 600; }
.matrix tr:first-child th { padding: .4em .3em; text-align: center; vertical-align: bottom; }
.matrix.long tr:first-child th { writing-mode: vertical-rl; transform: rotate(180deg);
  text-align: left; vertical-align: middle; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 1.2em; }
.pictures img { height: 128px; max-width: 100%; object-fit: contain; object-position: left;
  display: block; border-radius: 4px; }
.pictures.small img { image-rendering: pixelated; }
.pictures figcaption { font-size: .87em; line-height: 1.35; margin-top: .3em; overflow-wrap: anywhere; }
.pictures b { color: var(--text); font-weight: 600; }
pre { background: var(--card); border-radius: 8px; padding: .9em 1em; white-space: pre-wrap;
  overflow-wrap: anywhere; }
summary { cursor: pointer; margin-bottom: .6em; } #options td { overflow-wrap: anywhere; }
)";

}  // namespace tessera::tools
