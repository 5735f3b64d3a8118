"""Zero-phase Butterworth low pass, as gait laboratories use it."""

import numpy as np

# Up to this many times the cutoff, half of the frame rate, above which a series
# holds nothing, is so near to the cutoff that there is nothing to take away.
LEAST_RATE = 2.5


def butterworth(
    values: np.ndarray, rate: float, cutoff: float = 6.0, order: int = 4
) -> np.ndarray:
    """Filter forwards and backwards, so that nothing is delayed.

    A filter of half the order runs twice; its cutoff is raised by
    ``(sqrt(2) - 1)^(-1 / order)``, 1 / 0.802 for order 4, so that the result,
    not each pass, has lost 3 dB at ``cutoff``: Winter, Biomechanics and Motor
    Control of Human Movement, 4th edition, section 3.4.4. It is raised before
    the bilinear transform, so that this holds at any rate.

    Args:
        values: (T, ...), one series a column, evenly sampled, no NaN.
        rate: samples a second. Up to 2.5 times the cutoff the values come
            back unchanged: so slow a series holds nothing above the cutoff.
        cutoff: Hz at which half of the power is left.
        order: of both passes together; even.

    Raises:
        ValueError: cutoff or order cannot be.
    """
    check_filter(cutoff, order)
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2 or rate <= LEAST_RATE * cutoff:
        return values.copy()
    from scipy.signal import butter, sosfiltfilt

    analog = np.tan(np.pi * cutoff / rate) / (np.sqrt(2) - 1) ** (1 / order)
    raised = rate / np.pi * np.arctan(analog)
    sections = butter(order // 2, raised, fs=rate, output='sos')
    # As long as the filter rings; a short series has only its own length.
    padding = min(int(np.ceil(rate / cutoff)), len(values) - 1)
    return sosfiltfilt(sections, values, axis=0, padlen=padding)


def check_filter(cutoff: float, order: int) -> None:
    """Raises: ValueError."""
    if not 0 < cutoff < np.inf:
        raise ValueError(f'cutoff should be above 0 Hz, but is {cutoff}')
    if order < 2 or order % 2:
        raise ValueError(
            'order should be even and 2 or more, for it is split between '
            f'two passes, but is {order}'
        )
