// SPDX-License-Identifier: Apache-2.0

#if AllFormats
  extension HTMLReport {
    /// The page, in the language Mustache: https://mustache.github.io/mustache.5.html
    static let template = """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta http-equiv="Content-Security-Policy" \
      content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
      <title>{{title}}</title>
      <style>
      \(style)
      </style>
      </head>
      <body>
      <main>
      {{#failures}}<p class="fault" role="alert">could not audit {{.}}</p>
      {{/failures}}
      {{#reports}}
      <article aria-labelledby="title{{number}}">
      <h1 id="title{{number}}">{{title}}</h1>
      <p class="verdict {{verdict}}">{{verdictText}}</p>
      <dl class="figures">
      {{#figures}}<div><dt>{{name}}</dt><dd>{{value}}</dd></div>
      {{/figures}}
      </dl>
      <h2>Memory</h2>
      {{#memory}}
      <div class="scroll" tabindex="0"><table>
      <caption>The parts of the resident set, {{total}} in all</caption>
      <thead><tr><th scope="col">part</th><th scope="col" class="number">resident</th>\
      <th scope="col" class="number">of</th><th scope="col"><span class="hidden">share</span></th></tr></thead>
      <tbody>
      {{#rows}}<tr><th scope="row">{{name}}</th><td class="number">{{resident}}</td><td class="number">{{size}}</td>\
      <td class="bar"><span style="width:{{percent}}%"></span></td></tr>
      {{/rows}}
      </tbody>
      </table></div>
      {{/memory}}
      {{#memoryNote}}<p>{{.}}</p>
      {{/memoryNote}}
      <h2>Findings</h2>
      {{#findings}}
      <section class="finding {{label}}">
      <h3><span class="label">{{label}}</span> {{heading}}</h3>
      <p>{{explanation}}</p>
      {{#reason}}<p>{{.}}</p>
      {{/reason}}
      <ul>
      {{#sites}}<li><code>{{.}}</code></li>
      {{/sites}}
      {{#more}}<li>{{.}}</li>
      {{/more}}
      </ul>
      <p><strong>Next:</strong> {{next}}</p>
      </section>
      {{/findings}}
      {{^findings}}<p>Nothing was found.</p>
      {{/findings}}
      {{#timeline}}
      <h2>Timeline</h2>
      <figure>
      <svg viewBox="0 0 {{width}} {{height}}" role="img" \
      aria-label="Live bytes and the resident set over {{span}}, at most {{maximum}}" preserveAspectRatio="none">
      {{#resident}}<polyline class="resident" points="{{.}}"/>
      {{/resident}}
      {{#live}}<polyline class="live" points="{{.}}"/>
      {{/live}}
      {{#peaks}}<line class="peak" x1="{{x}}" x2="{{x}}" y1="0" y2="{{height}}"><title>{{label}}</title></line>
      {{/peaks}}
      </svg>
      <figcaption><span class="key live">live bytes</span> <span class="key resident">resident set</span> \
      <span class="key peak">peak</span>: {{span}} until the ledger was read; the top is {{maximum}}</figcaption>
      </figure>
      {{/timeline}}
      {{#hasTiles}}
      <h2>Live memory by line of code</h2>
      <svg class="treemap" viewBox="0 0 900 420" role="img" \
      aria-label="Live bytes by line of code; the table below has the same">
      {{#tiles}}<g><title>{{value}}</title><rect class="shade{{shade}}" x="{{x}}" y="{{y}}" width="{{width}}" \
      height="{{height}}"/>{{#isLabelled}}<text x="{{x}}" y="{{y}}" dx="4" dy="14">{{name}}</text>{{/isLabelled}}</g>
      {{/tiles}}
      </svg>
      {{/hasTiles}}
      <h2>Lines of code</h2>
      <p><label>Filter <input type="search" class="filter" autocomplete="off"></label> \
      <span class="shown" role="status">{{lineCount}}</span></p>
      <div class="scroll" tabindex="0"><table class="lines">
      <thead><tr>
      <th scope="col" class="number" aria-sort="descending"><button data-column="3">bytes</button></th>
      <th scope="col" class="number"><button data-column="4">count</button></th>
      <th scope="col"><button data-column="6">oldest</button></th>
      <th scope="col"><button data-column="0">line of code</button></th>
      <th scope="col"><button data-column="2">function</button></th>
      </tr></thead>
      <tbody></tbody>
      </table></div>
      <p><button class="more" hidden>Show more</button></p>
      <script type="application/json" class="data">{{{data}}}</script>
      {{#hasAges}}
      <h2>Ages</h2>
      <div class="scroll" tabindex="0"><table>
      <thead><tr><th scope="col">age</th><th scope="col" class="number">live</th>\
      <th scope="col"><span class="hidden">share</span></th></tr></thead>
      <tbody>
      {{#ages}}<tr><th scope="row">{{name}}</th><td class="number">{{value}}</td>\
      <td class="bar"><span style="width:{{percent}}%"></span></td></tr>
      {{/ages}}
      </tbody>
      </table></div>
      {{/hasAges}}
      <h2>Both books</h2>
      <p>{{books}}</p>
      <div class="scroll" tabindex="0"><table>
      <thead><tr><th scope="col">arena</th><th scope="col" class="number">allocator</th>\
      <th scope="col" class="number">live</th><th scope="col" class="number">idle</th>\
      <th scope="col" class="number">quarantined</th><th scope="col" class="number">detached</th>\
      <th scope="col" class="number">difference</th></tr></thead>
      <tbody>
      {{#arenas}}<tr{{#differs}} class="differs"{{/differs}}><th scope="row">{{name}}</th>\
      <td class="number">{{allocator}}</td><td class="number">{{live}}</td><td class="number">{{idle}}</td>\
      <td class="number">{{quarantined}}</td><td class="number">{{detached}}</td>\
      <td class="number">{{difference}}</td></tr>
      {{/arenas}}
      </tbody>
      </table></div>
      <details>
      <summary>Size classes</summary>
      <div class="scroll" tabindex="0"><table>
      <thead><tr><th scope="col">arena</th><th scope="col" class="number">size class</th>\
      <th scope="col" class="number">allocator</th><th scope="col" class="number">ledger</th>\
      <th scope="col" class="number">difference</th></tr></thead>
      <tbody>
      {{#sizeClasses}}<tr{{#differs}} class="differs"{{/differs}}><th scope="row">{{arena}}</th>\
      <td class="number">{{size}}</td><td class="number">{{allocator}}</td><td class="number">{{ledger}}</td>\
      <td class="number">{{difference}}</td></tr>
      {{/sizeClasses}}
      </tbody>
      </table></div>
      </details>
      </article>
      {{/reports}}
      </main>
      <script>
      \(script)
      </script>
      </body>
      </html>
      """

    private static let style = """
      :root { color-scheme: light dark; --text: #1b1f24; --back: #ffffff; --faint: #57606a; --line: #d0d7de;
        --panel: #f6f8fa; --good: #1a7f37; --fault: #b3261e; --note: #7a5b00; --live: #0b65c2; --resident: #8a5a00;
        --s0: #9ecbf2; --s1: #b8e0b4; --s2: #f3d19c; --s3: #e3b8d8; --s4: #c9c9f2; --s5: #b5dedb; --tile: #14181d; }
      @media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --back: #0d1117; --faint: #9aa5b1; --line: #30363d;
        --panel: #161b22; --good: #57c26d; --fault: #ff8a80; --note: #e3c26a; --live: #6cb6ff; --resident: #e0a84e;
        --s0: #1f4e79; --s1: #2b5a2f; --s2: #6b4d17; --s3: #5f3457; --s4: #3e3e78; --s5: #1f5552; --tile: #f0f3f6; } }
      * { box-sizing: border-box; }
      body { margin: 0; color: var(--text); background: var(--back); font: 16px/1.5 system-ui, sans-serif; }
      main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
      h1 { font-size: 1.25rem; overflow-wrap: anywhere; }
      h2 { font-size: 1.1rem; margin-top: 2rem; }
      h3 { font-size: 1rem; margin: 0; }
      .verdict { font-weight: 600; border-left: .4rem solid var(--note); padding: .5rem .75rem;
        background: var(--panel); }
      .verdict.clean { border-color: var(--good); } .verdict.faults { border-color: var(--fault); }
      .figures { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 0; }
      .figures dt { color: var(--faint); font-size: .85rem; } .figures dd { margin: 0; }
      .finding { border: 1px solid var(--line); border-radius: .4rem; padding: .75rem; margin: .75rem 0;
        overflow-wrap: anywhere; }
      .finding .label { color: var(--note); } .finding.fault .label, p.fault { color: var(--fault); }
      .finding p, .finding ul { margin: .35rem 0; }
      .scroll { overflow-x: auto; }
      table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
      caption { text-align: left; color: var(--faint); }
      th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line);
        font-weight: normal; vertical-align: top; }
      thead th { color: var(--faint); white-space: nowrap; }
      .number { text-align: right; white-space: nowrap; }
      .lines td:nth-child(n+4) { overflow-wrap: anywhere; min-width: 10rem; }
      .bar { width: 40%; } .bar span { display: block; height: .8rem; margin-top: .35rem; background: var(--live); }
      .differs { color: var(--fault); }
      button { font: inherit; color: inherit; background: none; border: 1px solid transparent; padding: 0 .2rem;
        cursor: pointer; }
      th.number button { padding-right: 0; }
      th:not(.number) button { padding-left: 0; }
      button:hover { text-decoration: underline; }
      .more { border-color: var(--line); border-radius: .3rem; padding: .3rem .8rem; }
      :focus-visible { outline: 2px solid var(--live); outline-offset: 2px; }
      input { font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--line); padding: .3rem; }
      figure { margin: 0; } figure svg { width: 100%; height: 14rem; background: var(--panel); }
      figcaption, .shown { color: var(--faint); }
      polyline { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; }
      polyline.live { stroke: var(--live); } polyline.resident { stroke: var(--resident); stroke-dasharray: 6 3; }
      line.peak { stroke: var(--fault); vector-effect: non-scaling-stroke; }
      .key.live { color: var(--live); } .key.resident { color: var(--resident); } .key.peak { color: var(--fault); }
      .treemap { width: 100%; height: auto; } .treemap rect { stroke: var(--back); stroke-width: 1.5; }
      .treemap text { font: 11px system-ui, sans-serif; fill: var(--tile); pointer-events: none; }
      .shade0 { fill: var(--s0); } .shade1 { fill: var(--s1); } .shade2 { fill: var(--s2); }
      .shade3 { fill: var(--s3); } .shade4 { fill: var(--s4); } .shade5 { fill: var(--s5); }
      .hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
      """

    /// Sorts and filters the tables of lines. It shows 200 rows at first, and 500 more each time that the button below
    /// is pressed.
    private static let script = #"""
      "use strict";
      for (const part of document.querySelectorAll("article")) {
        const rows = JSON.parse(part.querySelector(".data").textContent);
        const body = part.querySelector(".lines tbody");
        const status = part.querySelector(".shown");
        const more = part.querySelector(".more");
        const filter = part.querySelector(".filter");
        const heads = [...part.querySelectorAll(".lines th")];
        let column = 3, isAscending = false, limit = 200, matches = rows;
        const number = (value) => value.toLocaleString("en-US");
        function cell(text, isNumber) {
          const element = document.createElement("td");
          element.textContent = text;
          if (isNumber) element.className = "number";
          return element;
        }
        function draw(from) {
          if (from === 0) body.replaceChildren();
          for (const row of matches.slice(from, limit)) {
            const line = document.createElement("tr");
            line.append(cell(number(row[3]), true), cell(number(row[4]), true), cell(row[5]),
              cell(row[0] + ":" + row[1]), cell(row[2]));
            body.append(line);
          }
          more.hidden = matches.length <= limit;
          const shown = Math.min(limit, matches.length);
          status.textContent = number(shown) + " of " + number(rows.length) + (rows.length === 1 ? " line" : " lines");
        }
        function update() {
          const text = filter.value.toLowerCase();
          matches = rows.filter((row) => (row[0] + ":" + row[1] + " in " + row[2]).toLowerCase().includes(text));
          const sign = isAscending ? 1 : -1;
          matches.sort((a, b) => sign * (a[column] < b[column] ? -1 : a[column] > b[column] ? 1 : 0));
          limit = 200;
          draw(0);
        }
        for (const head of heads) {
          const button = head.querySelector("button");
          button.addEventListener("click", () => {
            const chosen = Number(button.dataset.column);
            isAscending = chosen === column ? !isAscending : chosen === 0 || chosen === 2;
            column = chosen;
            for (const other of heads) other.removeAttribute("aria-sort");
            head.setAttribute("aria-sort", isAscending ? "ascending" : "descending");
            update();
          });
        }
        filter.addEventListener("input", update);
        more.addEventListener("click", () => { const from = limit; limit += 500; draw(from); });
        update();
      }
      """#
  }
#endif
