// The report's script: draws the charts with uPlot and makes the ads' table sortable. The page is whole without it.
"use strict";

(() => {
  const DAY_SECONDS = 86_400;
  const data = JSON.parse(document.getElementById("data").textContent);
  const { locale } = data;
  const numbers = Object.fromEntries(
    Object.entries(data.numbers).map(([kind, options]) => [kind, new Intl.NumberFormat(locale, options)]),
  );
  const compact = new Intl.NumberFormat(locale, { notation: "compact", maximumSignificantDigits: 3 });

  const money = (amount) => (Math.abs(amount) < 1_000 ? numbers.small : numbers.large).format(amount);

  /** A colour of the style sheet as the canvas wants it. */
  function colour(name) {
    const probe = document.createElement("i");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const value = getComputedStyle(probe).color;
    probe.remove();
    return value;
  }

  const charts = [];
  const heightOf = (place) => place.dataset.kind === "money" ? 270 : 180;

  const chosen = (name, index) => document.querySelector(`input[name="${name}-${index}"]:checked`).value;

  function draw(place) {
    const index = place.dataset.currency;
    const rows = data.periods[index][chosen("period", index)];
    const revenue = rows.map((row) => chosen("basis", index) === "click" ? row[3] : row[4]);
    const spend = rows.map((row) => row[2]);
    const times = rows.map((row) => Date.parse(`${row[0]}T00:00:00Z`) / 1_000);
    const days = ([since, until]) => since === until ? since : `${since} to ${until}`;
    const isMoney = place.dataset.kind === "money";
    const line = (label, stroke, value) => ({
      label,
      stroke: colour(stroke),
      width: 2,
      points: { show: rows.length < 40, size: 5 },
      value: (_, amount) => amount === null ? "–" : value(amount),
    });
    const axis = (more) => ({
      stroke: colour("soft"),
      grid: { stroke: colour("grid"), width: 1 },
      ticks: { stroke: colour("grid"), width: 1 },
      font: "13px system-ui, sans-serif",
      ...more,
    });
    const options = {
      width: place.clientWidth,
      height: heightOf(place),
      tzDate: (time) => uPlot.tzDate(new Date(time * 1_000), "Etc/UTC"),
      fmtDate: (template) => uPlot.fmtDate(template),
      cursor: { drag: { x: false, y: false } },
      scales: {
        // A single day stands in the middle.
        x: {
          range: () => times.length > 1 ? [times[0], times.at(-1)] : [times[0] - DAY_SECONDS, times[0] + DAY_SECONDS],
        },
        y: { range: (_, low, high) => [Math.min(0, low ?? 0), (high || 1) * 1.08] },
      },
      axes: [
        axis({
          // A tick stands where a period begins.
          splits: ({ width }) => {
            const step = Math.ceil(times.length * 70 / width);
            return times.filter((_, position) => position % step === 0);
          },
          values: (_, splits) =>
            splits.map((time) =>
              new Date(time * 1_000).toLocaleDateString(locale, { day: "numeric", month: "short", timeZone: "UTC" })
            ),
        }),
        axis({ size: 64, values: (_, splits) => splits.map((amount) => compact.format(amount)) }),
      ],
      series: [
        { label: "Days", value: (_, __, ___, position) => position === null ? "–" : days(rows[position]) },
        ...(isMoney
          ? [line("Spend", "spend", money), { ...line("Net revenue", "revenue", money), dash: [7, 4] }]
          : [line("ROAS", "roas", (value) => numbers.ratio.format(value))]),
      ],
    };
    const ratios = revenue.map((amount, index) => amount === null || spend[index] === 0 ? null : amount / spend[index]);
    place.replaceChildren();
    return new uPlot(options, isMoney ? [times, spend, revenue] : [times, ratios], place);
  }

  /** Shows the chosen period and basis: on paper nobody sees what was chosen but by the words and the table. */
  function drawAll() {
    document.querySelectorAll("[data-chosen]").forEach((word) => {
      const [name, index] = word.dataset.chosen.split("-");
      word.textContent = data.words[chosen(name, index)];
    });
    document.querySelectorAll("[data-period]").forEach((box) => {
      box.hidden = box.dataset.period !== chosen("period", box.dataset.currency);
    });
    for (const chart of charts) {
      chart.plot?.destroy();
      chart.plot = draw(chart.place);
    }
  }

  for (const place of document.querySelectorAll(".chart")) charts.push({ place, plot: null });
  drawAll();
  document.querySelectorAll(".basis").forEach((fieldset) => {
    fieldset.hidden = false;
    fieldset.addEventListener("change", drawAll);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  const resized = new ResizeObserver(() => {
    for (const { place, plot } of charts) {
      if (plot.width !== place.clientWidth) plot.setSize({ width: place.clientWidth, height: heightOf(place) });
    }
  });
  charts.forEach(({ place }) => resized.observe(place));

  // On paper nothing opens.
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((box) => box.open = true));

  document.querySelectorAll(".spenders").forEach((box) => {
    const { url, accounts, columns, rows } = data.tables[box.dataset.table];
    const step = Number(box.dataset.step);
    const body = box.querySelector("tbody");
    const status = box.querySelector("[role=status]");
    const more = box.querySelector(".more button");
    const filter = box.querySelector("input");
    // A row is its name, path, id, position of its account and verdict, then a cell a column.
    const FIRST_CELL = 5;
    let shown = step;
    let sorting = null;

    function write(value, kind) {
      if (value === null) return kind === null ? "" : "–";
      if (kind === null) return value;
      return kind === "money" ? money(value) : numbers[kind].format(value);
    }

    function element(name, text, style) {
      const made = document.createElement(name);
      made.textContent = text;
      if (style) made.className = style;
      return made;
    }

    function makeRow(row) {
      const [name, path, id, account, verdict] = row;
      const line = document.createElement("tr");
      if (verdict !== null) line.dataset.verdict = verdict;
      const heading = document.createElement("th");
      heading.scope = "row";
      const link = element("a", name);
      link.href = url.replace("{account}", accounts[account]).replace("{id}", id);
      heading.append(link);
      if (path !== "") heading.append(element("span", path, "path"));
      line.append(heading);
      columns.forEach(([kind, style], index) =>
        line.append(element("td", write(row[FIRST_CELL + index], kind), style))
      );
      return line;
    }

    function compare(one, other) {
      const place = sorting.column === 0 ? 0 : FIRST_CELL + sorting.column - 1;
      const [a, b] = [one[place], other[place]];
      // What is not known comes last either way.
      if (a === null || b === null) return (a === null ? 1 : 0) - (b === null ? 1 : 0);
      const order = typeof a === "string" ? a.localeCompare(b) : a - b;
      return sorting.descending ? -order : order;
    }

    function show() {
      const wanted = filter.value.trim().toLowerCase();
      const found = rows.filter(([name, path]) => `${name}\n${path}`.toLowerCase().includes(wanted));
      // They come the worst first.
      const sorted = sorting === null ? found : found.toSorted(compare);
      body.replaceChildren(...sorted.slice(0, shown).map(makeRow));
      const count = numbers.count;
      status.textContent = `${count.format(Math.min(shown, found.length))} of ${count.format(found.length)}`;
      more.hidden = found.length <= shown;
    }

    box.querySelectorAll("th button").forEach((button) => {
      button.addEventListener("click", () => {
        const column = Number(button.dataset.column);
        const heading = button.parentElement;
        const was = heading.getAttribute("aria-sort");
        const isText = column === 0 || columns[column - 1][0] === null;
        sorting = { column, descending: was === null ? !isText : was === "ascending" };
        box.querySelectorAll("thead th").forEach((other) => other.removeAttribute("aria-sort"));
        heading.setAttribute("aria-sort", sorting.descending ? "descending" : "ascending");
        shown = step;
        show();
      });
    });
    filter.addEventListener("input", () => {
      shown = step;
      show();
    });
    more.addEventListener("click", () => {
      shown += step * 4;
      show();
    });
    filter.closest("p").hidden = false;
    more.hidden = rows.length <= shown;
  });
})();
