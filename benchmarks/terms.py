"""What the YAML of the benchmark says, for the scripts of the others."""

from __future__ import annotations

ZONE = "Europe/Berlin"
FEATURES = {
    "reports": ["report_built", "report_shared"],
    "docs": ["doc_edited", "comment_added", "file_uploaded"],
    "exports": ["csv_exported"],
    "alerts": ["alert_set", "filter_saved"],
}
LAUNCHES = {"alerts": "2025-07-10"}
LEVELS = {"low": 0, "steady": 50, "healthy": 200}
WEIGHTS = {
    "project_created": 10, "report_built": 8, "doc_edited": 5, "comment_added": 3, "page_viewed": 1,
}  # fmt: skip
