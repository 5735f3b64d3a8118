"""A data set seen: labels drawn, samples after augmentation, statistics.

numpy and OpenCV; matplotlib for plots. mmpose is needed for the augmentation
alone and imported there.
"""
