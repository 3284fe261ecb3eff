// The report's script: draws the charts with uPlot and makes the ads' table sortable. The page is whole without it.
"use strict";

(() => {
  const DAY_SECONDS = 86_400;
  const data = JSON.parse(document.getElementById("data").textContent);
  const compact = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
  const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

  function moneyFormat(currency) {
    if (!/^[A-Z]{3}$/.test(currency)) return (amount) => `${whole.format(amount)} ${currency}`;
    const format = new Intl.NumberFormat("en", {
      style: "currency",
      currency,
      currencyDisplay: "code",
      trailingZeroDisplay: "stripIfInteger",
    });
    return (amount) => format.format(amount);
  }

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

  function draw(place) {
    const { currency, days } = data[place.dataset.currency];
    const basis = document.querySelector(`input[name="basis-${place.dataset.currency}"]:checked`)?.value ?? "click";
    const revenue = days.map((day) => basis === "click" ? day[2] : day[3]);
    const spend = days.map((day) => day[1]);
    const times = days.map((day) => Date.parse(`${day[0]}T00:00:00Z`) / 1_000);
    const money = moneyFormat(currency);
    const isMoney = place.dataset.kind === "money";
    const line = (label, stroke, value) => ({
      label,
      stroke: colour(stroke),
      width: 2,
      points: { show: days.length < 3, size: 8 },
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
          incrs: [1, 2, 7, 14, 28, 91, 182, 365].map((count) => count * DAY_SECONDS),
          space: 70,
          values: (_, splits) =>
            splits.map((time) =>
              new Date(time * 1_000).toLocaleDateString("en", { day: "numeric", month: "short", timeZone: "UTC" })
            ),
        }),
        axis({ size: 64, values: (_, splits) => splits.map((amount) => compact.format(amount)) }),
      ],
      series: [
        { label: "Day", value: (_, time) => time === null ? "–" : new Date(time * 1_000).toISOString().slice(0, 10) },
        ...(isMoney
          ? [line("Spend", "spend", money), { ...line("Net revenue", "revenue", money), dash: [7, 4] }]
          : [line("ROAS", "roas", (value) => value.toFixed(2))]),
      ],
    };
    const ratios = revenue.map((amount, index) => amount === null || spend[index] === 0 ? null : amount / spend[index]);
    place.replaceChildren();
    return new uPlot(options, isMoney ? [times, spend, revenue] : [times, ratios], place);
  }

  function drawAll() {
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

  document.querySelectorAll(".ads").forEach((box) => {
    const { currency, ads } = data[box.dataset.currency];
    const step = Number(box.dataset.step);
    const money = moneyFormat(currency);
    const body = box.querySelector("tbody");
    const status = box.querySelector("[role=status]");
    const more = box.querySelector(".more button");
    const filter = box.querySelector("input");
    const roas = (ad) => ad[6] === null || ad[2] === 0 ? null : ad[6] / ad[2];
    let shown = step;
    let sorting = { column: 2, descending: true };

    const valueOf = (ad, column) => column === 7 ? roas(ad) : ad[column];
    const texts = (ad) => [
      ad[0],
      ad[1],
      money(ad[2]),
      whole.format(ad[3]),
      whole.format(ad[4]),
      whole.format(ad[5]),
      ad[6] === null ? "not known" : money(ad[6]),
      roas(ad)?.toFixed(2) ?? "–",
    ];

    function compare(one, other) {
      const [a, b] = [valueOf(one, sorting.column), valueOf(other, sorting.column)];
      // What is not known comes last either way.
      if (a === null || b === null) return (a === null ? 1 : 0) - (b === null ? 1 : 0);
      const order = typeof a === "string" ? a.localeCompare(b) : a - b;
      return sorting.descending ? -order : order;
    }

    function show() {
      const wanted = filter.value.trim().toLowerCase();
      const found = ads.filter((ad) => `${ad[0]}\n${ad[1]}`.toLowerCase().includes(wanted)).sort(compare);
      body.replaceChildren(
        ...found.slice(0, shown).map((ad) => {
          const row = document.createElement("tr");
          texts(ad).forEach((text, column) => {
            const cell = document.createElement(column === 0 ? "th" : "td");
            if (column === 0) cell.scope = "row";
            if (column > 1) cell.className = "number";
            cell.textContent = text;
            row.append(cell);
          });
          return row;
        }),
      );
      status.textContent = `${whole.format(Math.min(shown, found.length))} of ${whole.format(found.length)} ads`;
      more.hidden = found.length <= shown;
    }

    box.querySelectorAll("th button").forEach((button) => {
      button.addEventListener("click", () => {
        const column = Number(button.dataset.column);
        sorting = { column, descending: sorting.column === column ? !sorting.descending : column > 1 };
        box.querySelectorAll("thead th").forEach((heading) => heading.removeAttribute("aria-sort"));
        button.parentElement.setAttribute("aria-sort", sorting.descending ? "descending" : "ascending");
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
    more.hidden = ads.length <= shown;
  });
})();
