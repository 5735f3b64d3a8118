"""What lies beneath the AP: tables and pictures of one evaluation."""

from .content import Report, ReportOptions, build_report
from .writing import write_report

__all__ = ['Report', 'ReportOptions', 'build_report', 'write_report']
