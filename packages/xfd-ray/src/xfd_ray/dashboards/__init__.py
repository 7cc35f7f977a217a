"""The Grafana dashboard of xfd and the rules for Prometheus, and where Ray wants them."""

from __future__ import annotations
