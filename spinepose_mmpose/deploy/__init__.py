"""Export through mmdeploy, checks of what was exported, quantisation."""
