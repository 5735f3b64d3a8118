"""All checks of a data set, one file after another."""

import os
from dataclasses import dataclass, field
from typing import Callable, Dict, List, Sequence

from .check_content import ERROR, Content, DataSet, Finding, People, pack
from .check_geometry import check_sides, check_spine
from .check_labels import (
    check_boxes,
    check_duplicate_people,
    check_images,
    check_names,
    check_points,
    check_structure,
    check_unusable,
    entries_of,
    usable,
)


@dataclass(frozen=True)
class CheckOptions:
    """Settings of :func:`check_dataset`.

    Attributes:
        images: read every image file.
        workers: threads that read them.
    """

    images: bool = True
    workers: int = min(8, os.cpu_count() or 1)


@dataclass
class CheckResult:
    """What was found, and how much was looked at.

    Attributes:
        findings: in the order of the splits.
        counts: by split: ``images``, ``people``, ``labelled`` (people with a
            labelled keypoint), ``crowds``, ``empty_images``.
        sets: by name.
    """

    sets: Dict[str, DataSet]
    counts: Dict[str, Dict[str, int]] = field(default_factory=dict)
    findings: List[Finding] = field(default_factory=list)

    @property
    def num_errors(self) -> int:
        return sum(f.severity == ERROR for f in self.findings)

    def by_kind(self) -> Dict[str, List[Finding]]:
        """Errors first, then as in ``KINDS``; the worst of a kind first."""
        from .check_content import KINDS

        groups: Dict[str, List[Finding]] = {}
        for severity in (ERROR, 'warning'):
            for name, kind in KINDS.items():
                if kind.severity == severity:
                    groups[name] = []
        for finding in self.findings:
            groups[finding.kind].append(finding)
        return {
            name: sorted(found, key=lambda f: -f.score)
            for name, found in groups.items()
            if found
        }


def check_dataset(
    sets: Sequence[DataSet],
    options: CheckOptions = CheckOptions(),  # noqa: B008  frozen
    on_step: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> CheckResult:
    """Look at every annotation and, if asked for, every image.

    Args:
        sets: annotation files; training and validation are told by name.
        on_step: called with what is being done, and how far it is.

    Raises:
        FileNotFoundError, ValueError: if a file is no COCO-format JSON.
    """
    result = CheckResult({data_set.name: data_set for data_set in sets})
    entries = []
    for number, data_set in enumerate(sets):
        on_step('annotations', number, len(sets))
        content = data_set.load()
        result.findings += check_content(content)
        result.counts[data_set.name] = _counts(content)
        entries += entries_of(content)
    on_step('annotations', len(sets), len(sets))
    result.findings += check_names(entries)
    if options.images:
        done = [0]

        def on_done(count):
            done[0] += count
            on_step('images', done[0], len(entries))

        result.findings += check_images(entries, options.workers, on_done)
    return result


def check_content(content: Content) -> List[Finding]:
    """All checks of one file that need no images."""
    people, unpacked = pack(content)
    findings = [*check_structure(content)]
    findings += check_unusable(content, people, unpacked)
    good: People = usable(people)
    for check in (
        check_boxes,
        check_points,
        check_sides,
        check_spine,
        check_duplicate_people,
    ):
        findings += check(content, good)
    return findings


def _counts(content: Content) -> Dict[str, int]:
    used = {row for row in content.rows_of_people if row is not None}
    return dict(
        images=len(content.images),
        people=len(content.annotations),
        labelled=sum(_is_labelled(a) for a in content.annotations),
        crowds=sum(bool(a.get('iscrowd')) for a in content.annotations),
        empty_images=len(content.images) - len(used),
    )


def _is_labelled(annotation: dict) -> bool:
    keypoints = annotation.get('keypoints')
    if not isinstance(keypoints, list):
        return False
    return any(v in (1, 2) for v in keypoints[2::3])
