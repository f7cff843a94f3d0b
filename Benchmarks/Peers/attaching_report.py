# SPDX-License-Identifier: Apache-2.0

"""The tables that attaching.py makes from its figures."""

import statistics

middle = statistics.median


def duration(seconds):
    if seconds < 0.0995:
        return f"{seconds * 1e3:.1f} ms"
    return f"{seconds * 1e3:.0f} ms" if seconds < 0.9995 else f"{seconds:.1f} s"


def share(value, digits=1):
    return f"{value * 100:.{digits}f} %"


def throughput_share(value):
    return share(value, 2 if value > 0.9 else 1)


def size(count):
    for limit, divisor, unit in ((1e3, 1, "B"), (1e6, 1e3, "kB"), (1e9, 1e6, "MB")):
        if count < limit:
            return f"{count / divisor:.3g} {unit}"
    return f"{count / 1e9:.3g} GB"


def rate(value):
    return f"{value / 1e6:.1f} million/s" if value >= 1e6 else f"{value / 1e3:.0f},000/s"


def named(figures, plan):
    # memray counts what Python's interpreter allocated for the same lines, too.
    before, after = min(figures["before"], plan.count), min(figures["after"], plan.more)
    return f"{before:,} of {plan.count:,}; {after:,} of {plan.more:,}"


def spread(values, text):
    return f"{text(middle(values))} ({text(min(values))} to {text(max(values))})"


def goals(ours, plan):
    """The first table: what leak-audit is meant to reach, and what it reaches."""
    busy = ours["ratio_tight"]
    milliseconds = lambda name: spread([value / 1e3 for value in ours[name]], duration)
    return [
        ["what", "goal", "measured: median (least to most)"],
        [f"`snapshot`, {size(ours['file_bytes'])}", "at most 300 ms", milliseconds("snapshot_ms")],
        ["`report`", "at most 500 ms", milliseconds("report_ms")],
        ["answer to a request", "at most 50 ms", milliseconds("answer_ms")],
        ["`watch`, share of a core", "at most 5 %", share(ours["processor_share"])],
        ["throughput while `watch` runs, of that without", "at least 99 %", spread(busy, throughput_share)],
        ["without `watch`, second by first time: how exact this is", "", spread(ours["control"], throughput_share)],
    ]


def dead(figures, plan):
    return figures["failure"] if "failure" in figures else named(figures, plan)


def busy(figures):
    if "failure" in figures:
        return figures["failure"]
    reasons = "; ".join(figures["reasons"])
    survived = f"{figures['survived']} of {figures['tries']} times"
    return f"{survived} ({reasons})" if reasons else survived


def against(figures, name):
    base = figures.get("base_" + name)
    return throughput_share(figures[name] / base) if base else ""


def our_column(ours, plan):
    return {
        "program": f"Swift, buffers: {rate(ours['base_tight'])}",
        "attach": "no step; `snapshot` " + duration(middle(ours["snapshot_ms"]) / 1e3),
        "report": duration(middle(ours["report_ms"]) / 1e3) + ", while it runs",
        "pause": duration(ours["pause_ms"] / 1e3),
        "tracer": "yes" if ours["tracer"] else "no",
        "named": named(ours, plan),
        "tight": throughput_share(middle(ours["ratio_tight"])),
        "work": throughput_share(middle(ours["ratio_work"])),
        "processor": share(ours["processor_share"]) + " of a core",
        "written": "nothing",
        "afterwards": "",
        "busy": "this is such a program",
        "dead": dead(ours["dead"], plan),
    }


def late_column(figures, subject, plan):
    if "failure" in figures and "base_tight" not in figures:
        return {"program": subject, "attach": figures["failure"]}
    return {
        "program": f"{subject}: {rate(figures['base_tight'])}",
        "attach": duration(middle(figures["attach_seconds"])),
        "report": duration(figures["report_seconds"]) + ", after its end",
        "pause": duration(figures["pause_ms"] / 1e3),
        "tracer": "yes" if figures["tracer"] else "no",
        "named": named(figures, plan),
        "tight": against(figures, "tight"),
        "work": against(figures, "work"),
        "processor": own_processor(figures),
        "written": written(figures),
        "afterwards": afterwards(figures),
        "busy": busy(figures["busy"]),
        "dead": dead(figures["dead"], plan),
    }


def early_column(figures, subject, plan):
    if "failure" in figures:
        return {"program": subject, "attach": figures["failure"]}
    start = duration(figures["start_seconds"])
    plain = figures["plain_start_seconds"]
    return {
        "program": subject,
        "attach": f"at the start: {start}" + (f" instead of {duration(plain)}" if plain else ""),
        "report": duration(figures["report_seconds"]) + ", after its end",
        "tracer": "no",
        "named": named(figures, plan),
        "tight": against(figures, "tight"),
        "work": against(figures, "work"),
        "processor": own_processor(figures),
        "written": written(figures),
        "dead": dead(figures["dead"], plan),
    }


def written(figures):
    return f"{size(figures['written_per_second'])}/s; {size(figures['file_bytes'])}"


def afterwards(figures):
    late = figures["detached"]
    if "failure" in late:
        return late["failure"]
    return f"{duration(late['seconds'])}; {throughput_share(late['tight'] / figures['base_tight'])}"


def own_processor(figures):
    return share(figures["processor_share"]) + " of a core" if "processor_share" in figures else "in the program"


ROWS = [
    ("program", "the program, and what it makes alone"),
    ("attach", "to attach"),
    ("report", "a report"),
    ("pause", "the program's longest pause meanwhile"),
    ("tracer", "the program is traced (ptrace)"),
    ("named", "live blocks that the report names: made before; made afterwards"),
    ("tight", "throughput, if the program only allocates and frees"),
    ("work", "throughput, with 10 µs of other work for each block"),
    ("processor", "the tool's own processor time, in the first case"),
    ("written", "written to a file, in the first case; the file at the end"),
    ("afterwards", "to detach; throughput afterwards"),
    ("busy", "attaching to a program that only allocates and frees succeeded"),
    ("dead", "after SIGKILL, the report names: made before; made afterwards"),
]


def comparison(columns):
    """The second table. Columns are pairs of a title and cells by the names of ROWS."""
    lines = [[""] + [title for title, _ in columns]]
    for name, title in ROWS:
        lines.append([title] + [cells.get(name, "") for _, cells in columns])
    return lines


def markdown(lines):
    head, *body = lines
    rows = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(rows + ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in body])
