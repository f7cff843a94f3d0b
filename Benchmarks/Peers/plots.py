# SPDX-License-Identifier: Apache-2.0

"""Draws line plots as SVG without a library. They can be read on light and on dark pages."""

import html
import math

WIDTH, HEIGHT = 980, 600
LEFT, RIGHT, TOP, BOTTOM = 74, 262, 54, 58

# For light and for dark pages. Each family has one hue; its members differ by dashes, and each line has its name at
# its end.
COLOURS = {
    "ours": ("#0b57d0", "#7cb0ff"), "malloc": ("#b3541e", "#ffb077"), "swift": ("#2d7d32", "#7fd486"),
    "jvm": ("#7b2fa8", "#d9a3ff"), "node": ("#b3125a", "#ff8fbf"),
}
FAMILIES = {
    "ours": "native-buffers", "malloc": "C allocators", "swift": "Swift", "jvm": "JVM", "node": "Node",
}
DASHES = ["", "7 3", "2 3", "9 3 2 3", "12 4"]

STYLE = """
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 }
  .axis { fill: #59636e }
  .grid { stroke: #d1d9e0; stroke-width: 1 }
  .line { fill: none; stroke-width: 1.8 }
  .ours { stroke-width: 3.2 }
  .leader { fill: none; stroke-width: 0.8; opacity: 0.6 }
  .background { fill: #ffffff }
%s
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .axis { fill: #9198a1 } .grid { stroke: #30363d } .background { fill: #0d1117 }
%s
  }
"""


def style():
    def rules(index):
        return "\n".join(
            f"    .c-{name} {{ stroke: {pair[index]} }} .t-{name} {{ fill: {pair[index]} }}"
            for name, pair in COLOURS.items())
    return STYLE % (rules(0), rules(1))


def spread(wanted, gap, low, high):
    """Moves positions apart, so that neighbours have a gap between them, but not further than needed."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    placed = []
    for index in order:
        placed.append(max(wanted[index], placed[-1] + gap if placed else low))
    limit = high
    for position in range(len(placed) - 1, -1, -1):
        placed[position] = min(placed[position], limit)
        limit = placed[position] - gap
    result = [0.0] * len(wanted)
    for index, value in zip(order, placed):
        result[index] = value
    return result


def line_plot(title, about, series, size_name, value_name, least=0):
    """An SVG drawing of {(name, family): {size: value}}. Sizes are evenly spaced, values have a logarithmic scale.

    Values below `least`, and 0, are drawn on a separate line at the bottom.
    """
    sizes = sorted({size for values in series.values() for size in values})
    everything = [value for values in series.values() for value in values.values()]
    positive = [value for value in everything if value > 0 and value >= least] or [1]
    has_bottom = len(positive) < len(everything)
    lowest = math.floor(math.log10(min(positive)))
    highest = max(math.ceil(math.log10(max(positive))), lowest + 1)
    floor = lowest - 1 if has_bottom else lowest
    plot_width, plot_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(size):
        return LEFT + plot_width * (sizes.index(size) + 0.5) / len(sizes)

    def y(value):
        power = math.log10(value) if value > 0 and value >= least else floor
        return TOP + plot_height * (highest - power) / (highest - floor)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{html.escape(title)}">',
        f"<style>{style()}</style>", f'<rect class="background" width="{WIDTH}" height="{HEIGHT}"/>',
        f'<text class="title" x="{LEFT}" y="26">{html.escape(title)}</text>',
        f'<text class="axis" x="{LEFT}" y="43">{html.escape(about)}</text>',
    ]
    for power in range(floor, highest + 1):
        is_bottom = has_bottom and power == floor
        height = y(0) if is_bottom else y(10.0 ** power)
        bottom_label = f"under {value_name(least)}" if least else "0"
        label = bottom_label if is_bottom else value_name(10.0 ** power).replace(".0 ", " ")
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{LEFT + plot_width}" y1="{height:.1f}" y2="{height:.1f}"/>')
        parts.append(f'<text class="axis" x="{LEFT - 8}" y="{height + 4:.1f}" text-anchor="end">{label}</text>')
    for size in sizes:
        parts.append(f'<text class="axis" x="{x(size):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">'
                     f'{html.escape(size_name(size))}</text>')
    parts += curves(series, sizes, x, y)
    parts.append(legend({family for _, family in series}))
    return "\n".join(parts) + "\n</svg>\n"


def curves(series, sizes, x, y):
    """The lines, with their names at the right end. Our lines are drawn last, on top of the other lines."""
    ends = [(x(max(values)), y(values[max(values)])) for values in series.values()]
    labels = spread([end[1] for end in ends], 16, TOP, HEIGHT - BOTTOM)
    members = {}
    drawn = []
    for (end, label, ((name, family), values)) in zip(ends, labels, series.items()):
        index = members.get(family, 0)
        members[family] = index + 1
        points = " ".join(f"{x(size):.1f},{y(values[size]):.1f}" for size in sizes if size in values)
        dash = f' stroke-dasharray="{DASHES[index % len(DASHES)]}"' if DASHES[index % len(DASHES)] else ""
        emphasis = " ours" if family == "ours" else ""
        edge = WIDTH - RIGHT + 22
        drawn.append((family == "ours", "\n".join([
            f'<polyline class="line{emphasis} c-{family}" points="{points}"{dash}/>',
            f'<polyline class="leader c-{family}" points="{end[0] + 3:.1f},{end[1]:.1f} {edge - 4},{label:.1f}"/>',
            f'<text class="t-{family}" x="{edge}" y="{label + 4:.1f}">{html.escape(name)}</text>',
        ])))
    return [part for _, part in sorted(drawn, key=lambda pair: pair[0])]


def legend(families):
    shown = [family for family in FAMILIES if family in families]
    step = 130
    parts = []
    for position, family in enumerate(shown):
        left = LEFT + position * step
        base = HEIGHT - 12
        parts.append(
            f'<line class="line c-{family}" x1="{left}" x2="{left + 22}" y1="{base - 4}" y2="{base - 4}"/>'
            f'<text class="t-{family}" x="{left + 28}" y="{base}">{html.escape(FAMILIES[family])}</text>')
    return "\n".join(parts)
