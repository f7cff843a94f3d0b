#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the models in this folder describe the code that is in Sources.

Beside each step, a model quotes the code that does it:

    /* code: EntryStack.swift: last.link = UInt32(truncatingIfNeeded: expected & Self.indexMask) */

The text must occur exactly once in the file of that name. Comments, line breaks and spaces do not matter, so a quote
may be cut into several lines, and a comment may have several quotes. A model that describes a whole file says so:

    /* all atomics: EntryStack.swift */

Then each atomic operation in that file must be inside a quote of some model, so that a new operation is noticed, too.
"""
import pathlib
import re
import sys

MODELS = pathlib.Path(__file__).resolve().parent
SOURCES = MODELS.parent.parent / "Sources"
COMMENT = re.compile(r"/\*(.*?)\*/", re.S)
QUOTE = re.compile(r"(code|all atomics): (\S+?\.(?:swift|h|c))\b:?(.*?)(?=code: |all atomics: |\Z)", re.S)
ATOMIC = re.compile(
    r"(\.(load|store|exchange|compareExchange|weakCompareExchange|add|subtract|bitwiseOr|bitwiseAnd)"
    r"\([^;{}]*?[oO]rdering:"
    r"|atomicMemoryFence\(|atomic_(signal|thread)_fence\(|__atomic_\w+\(|\w*barrier\w*\(\))")


def joined(text):
    """The text with one space for each run of white space."""
    return " ".join(text.split())


def without_comments(text):
    return re.sub(r"//[^\n]*", "", text)


def source(name, errors, cache={}):
    """The code of the file with this name, without comments and with single spaces."""
    if name not in cache:
        found = [path for path in SOURCES.rglob(name) if path.is_file()]
        if len(found) != 1:
            errors.append(f"{len(found)} files in Sources have the name {name}")
        cache[name] = joined(without_comments(found[0].read_text())) if len(found) == 1 else None
    return cache[name]


def main():
    errors = []
    quotes = {}
    whole = {}
    quoted = set()
    for model in sorted(MODELS.glob("*.pml")):
        comments = (re.sub(r"\n *\*", "\n", comment) for comment in COMMENT.findall(model.read_text()))
        for kind, name, text in (quote for comment in comments for quote in QUOTE.findall(comment)):
            if kind == "all atomics":
                whole[name] = model.name
                continue
            quoted.add(model.name)
            # A quote ends where its paragraph ends.
            quote = joined(text.split("\n\n")[0])
            code = source(name, errors)
            if code is None:
                continue
            places = [match.start() for match in re.finditer(re.escape(quote), code)]
            if len(places) != 1:
                errors.append(f"{model.name}: this is {len(places)} times in {name}, and must be there once: {quote}")
            quotes.setdefault(name, []).extend((start, start + len(quote)) for start in places)
        if model.name not in quoted:
            errors.append(f"{model.name} quotes no code")
    for name, model in whole.items():
        code = source(name, errors) or ""
        for match in ATOMIC.finditer(code):
            if not any(start <= match.start() < end for start, end in quotes.get(name, [])):
                errors.append(f"{model}: no model quotes this operation of {name}: {code[match.start():][:100]}")
    for error in errors:
        print(error, file=sys.stderr)
    if errors:
        print("Change the models as the code was changed, check them with .ci/models, and quote the new code.",
              file=sys.stderr)
        sys.exit(1)
    print(f"{sum(map(len, quotes.values()))} quotes in the models are the code")


main()
