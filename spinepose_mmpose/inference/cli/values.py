"""Values of options, with a sentence for each that is wrong."""

import argparse
import re
from fractions import Fraction

from ..formats import FORMATS


def typed(convert):
    """Show the message of a ValueError, which argparse hides."""

    def checked(text: str):
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return checked


def rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise ValueError(
            f'{text!r} is no frame rate: 30 or 30000/1001 expected'
        )
    # 29.97, 23.98 and the like mean the rates of television.
    if re.fullmatch(r'(23\.976|23\.98|29\.97|47\.95|59\.94|119\.88)', text):
        return Fraction(round(rate) * 1000, 1001)
    return rate


def size(text: str) -> tuple:
    found = re.fullmatch(r'([1-9]\d*)x([1-9]\d*)', text.lower())
    if not found:
        raise ValueError(f'{text!r} is no size: 320x320 expected')
    return int(found[1]), int(found[2])


def formats(text: str) -> list:
    names = [name.strip().lower() for name in text.split(',') if name.strip()]
    for name in names:
        if name not in FORMATS:
            raise ValueError(
                f'no format {name!r}: choose from {", ".join(FORMATS)}'
            )
    return names


@typed
def count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f'{text!r} is no number from 1')
    return int(text)


@typed
def share(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:
        raise ValueError(f'{text} is not between 0 and 1')
    return value


@typed
def positive(text: str) -> float:
    value = _number(text)
    if not 0 <= value < float('inf'):
        raise ValueError(f'{text} is not 0 or more')
    return value


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f'{text!r} is no number') from None
