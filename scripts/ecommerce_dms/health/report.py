"""What people, programs and shells are told about an examination."""

from __future__ import annotations

import json
from dataclasses import asdict

from ecommerce_dms.health.examination import Result

# 1 and 2 are a program's own: failed, and called wrongly.
EXIT_OK, EXIT_FAILED, EXIT_WARNING, EXIT_CRITICAL = 0, 1, 3, 4


def exit_code(results: list[Result]) -> int:
    """4 for a critical finding, else 1 where a check failed, else 3 for a warning, else 0."""
    severities = {result.severity for result in results}
    if "critical" in severities:
        return EXIT_CRITICAL
    if any(result.failed for result in results):
        return EXIT_FAILED
    return EXIT_WARNING if "warning" in severities else EXIT_OK


def table(results: list[Result]) -> str:
    """A line for each finding and each check without one; then what was left out, and why."""
    rows = [("severity", "check", "subject", "value", "message")]
    for result in results:
        if result.failed:
            rows.append(("failed", result.check.name, "", "", result.failed))
        elif not result.left_out and not result.findings:
            rows.append(("ok", result.check.name, "", "", ""))
        rows += [
            (found.severity, result.check.name, found.subject, _value(found.value, found.unit), found.message)
            for found in result.findings
        ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]]).rstrip() for row in rows]  # fmt: skip
    left_out = [result for result in results if result.left_out]
    if left_out:
        lines += ["", "Left out:", *(f"  {result.check.name}: {result.left_out}" for result in left_out)]
    pages = [result.check.runbook for result in results if result.findings]
    if pages:
        lines += ["", "What to do:", *(f"  {page}" for page in pages)]
    return "\n".join(lines)


def as_json(results: list[Result], server: str) -> str:
    """One object: the worst severity, and each check with its findings."""
    checks = [
        {
            "check": result.check.name,
            "severity": result.severity,
            "runbook": result.check.runbook,
            "findings": [asdict(finding) for finding in result.findings],
            "left_out": result.left_out or None,
            "failed": result.failed or None,
            "seconds": round(result.seconds, 3),
        }
        for result in results
    ]
    return json.dumps({"server": server, "exit_code": exit_code(results), "checks": checks}, indent=2)


def _value(value: float | None, unit: str) -> str:
    if value is None:
        return unit
    number = f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
    return f"{number} {unit}".strip()
