"""From options to a plan, and the plan carried out."""

import os
from typing import Callable, Mapping

from ..formats import BoxFile, Header
from ..pipeline.jobs import CLIP, Job, expand_inputs
from ..pipeline.outputs import check_outputs
from ..pipeline.planning import plan_outputs
from ..pipeline.ranks import Rank, find_rank
from ..pipeline.run import Plan, Report, run_jobs
from ..pipeline.settings import ClipSettings, Seen, Tools
from ..results import SPINE_ONLY
from ..video import Position, Span, open_source
from ..video.frames import Source
from .reports import JsonReport, TextReport
from .window import check_window, show

# Options that the results do not depend on, so that a run may be resumed with
# others. Of paths the folder of unfinished work depends on them already.
FREE = {
    'input_path',
    'vis_path',
    'save_path',
    'save_format',
    'json_layout',
    'spine_only',
    'show',
    'resume',
    'overwrite',
    'device',
    'hardware_acceleration',
    'threads',
    'quiet',
    'log_json',
}


def run_command(args) -> int:
    """Do what the options say.

    Returns:
        int: number of inputs that failed.

    Raises:
        ValueError, OSError: an option, an input or an output is wrong; said
            before any work begins where it can be known then.
    """
    rank = find_rank()
    _check(args, rank)
    resume = args.resume or rank.shared
    inputs = expand_inputs(args.input_path, args.sequence is not None)
    jobs = plan_outputs(
        inputs,
        args.vis_path,
        args.save_path,
        args.save_format,
        args.json_layout,
    )
    check_outputs(jobs, args.json_layout, args.overwrite, resume)
    if args.show:
        check_window()
    open_clip = _opener(args, jobs)
    tools, header = make_tools(args)
    report = _report(args, rank)
    plan = Plan(
        tools=tools,
        settings=_settings(args, tools),
        open_clip=open_clip,
        header=header,
        resume=resume,
        rank=rank,
        batch=args.batch_frames,
        report=_Window(report) if args.show else report,
    )
    try:
        failures = run_jobs(jobs, plan)
    finally:
        report.close()
    return failures


def make_tools(args, environment: Mapping[str, str] = os.environ):
    """(tools, header): what works on frames, models ready."""
    from ..estimator import SpinePoseEstimator

    boxes = BoxFile(args.boxes) if args.boxes else None
    detector = (
        None if args.detector.lower() == 'none' or boxes else args.detector
    )
    estimator = SpinePoseEstimator(
        args.mode,
        _device(args, environment),
        args.model_version,
        model=args.model,
        config=args.config,
        checkpoint=args.checkpoint,
        backend=args.backend,
        detector=detector,
        detector_config=args.detector_config,
        detector_size=args.det_size,
        bbox_threshold=args.det_score,
        nms_threshold=args.det_nms,
        max_people=args.max_detections,
        flip_test=args.flip_test,
        half=args.half,
        threads=args.threads,
        batch_size=args.batch_size,
        spinning=False,
        progress=not args.quiet,
    )
    _ = estimator.detector  # a missing download is said now, not later
    missing = [name for name in SPINE_ONLY if name not in estimator.names]
    if args.spine_only and missing:
        raise ValueError(
            f'--spine-only needs {", ".join(missing)}, which this model does '
            'not estimate'
        )
    header = Header(
        keypoints=tuple(estimator.names),
        model=getattr(estimator, 'model_name', ''),
        licence=getattr(estimator, 'licence', ''),
    )
    tools = Tools(
        estimator,
        draw=_draw(args) if args.vis_path or args.show else None,
        boxes_of=None if boxes is None else boxes.__getitem__,
    )
    return _with_time(args, tools), header


def _with_time(args, tools: Tools) -> Tools:
    if args.no_tracking:
        return tools
    from ..track import Tracker

    tools = tools._replace(make_tracker=lambda: Tracker(max_gap=args.max_gap))
    if args.smooth == 'live':
        from ..smooth import OneEuroSmoother

        live = _given(min_cutoff=args.min_cutoff, beta=args.beta)
        OneEuroSmoother(**live)  # a wrong setting is said now, not later
        return tools._replace(make_smoother=lambda: OneEuroSmoother(**live))
    if args.smooth == 'offline':
        from ..smooth import smooth_tracks

        later = _given(cutoff=args.cutoff, order=args.order)
        smooth_tracks((), **later)  # a wrong setting is said now, not later
        return tools._replace(
            smooth_all=lambda frames: smooth_tracks(frames, **later)
        )
    return tools


