"""Writes the dashboard's file, and the table of alerts in the documents, anew."""

from dashboards import build, document

build.FILE.write_text(build.build())
table = document.alerts_of(document.RULES.read_text())
document.FILE.write_text(document.with_alerts(document.FILE.read_text(), table))
