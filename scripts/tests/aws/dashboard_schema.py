"""The body of a CloudWatch dashboard as JSON schema, as far as ours uses it.

Written from "Dashboard Body Structure and Syntax" in the Amazon CloudWatch API Reference. Strict where that page lists
what there is: a misspelt property is silently ignored by CloudWatch, and refused here.
"""

from __future__ import annotations

from typing import Any


def closed(properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """An object with these properties and no other."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


STRING = {"type": "string"}
BOOLEAN = {"type": "boolean"}
NUMBER = {"type": "number"}
PERIOD = {"type": "integer", "minimum": 60, "multipleOf": 60}
STATISTIC = {
    "type": "string",
    "pattern": r"^(SampleCount|Average|Sum|Minimum|Maximum|p\d{1,2}(\.\d+)?)$",
}
COLOR = {"type": "string", "pattern": "^#[0-9a-f]{6}$"}
ID = {"type": "string", "pattern": "^[a-z][a-zA-Z0-9_]*$"}

RENDERING = closed(
    {
        "label": STRING,
        "id": ID,
        "color": COLOR,
        "period": PERIOD,
        "stat": STATISTIC,
        "visible": BOOLEAN,
        "yAxis": {"enum": ["left", "right"]},
    }
)
EXPRESSION = closed({"expression": STRING, "label": STRING, "id": ID, "visible": BOOLEAN}, required=("expression",))

# [namespace, metric, (dimension, value)…, {rendering}] with up to 30 dimensions, or [{expression}].
METRIC = {
    "anyOf": [
        {
            "type": "array",
            "minItems": 2,
            "maxItems": 63,
            "prefixItems": [STRING, STRING],
            "items": {"anyOf": [STRING, RENDERING]},
        },
        {"type": "array", "minItems": 1, "maxItems": 1, "items": EXPRESSION},
    ]
}

AXIS = closed({"min": NUMBER, "max": NUMBER, "label": STRING, "showUnits": BOOLEAN})
HORIZONTAL = closed(
    {
        "value": NUMBER,
        "label": STRING,
        "color": COLOR,
        "fill": {"enum": ["above", "below", "none"]},
        "visible": BOOLEAN,
        "yAxis": {"enum": ["left", "right"]},
    },
    required=("value",),
)

PROPERTIES = {
    "text": closed({"markdown": STRING, "background": {"enum": ["solid", "transparent"]}}, required=("markdown",)),
    "alarm": closed(
        {
            "alarms": {
                "type": "array",
                "minItems": 1,
                "maxItems": 100,
                "uniqueItems": True,
                "items": {"type": "string", "pattern": r"^arn:aws[a-z-]*:cloudwatch:[a-z0-9-]+:\d{12}:alarm:.+$"},
            },
            "sortBy": {"enum": ["default", "stateUpdatedTimestamp", "timestamp"]},
            "states": {"type": "array", "items": {"enum": ["ALARM", "INSUFFICIENT_DATA", "OK"]}},
            "title": STRING,
        },
        required=("alarms",),
    ),
    "metric": closed(
        {
            "accountId": STRING,
            "annotations": closed({"horizontal": {"type": "array", "items": HORIZONTAL}}),
            "liveData": BOOLEAN,
            "legend": closed({"position": {"enum": ["right", "bottom", "hidden"]}}),
            "metrics": {"type": "array", "minItems": 1, "maxItems": 500, "items": METRIC},
            "period": PERIOD,
            "region": {"type": "string", "pattern": "^[a-z]{2}(-[a-z]+)+-[0-9]$"},
            "sparkline": BOOLEAN,
            "stacked": BOOLEAN,
            "stat": STATISTIC,
            "timezone": {"type": "string", "pattern": r"^[+-]\d{4}$"},
            "title": STRING,
            "view": {"enum": ["timeSeries", "singleValue", "gauge", "bar", "pie", "table"]},
            "yAxis": closed({"left": AXIS, "right": AXIS}),
        },
        required=("metrics", "region"),
    ),
}


def widget(kind: str) -> dict[str, Any]:
    return closed(
        {
            "type": {"const": kind},
            "x": {"type": "integer", "minimum": 0, "maximum": 23},
            "y": {"type": "integer", "minimum": 0},
            "width": {"type": "integer", "minimum": 1, "maximum": 24},
            "height": {"type": "integer", "minimum": 1, "maximum": 1000},
            "properties": PROPERTIES[kind],
        },
        required=("type", "x", "y", "width", "height", "properties"),
    )


DASHBOARD = closed(
    {
        "start": {"type": "string", "pattern": r"^-P(T\d+[MH]|\d+[DWM])$"},
        "end": STRING,
        "periodOverride": {"enum": ["auto", "inherit"]},
        "variables": {"type": "array", "maxItems": 25},
        "widgets": {"type": "array", "maxItems": 500, "items": {"oneOf": [widget(kind) for kind in PROPERTIES]}},
    },
    required=("widgets",),
)
