"""Synthetic people in SpineTrack's format, in 2D and 3D.

Bodies are those of `anny <https://github.com/naver/anny>`_ (Apache-2.0, its
MakeHuman assets are CC0). From a shape and a pose to a dataset: ``body`` (mesh
and keypoints), ``poses`` and ``motion``, ``looks`` (clothes and hair),
``render`` (z-buffer), ``scene`` (surroundings, light, cameras), ``labels``,
``writer``. Needs the extra ``[synthetic]``.
"""
