#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""read_format FORM FILE: reads a report by a library that others wrote for its form, and prints as JSON what the
library understood. For the form json, checks the report by the schema of this package, and allows no field that the
schema does not have. The exit code is 77 if the library is not installed."""

import json
import pathlib
import sys

SCHEMA = pathlib.Path(__file__).parents[2] / "Sources/LeakAuditCommands/Formats/report.schema.json"


def openmetrics(text):
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    return [
        {"name": family.name, "type": family.type, "unit": family.unit,
         "samples": [{"name": sample.name, "labels": sample.labels, "value": sample.value}
                     for sample in family.samples]}
        for family in text_string_to_metric_families(text)
    ]


def sarif(text):
    from sarif_pydantic import Sarif

    # Raises an error for each field that the standard does not have, or of which the type is another one.
    log = Sarif.model_validate(json.loads(text))
    return [
        {"level": str(getattr(result.level, "value", result.level)), "rule": result.rule_id,
         "message": result.message.text,
         "uris": [place.physical_location.artifact_location.uri for place in result.locations or []
                  if place.physical_location],
         "lines": [place.physical_location.region.start_line for place in result.locations or []
                   if place.physical_location and place.physical_location.region]}
        for run in log.runs for result in run.results or []
    ]


def junit(text):
    from junitparser import JUnitXml

    return [
        {"suite": suite.name, "name": case.name, "class": case.classname,
         "results": [[type(result).__name__, result.message, result.text or ""] for result in case.result]}
        for suite in JUnitXml.fromstring(text.encode()) for case in suite
    ]


def strict(schema):
    """The schema without room for other fields, which it leaves for later versions."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: strict(part) for name, part in schema.items()}
    return schema | {"additionalProperties": False} if schema.get("type") == "object" else schema


def report_json(text):
    from jsonschema import Draft202012Validator

    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return [f"{error.json_path}: {error.message}"
            for error in Draft202012Validator(strict(schema)).iter_errors(json.loads(text))]


READERS = {"json": report_json, "openmetrics": openmetrics, "sarif": sarif, "junit": junit}


def main():
    form, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        print(json.dumps(READERS[form](text)))
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(77)


main()
