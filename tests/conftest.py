import spinepose_mmpose  # noqa: F401  the compatibility layer before mmpose
