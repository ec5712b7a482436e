# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests measured, as lines of the run's summary."""


def pytest_terminal_summary(terminalreporter):
    for report in terminalreporter.getreports("passed"):
        if report.when == "call":
            for what, figure in report.user_properties:
                terminalreporter.write_line(f"netconf: {what}: {figure}")
