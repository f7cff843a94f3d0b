# SPDX-License-Identifier: Apache-2.0

"""The tables and the drawing that pictures.py makes from its rows."""

import html

import plots

FIELDS = ["peer", "version", "missing", "work", "median_ms", "minimum_ms", "times", "faults", "peak_bytes", "leftover"]
WORKS = {
    "frame": "4K JPEG → RGBA → 1080p → gray → blur σ 2, ms a frame",
    "thumbnails": "256-px thumbnail of a photo of 8 to 24 MP, ms",
    "resize 1920": "4K RGBA → 1080p, ms", "resize 854": "4K RGBA → 854×480, ms", "resize 256": "4K RGBA → 256×144, ms",
    "blur": "Gaussian blur σ 2 of 1080p RGBA, ms",
}
# The colours of plots.py.
CLASSES = {"Bitmaps": "ours", "Pillow": "swift", "OpenCV": "malloc", "libvips": "jvm", "ImageMagick": "node"}


def typed(row):
    for field in ("median_ms", "minimum_ms", "faults", "peak_bytes", "leftover", "times"):
        row[field] = float(row[field]) if row[field] else None
    return row


def number(value):
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.1f}" if value >= 0.995 else f"{value:.2g}"


def cells(rows):
    """The cells of the table: first the head, then one line per peer."""
    lines = [["peer", "frame", "faults a frame", "peak", "thumbnails", "peak", "2 jobs", "→ 1080p", "→ 854", "→ 256",
              "blur"]]
    for peer in dict.fromkeys(row["peer"] for row in rows):
        own = {row["work"]: row for row in rows if row["peer"] == peer}
        if "" in own:
            lines.append([peer, "missing: " + own[""]["missing"]])
            continue

        def cell(work, text):
            row = own.get(work)
            return "" if row is None else "missing: " + row["missing"] if row["missing"] else text(row)

        one, two = own.get("thumbnails"), own.get("thumbnails 2 jobs")
        has_both = one and two and not (one["missing"] or two["missing"])
        line = [
            peer, cell("frame", lambda row: f"{number(row['median_ms'])} ms"),
            cell("frame", lambda row: f"{row['faults']:,.0f}"),
            cell("frame", lambda row: f"{row['peak_bytes'] / (1 << 20):.0f} MiB"),
            cell("thumbnails", lambda row: f"{1000 / row['median_ms']:.1f}/s"),
            cell("thumbnails", lambda row: f"{row['peak_bytes'] / 1e6:.0f} MB"),
            f"{one['median_ms'] / two['median_ms']:.2f} ×" if has_both else "",
        ]
        for width in (1920, 854, 256):
            line.append(cell(f"resize {width}",
                             lambda row: f"{number(row['median_ms'])} ms, {row['leftover']:.0f}"))
        lines.append(line + [cell("blur", lambda row: f"{number(row['median_ms'])} ms")])
    return lines


def print_table(rows):
    lines = cells(rows)
    full = [line for line in lines if len(line) == len(lines[0])]
    widths = [max(len(line[column]) for line in full) for column in range(len(lines[0]))]
    for line in lines:
        print("  ".join(text.rjust(width) if index else text.ljust(width)
                        for index, (text, width) in enumerate(zip(line, widths))).rstrip()
              if len(line) == len(lines[0]) else "  ".join(line))
    print("\nResizing: milliseconds, and what is left of 90 of a pattern that the smaller picture cannot hold.")


def markdown(rows):
    head, *body = cells(rows)
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    lines += ["| " + " | ".join(line + [""] * (len(head) - len(line))) + " |" for line in body]
    versions = dict.fromkeys(f"{row['peer']} {row['version']}" for row in rows if row["version"])
    return "\n".join(lines) + "\n\nVersions: " + "; ".join(versions) + ".\n"


def drawing(rows):
    """An SVG drawing, for light and dark pages: one panel of bars per kind of work, each with its own scale."""
    left, bar, gap, panel_gap, width = 110, 18, 5, 44, 980
    parts, top = [], 66
    for work, title in WORKS.items():
        shown = [row for row in rows if row["work"] == work and row["median_ms"]]
        if not shown:
            continue
        most = max(row["median_ms"] for row in shown)
        parts.append(f'<text x="{left}" y="{top}">{html.escape(title)}</text>')
        for index, row in enumerate(shown):
            y = top + 10 + index * (bar + gap)
            length = max(2, (width - left - 130) * row["median_ms"] / most)
            name = CLASSES.get(row["peer"], "node")
            parts.append(f'<text class="t-{name}" x="{left - 8}" y="{y + 13}" text-anchor="end">{row["peer"]}</text>')
            parts.append(f'<rect class="f-{name}" x="{left}" y="{y}" width="{length:.1f}" height="{bar}"/>')
            x = left + length + 6
            parts.append(f'<text class="axis" x="{x:.1f}" y="{y + 13}">{number(row["median_ms"])}</text>')
        top += 10 + len(shown) * (bar + gap) + panel_gap
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" role="img" aria-label="Picture work">',
        f"<style>{plots.style()}{fills()}</style>", f'<rect class="background" width="{width}" height="{top}"/>',
        '<text class="title" x="20" y="26">Picture work on one processor</text>',
        '<text class="axis" x="20" y="43">medians; each panel has its own scale, shorter is better</text>',
    ] + parts) + "\n</svg>\n"


def fills():
    def rules(index):
        return " ".join(f".f-{name} {{ fill: {pair[index]} }}" for name, pair in plots.COLOURS.items())
    return f"  {rules(0)}\n  @media (prefers-color-scheme: dark) {{ {rules(1)} }}\n"
