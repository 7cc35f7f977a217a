"""A report as one self-contained HTML page, with its time line drawn. It loads nothing."""

from xfd_ray.report_page.page import report_page

__all__ = ["report_page"]
