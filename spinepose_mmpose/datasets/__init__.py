"""Datasets: SpineTrack in MMPose, and what makes, checks and shows them.

``body``, ``collate``, ``loading`` and ``transforms`` need mmpose; the others do
without it.
"""