def _given(**options) -> dict:
    return {k: v for k, v in options.items() if v is not None}


def _draw(args) -> Callable:
    from ..draw import (
        DrawStyle,
        draw_people,
        side_by_side,
        skeleton_only,
    )

    style = DrawStyle(
        labels=args.labels,
        ids=not args.no_ids,
        boxes=args.draw_boxes,
        score_threshold=args.draw_score,
        background=args.background if args.draw == 'skeleton' else 'image',
    )
    options = dict(spine_only=args.spine_only, style=style)

    def draw(image, result):
        if args.draw == 'skeleton':
            return skeleton_only(result.size, result.people, **options)
        drawn = draw_people(image, result.people, **options)
        return side_by_side(image, drawn) if args.draw != 'overlay' else drawn

    return draw


def _settings(args, tools: Tools) -> ClipSettings:
    follows = not args.no_tracking
    searches = args.boxes is None and tools.estimator.detector is not None
    return ClipSettings(
        span=Span(args.start or Position(index=0), args.end, args.stride),
        det_interval=args.det_interval if follows and searches else 1,
        batch_frames=args.batch_frames,
        layout=args.json_layout,
        spine_only=args.spine_only,
        fingerprint=fingerprint(args),
    )


def fingerprint(args) -> dict:
    """Options that the results depend on, as plain values."""
    values = {
        f'--{name.replace("_", "-")}': value
        for name, value in sorted(vars(args).items())
        if name not in FREE and not name.startswith('_')
    }
    values['--start'], values['--end'] = (
        place and list(place) for place in (args.start, args.end)
    )
    values['--det-size'] = args.det_size and list(args.det_size)
    values['--sequence'] = args.sequence and str(args.sequence)
    return values


def _device(args, environment: Mapping[str, str]) -> str:
    if not args.hardware_acceleration:
        return 'cpu'
    local = environment.get('LOCAL_RANK') or environment.get('SLURM_LOCALID')
    if args.device == 'cuda' and local is not None:
        return f'cuda:{local}'
    return args.device


def _opener(args, jobs) -> Callable[[Job], Source]:
    """Opens clips; one that is alone at once, so that a wrong file is told
    before models are loaded."""

    def open_clip(job: Job) -> Source:
        return open_source(job.source.spec, args.sequence)

    if len(jobs) == 1 and jobs[0].source.kind == CLIP:
        source = open_clip(jobs[0])
        return lambda job: source
    return open_clip


def _check(args, rank: Rank) -> None:
    if not (args.vis_path or args.save_path or args.show):
        raise ValueError(
            'nothing would be written: give -o for a drawing, -s for results, '
            'or --show'
        )
    if args.save_format and not args.save_path:
        raise ValueError('--save-format needs -s, where to write to')
    if rank.shared and args.overwrite:
        raise ValueError(
            f'--overwrite with {rank.count} processes would have each replace '
            'what the others wrote: remove the old results first'
        )
    wants_trc = 'trc' in args.save_format or args.save_path.endswith('.trc')
    if args.no_tracking and wants_trc:
        raise ValueError(
            'trc is a file a person, which needs identities: leave out '
            '--no-tracking'
        )
    if args.no_tracking and args.smooth == 'offline':
        raise ValueError(
            '--smooth offline needs identities: leave out --no-tracking'
        )


def _report(args, rank: Rank):
    if args.log_json:
        return JsonReport(args.quiet)
    return TextReport(args.quiet, bar=rank.index == 0)


class _Window(Report):
    """Shows what is drawn and passes everything on."""

    def __init__(self, report: Report):
        self.report = report
        for name in ('begin', 'end', 'skipped', 'failed'):
            setattr(self, name, getattr(report, name))

    def frame(self, job: Job, seen: Seen) -> None:
        self.report.frame(job, seen)
        if seen.picture is not None and show(
            seen.picture, wait=job.source.kind != CLIP
        ):
            raise KeyboardInterrupt
